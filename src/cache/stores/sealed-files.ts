import { Secret } from "../../core/secret.ts";
import type { Host } from "../../host/host.ts";
import { existingCacheDirectory, usableCacheDirectory } from "../directory.ts";
import { attempt, LASTING, MAX_ENTRY_BYTES, removeFile, removeFiles, removeStale } from "./private-files.ts";
import type { Store, StoreResult } from "./store.ts";

/** Of AES-256. */
export const KEY_BYTES = 32;

/** Where a store has its sealing key: 32 bytes. `directory` is the user's cache directory. */
export interface SealingKey {
  /** Undefined when there is none that could open anything. */
  find(directory: string): Promise<StoreResult<Uint8Array | undefined>>;
  /** The key that is there, or a new one. */
  findOrMake(directory: string): Promise<StoreResult<Uint8Array>>;
  /** Whether `findOrMake` would work; nothing is made. */
  check(directory: string): Promise<StoreResult<void>>;
}

/**
 * Entries in the user's cache directory, sealed by AES-256-GCM and bound to their name: a torn, truncated or exchanged file is a miss.
 * The key is asked for only when there is an entry, so a store that keeps nothing costs a reader one failed open(2).
 *
 * @param folder of this store alone, below the cache directory
 */
export function sealedFiles(host: Host, name: string, folder: string, sealingKey: SealingKey): Store {
  const fileOf = (directory: string, key: string): string => `${directory}/${folder}/${key}`;
  return {
    read(key) {
      return attempt<Secret | undefined>(host, name, existingCacheDirectory(host), async (directory) => {
        const sealed = host.files.read(fileOf(directory, key), MAX_ENTRY_BYTES);
        if (sealed === undefined) return { ok: true, value: undefined };
        const found = await sealingKey.find(directory);
        if (!found.ok) return found;
        const opened = found.value === undefined ? undefined : await host.crypto.open(found.value, sealed, key);
        return { ok: true, value: opened === undefined ? undefined : new Secret(textOf(opened)) };
      });
    },
    write(key, entry) {
      return attempt<void>(host, name, usableCacheDirectory(host), async (directory) => {
        const found = await sealingKey.findOrMake(directory);
        if (!found.ok) return found;
        host.files.makePrivateDirectory(`${directory}/${folder}`);
        const plain = new TextEncoder().encode(entry.reveal());
        const lasting = key.startsWith(LASTING) ? "flushed" : undefined;
        host.files.writePrivate(fileOf(directory, key), await host.crypto.seal(found.value, plain, key), lasting);
        removeStale(host, directory);
        return { ok: true, value: undefined };
      });
    },
    remove(key) {
      return attempt<boolean>(host, name, existingCacheDirectory(host), (directory) => ({
        ok: true,
        value: removeFile(host, fileOf(directory, key)),
      }));
    },
    clear() {
      return attempt(host, name, existingCacheDirectory(host), (directory) => ({
        ok: true,
        value: removeFiles(host, `${directory}/${folder}`),
      }));
    },
    check() {
      return attempt<void>(host, name, usableCacheDirectory(host), async (directory) => {
        const found = await sealingKey.check(directory);
        if (found.ok) host.files.makePrivateDirectory(`${directory}/${folder}`);
        return found;
      });
    },
  };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}
