import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import type { Host } from "../../host/host.ts";

/** `~/` at the start of a configured path is the user's home. @throws CONFIG_INVALID when there is no home */
export function absolutePath(path: string, host: Host): string {
  if (!path.startsWith("~/")) return path;
  const home = host.system.homeDir();
  if (home === undefined)
    throw new BrokerError("CONFIG_INVALID", `${printable(path)}: this user has no home directory`);
  return `${home}/${path.slice(2)}`;
}

/** @throws CONFIG_INVALID when there is no such file; one that this user may not look for is somebody else's to judge */
export function checkFile(path: string, what: string, host: Host): void {
  const file = absolutePath(path, host);
  let there = true;
  try {
    there = host.files.stat(file) !== undefined;
  } catch {
    // A directory that cannot be entered by this user.
  }
  if (!there) throw new BrokerError("CONFIG_INVALID", `${what}: ${printable(file)} does not exist`);
}
