import { Secret } from "../../core/secret.ts";
import type { Host } from "../../host/host.ts";
import { type CacheDirectory, existingCacheDirectory, usableCacheDirectory } from "../directory.ts";
import type { StoreKind, StoreResult } from "./store.ts";

const KEY_BYTES = 32;
/** A session token may grow; a file larger than this was not written by us. */
const MAX_ENTRY_BYTES = 256 * 1024;
/** No session lasts longer than 12 hours: what nobody touched for two days is of no use to anybody. */
const STALE_MS = 48 * 3_600_000;

/**
 * Sealed files in the user's cache directory: AES-256-GCM, with the key beside them. That is worth exactly as much as a 0600 file,
 * and is said so; what sealing adds is that a torn, truncated or exchanged file is a miss, and that a backup without the key is useless.
 */
export const fileStore: StoreKind = {
  name: "file",
  summary: "sealed files in the cache directory, key beside them: worth as much as a 0600 file",
  open: (host) => ({
    async read(key) {
      return attempt(host, existingCacheDirectory(host), (directory) => {
        const sealed = host.files.read(entryFile(directory, key), MAX_ENTRY_BYTES);
        if (sealed === undefined) return undefined;
        const sealingKey = host.files.read(keyFile(directory));
        const opened = sealingKey?.length === KEY_BYTES ? host.crypto.open(sealingKey, sealed, key) : undefined;
        return opened === undefined
          ? undefined
          : new Secret(Buffer.from(opened.buffer, opened.byteOffset, opened.length).toString("utf8"));
      });
    },
    async write(key, entry) {
      return attempt(host, usableCacheDirectory(host), (directory) => {
        host.files.makePrivateDirectory(`${directory}/entries`);
        const plain = new TextEncoder().encode(entry.reveal());
        host.files.writePrivate(entryFile(directory, key), host.crypto.seal(sealingKey(host, directory), plain, key));
        removeStale(host, directory);
      });
    },
    async remove(key) {
      return attempt(host, existingCacheDirectory(host), (directory) => host.files.remove(entryFile(directory, key)));
    },
  }),
};

function entryFile(directory: string, key: string): string {
  return `${directory}/entries/${key}`;
}

function keyFile(directory: string): string {
  return `${directory}/sealing-key`;
}

/** The key of this directory, made once; of two processes that make one together, the first wins for both. */
function sealingKey(host: Host, directory: string): Uint8Array {
  const file = keyFile(directory);
  const existing = host.files.read(file);
  if (existing?.length === KEY_BYTES) return existing;
  // A key of the wrong length opens nothing; whatever it sealed is lost already.
  if (existing !== undefined) host.files.remove(file);
  const fresh = host.crypto.randomBytes(KEY_BYTES);
  if (host.files.createPrivate(file, fresh)) return fresh;
  return host.files.read(file) ?? fresh;
}

function removeStale(host: Host, directory: string): void {
  const oldest = host.clock.nowMs() - STALE_MS;
  for (const folder of [`${directory}/entries`, `${directory}/failures`]) {
    for (const name of host.files.list(folder)) {
      const file = `${folder}/${name}`;
      if ((host.files.stat(file)?.modifiedAtMs ?? oldest) < oldest) host.files.remove(file);
    }
  }
}

function attempt<T>(host: Host, directory: CacheDirectory, work: (directory: string) => T): StoreResult<T> {
  if (!directory.ok) return { ok: false, problem: directory };
  try {
    return { ok: true, value: work(directory.path) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    const full = code === "ENOSPC" || code === "EDQUOT";
    host.log.debug("store", `file: ${code}`);
    return { ok: false, problem: { detail: `${directory.path}: ${full ? "no space left" : code}` } };
  }
}
