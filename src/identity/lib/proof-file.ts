import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { SettingError } from "../../core/settings.ts";
import type { Host } from "../../host/host.ts";
import { absolutePath } from "./path.ts";

/** @returns the path as configured @throws SettingError when it is relative */
export function proofPath(value: unknown): string {
  const path = String(value);
  if (!/^(\/|~\/|\$\{?CREDENTIALS_DIRECTORY\}?\/|[a-z]:[\\/])/i.test(path)) {
    throw new SettingError(
      "path",
      `path "${printable(path)}" must be absolute, or start with ~/ or $CREDENTIALS_DIRECTORY/`,
    );
  }
  return path;
}

/**
 * What something else keeps fresh in a file, without the blanks around it.
 *
 * @param what as in "the token"
 * @returns the text, and how errors call it, as in "the token in /run/token"
 * @throws BrokerError SECRET_UNAVAILABLE
 */
export function readProofFile(
  path: string,
  what: string,
  host: Host,
  maxBytes: number,
): { readonly text: string; readonly name: string } {
  const file = absolutePath(withCredentials(path, host.env.CREDENTIALS_DIRECTORY), host);
  const name = `${what} in ${printable(file)}`;
  let bytes: Uint8Array | undefined;
  try {
    bytes = host.files.read(file, maxBytes);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new BrokerError(
      "SECRET_UNAVAILABLE",
      `${name} cannot be read (${code === "EACCES" ? "permission denied" : code})`,
      { cause },
    );
  }
  if (bytes === undefined) {
    throw new BrokerError("SECRET_UNAVAILABLE", `${name} does not exist`, {
      hint: "is the agent that writes it running?",
    });
  }
  return { text: new TextDecoder().decode(bytes).trim(), name };
}

function withCredentials(path: string, directory: string | undefined): string {
  const match = /^(?:\$CREDENTIALS_DIRECTORY|\$\{CREDENTIALS_DIRECTORY\})\/(.+)$/.exec(path);
  if (match === null) return path;
  if (directory === undefined || directory === "") {
    throw new BrokerError(
      "SECRET_UNAVAILABLE",
      "CREDENTIALS_DIRECTORY is not set, so this is not a systemd unit with credentials",
      { hint: "LoadCredential=NAME:/path in the unit" },
    );
  }
  return `${directory}/${match[1]}`;
}
