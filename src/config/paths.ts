import type { Host } from "../host/host.ts";

type Where = Pick<Host, "env" | "system">;

/** `~/` at the start of a path is the user's home; undefined when there is no home. */
export function expandHome(path: string, host: Where): string | undefined {
  if (!path.startsWith("~/")) return path;
  const home = host.system.homeDir();
  return home === undefined ? undefined : `${home}/${path.slice(2)}`;
}

export function isAbsolute(path: string, platform: NodeJS.Platform): boolean {
  return path.startsWith("/") || (platform === "win32" && /^([a-z]:[\\/]|\\\\)/i.test(path));
}

/** Directory of the system's configuration. STS_BROKER_SYSTEM_CONFIG names another one, for packagers and tests. */
export function systemDirectory(host: Where): string {
  const stated = host.env.STS_BROKER_SYSTEM_CONFIG;
  if (stated !== undefined && stated !== "") return stated;
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
