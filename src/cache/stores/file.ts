import type { Host } from "../../host/host.ts";
import { KEY_BYTES, type SealingKey, sealedFiles } from "./sealed-files.ts";
import type { StoreKind } from "./store.ts";

/**
 * Sealed files with the key beside them. That is worth exactly as much as a 0600 file, and is said so; what sealing adds is that a torn,
 * truncated or exchanged file is a miss, and that a backup without the key is useless.
 */
export const fileStore: StoreKind = {
  name: "file",
  summary: "sealed files in the cache directory, key beside them: worth as much as a 0600 file",
  protects: "other users; not root, stolen disks, or backups that hold the directory whole",
  auto: true,
  open: (host) => sealedFiles(host, "file", "entries", keyBeside(host)),
};

/** The key that lies in the cache directory itself. */
export function keyBeside(host: Host): SealingKey {
  return {
    find: async (directory) => ({ ok: true, value: readKey(host, keyFile(directory)) }),
    findOrMake: async (directory) => ({ ok: true, value: findOrMake(host, keyFile(directory)) }),
    check: async (directory) => {
      findOrMake(host, keyFile(directory));
      return { ok: true, value: undefined };
    },
  };
}

function keyFile(directory: string): string {
  return `${directory}/sealing-key`;
}

/** The key of this directory, made once; of two processes that make one together, the first wins for both. */
function findOrMake(host: Host, file: string): Uint8Array {
  const existing = readKey(host, file);
  if (existing !== undefined) return existing;
  const fresh = host.crypto.randomBytes(KEY_BYTES);
  if (host.files.createPrivate(file, fresh)) return fresh;
  const first = readKey(host, file);
  if (first !== undefined) return first;
  // What is there opens nothing, and whatever it sealed is lost already.
  host.files.writePrivate(file, fresh);
  return fresh;
}

/** Undefined for whatever opens nothing: not there, of the wrong length, not a file, not readable. */
function readKey(host: Host, file: string): Uint8Array | undefined {
  try {
    const key = host.files.read(file, KEY_BYTES);
    return key?.length === KEY_BYTES ? key : undefined;
  } catch {
    return undefined;
  }
}
