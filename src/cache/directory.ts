import { posixQuote } from "../core/posix-quote.ts";
import type { Host } from "../host/host.ts";

type Where = Pick<Host, "env" | "system" | "files">;
/** What judging takes, without changing anything. */
type Looking = Pick<Host, "env" | "system"> & { readonly files: Pick<Host["files"], "stat"> };

/** The user's own directory for sealed entries, locks and remembered failures, or why there is none. */
export type CacheDirectory =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly detail: string; readonly hint?: string; readonly absent?: true };

/** systemd's CACHE_DIRECTORY (the first of its list), else XDG_CACHE_HOME, else ~/.cache; undefined without a home. */
export function cacheDirectoryPath({ env, system }: Looking): string | undefined {
  const [systemd] = (env.CACHE_DIRECTORY ?? "").split(":");
  if (systemd?.startsWith("/")) return `${systemd}/sts-broker`;
  if (env.XDG_CACHE_HOME?.startsWith("/")) return `${env.XDG_CACHE_HOME}/sts-broker`;
  const home = system.homeDir();
  if (home === undefined) return undefined;
  return system.platform === "win32" ? `${env.LOCALAPPDATA ?? home}\\sts-broker\\cache` : `${home}/.cache/sts-broker`;
}

/** The user's cache directory, as `existingPrivateDirectory` judges it. */
export function existingCacheDirectory(host: Looking): CacheDirectory {
  const path = cacheDirectoryPath(host);
  return path === undefined ? NO_HOME : existingPrivateDirectory(host, path);
}

/** The user's cache directory, as `usablePrivateDirectory` makes it. */
export function usableCacheDirectory(host: Where): CacheDirectory {
  const path = cacheDirectoryPath(host);
  return path === undefined ? NO_HOME : usablePrivateDirectory(host, path);
}

const NO_HOME = {
  ok: false,
  detail: "there is no home directory to keep a cache in",
  hint: "set XDG_CACHE_HOME",
  absent: true,
} as const;

/** Judges what is there without creating anything: a directory that others can enter or own is refused, with the command that mends it. */
export function existingPrivateDirectory(host: Looking, path: string): CacheDirectory {
  const { uid } = host.system;
  let found: ReturnType<typeof host.files.stat>;
  try {
    found = host.files.stat(path, "as they are");
  } catch (error) {
    return { ok: false, detail: `${path} cannot be entered (${(error as NodeJS.ErrnoException).code})` };
  }
  if (found === undefined) return { ok: true, path };
  if (!found.isDirectory) {
    const what = found.isFile ? "not a directory" : "a symbolic link or a special file, which is not followed";
    return { ok: false, detail: `${path} is ${what}`, hint: `rm ${posixQuote(path)}` };
  }
  if (uid === undefined) return { ok: true, path };
  if (found.uid !== uid) {
    const hint = uid === 0 ? "run it as that user" : takeBack(path, found.uid, host.system.username());
    return { ok: false, detail: `${path} belongs to another user (uid ${found.uid})`, hint };
  }
  if ((found.mode & 0o077) !== 0) {
    return {
      ok: false,
      detail: `${path} is open to others (mode ${found.mode.toString(8)})`,
      hint: `chmod 700 ${posixQuote(path)}`,
    };
  }
  return { ok: true, path };
}

/** What root left behind is the user's to have. Anybody else may have planted what lies in it, so it goes. */
function takeBack(path: string, owner: number, user: string): string {
  return owner === 0 ? `sudo chown -R ${posixQuote(user)} ${posixQuote(path)}` : `sudo rm -r ${posixQuote(path)}`;
}

/** The directory, created when it is missing. `sudo` leaves nothing behind in a home that is not root's own. */
export function usablePrivateDirectory(host: Where, path: string): CacheDirectory {
  const directory = existingPrivateDirectory(host, path);
  if (!directory.ok) return directory;
  try {
    if (host.system.uid === 0) {
      const owner = ownerOfNearest(host, path);
      if (owner !== undefined && owner !== 0) {
        return {
          ok: false,
          detail: `${path} would lie in the home of another user (uid ${owner})`,
          hint: "sudo -H, or run it as that user",
        };
      }
    }
    host.files.makePrivateDirectory(path);
    // Judged again: somebody else may have made it in the meantime.
    return existingPrivateDirectory(host, path);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    if (code === "EPERM") {
      const hint = "set XDG_CACHE_HOME to a place on another file system";
      return { ok: false, detail: `${path} cannot be made private: its file system has no permissions (EPERM)`, hint };
    }
    if (code === "ENOSPC" || code === "EDQUOT") return { ok: false, detail: `${path}: no space left` };
    return { ok: false, detail: `${path} cannot be created (${code})` };
  }
}

function ownerOfNearest(host: Where, path: string): number | undefined {
  for (let at = path; at !== ""; at = at.slice(0, at.lastIndexOf("/"))) {
    const found = host.files.stat(at);
    if (found !== undefined) return found.uid;
  }
  return undefined;
}
