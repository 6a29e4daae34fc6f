import { isAbsolute } from "../core/absolute-path.ts";
import type { Host } from "../host/host.ts";

type Where = Pick<Host, "env" | "system">;

/** Directory of the system's configuration. STS_BROKER_SYSTEM_CONFIG names another one, for packagers and tests. */
export function systemDirectory(host: Where): string {
  const stated = host.env.STS_BROKER_SYSTEM_CONFIG;
  if (stated !== undefined && isAbsolute(stated, host.system.platform)) return stated;
  return host.system.platform === "win32"
    ? `${host.env.PROGRAMDATA ?? "C:\\ProgramData"}\\sts-broker`
    : "/etc/sts-broker";
}

/** The user's file. STS_BROKER_CONFIG names another one; undefined when the user has no home. */
export function userFile(host: Where): string | undefined {
  const stated = host.env.STS_BROKER_CONFIG;
  if (stated !== undefined && stated !== "") return stated;
  const xdg = host.env.XDG_CONFIG_HOME;
  // The XDG specification has relative paths ignored.
  if (xdg !== undefined && isAbsolute(xdg, host.system.platform)) return `${xdg}/sts-broker/config.toml`;
  const home = host.system.homeDir();
  return home === undefined ? undefined : `${home}/.config/sts-broker/config.toml`;
}
