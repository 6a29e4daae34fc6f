import { posixQuote } from "../../core/posix-quote.ts";
import type { Host } from "../../host/host.ts";
import type { CacheDirectory } from "../directory.ts";
import type { StoreProblem, StoreResult } from "./store.ts";

/** A session token may grow; a file larger than this was not written by us. */
export const MAX_ENTRY_BYTES = 256 * 1024;
/** No session lasts longer than 12 hours: what nobody touched for two days is of no use to anybody. */
const STALE_MS = 48 * 3_600_000;
/** A profile that failed last is out of order until somebody mends it, as `status --check` has it. */
const FAILURE_MS = 30 * 24 * 3_600_000;
/** No write takes that long: whoever wrote a temporary file of this age was killed. */
const TORN_MS = 3_600_000;

/**
 * How long what nobody touches is kept, by folder. Whatever store wrote last tidies up after all of them: another one may be in use since.
 * Of locks only what a killed writer left goes: a lock may be held, however old its file is.
 */
const KEPT_MS: Readonly<Record<string, number>> = {
  "": Number.POSITIVE_INFINITY,
  locks: Number.POSITIVE_INFINITY,
  logins: Number.POSITIVE_INFINITY,
  entries: STALE_MS,
  documents: STALE_MS,
  kernel: STALE_MS,
  systemd: STALE_MS,
  throttling: STALE_MS,
  failures: FAILURE_MS,
};

/** What a login left lasts for weeks, and is no business of whoever tidies. @see cache/vault.ts */
export const LASTING = "login-";

export function removeStale(host: Host, directory: string): void {
  const nowMs = host.clock.nowMs();
  for (const [folder, folderMs] of Object.entries(KEPT_MS)) {
    const path = folder === "" ? directory : `${directory}/${folder}`;
    try {
      for (const name of host.files.list(path)) {
        const keptMs = name.startsWith(LASTING) ? Number.POSITIVE_INFINITY : folderMs;
        const lastsMs = name.endsWith(".tmp") ? TORN_MS : keptMs;
        const file = `${path}/${name}`;
        const found = host.files.stat(file);
        if (found?.isFile && nowMs - found.modifiedAtMs > lastsMs) host.files.remove(file);
      }
    } catch {
      // The entry is written; what cannot be tidied is left.
    }
  }
}

/** @returns whether there was one */
export function removeFile({ files }: Host, file: string): boolean {
  const there = files.stat(file, "as they are") !== undefined;
  if (there) files.remove(file);
  return there;
}

/** Removes what is in a folder. @returns the names; none where there is no such folder */
export function removeFiles(host: Host, folder: string): string[] {
  if (host.files.stat(folder)?.isDirectory !== true) return [];
  return host.files.list(folder).filter((name) => removeFile(host, `${folder}/${name}`));
}

/** Works in a directory that was judged; what the file system refuses becomes a problem of the store. */
export async function attempt<T>(
  host: Host,
  store: string,
  directory: CacheDirectory,
  work: (directory: string) => StoreResult<T> | Promise<StoreResult<T>>,
): Promise<StoreResult<T>> {
  if (!directory.ok) return { ok: false, problem: directory };
  try {
    return await work(directory.path);
  } catch (error) {
    const { code = "unknown error", path = directory.path } = error as NodeJS.ErrnoException;
    host.log.debug("store", `${store}: ${path}: ${code}`);
    return { ok: false, problem: problemOf(host, directory.path, path, code) };
  }
}

function problemOf({ system }: Host, directory: string, path: string, code: string): StoreProblem {
  if (code === "ENOSPC" || code === "EDQUOT") return { detail: `${directory}: no space left` };
  if (code === "EACCES" || code === "EPERM")
    return { detail: `${path} cannot be written (${code})`, hint: mend(system.username(), directory) };
  if (code === "ELOOP" || code === "EEXIST" || code === "ENOTEMPTY")
    return { detail: `${path} is in the way (${code})`, hint: `rm -r ${posixQuote(path)}` };
  return { detail: `${directory}: ${code}` };
}

function mend(user: string, directory: string): string {
  const path = posixQuote(directory);
  return `sudo chown -R ${posixQuote(user)} ${path} && chmod -R u+rwX ${path}`;
}
