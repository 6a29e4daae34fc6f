import { closeSync, constants, fchmodSync, fstatSync, openSync } from "node:fs";
import type { TryLock } from "./file-locks.ts";
import type { Lock, Locks } from "./host.ts";

/**
 * Advisory locks on files in the user's own directory (`file-locks.ts`): the kernel drops them with their holder, SIGKILL included.
 * Where there are none (musl has no addon), the file system has no locks or the file is not ours to lock, a name in the abstract socket
 * namespace serves on Linux: it goes with its holder too. It is weaker in one way: another local user can take the name for as long
 * as they like. It shows them nothing, and whoever must have an answer goes on without it (`broker/turn.ts`).
 */
export function realLocks(load: () => Promise<TryLock>): Locks {
  let tryLock: TryLock | null | undefined;
  let kind = "not used yet";

  const loaded = async (): Promise<TryLock | null> => {
    if (tryLock === undefined) {
      try {
        tryLock = await load();
      } catch {
        tryLock = null;
      }
    }
    return tryLock;
  };

  return {
    kind: () => kind,
    async tryAcquire(file) {
      const lock = await loaded();
      let why = "fs-native-extensions is not available";
      if (lock !== null) {
        try {
          const held = lockFile(file, lock);
          kind = "file lock";
          return held;
        } catch (error) {
          why = whyNoFileLock(error as NodeJS.ErrnoException);
        }
      }
      if (process.platform !== "linux") {
        throw Object.assign(new Error("file locks are not available"), { code: "ENOLCK" });
      }
      kind = `abstract socket (${why})`;
      return abstractSocketLock(file);
    },
  };
}

function lockFile(file: string, lock: TryLock): Lock | undefined {
  const { O_RDWR, O_CREAT, O_NOFOLLOW = 0 } = constants;
  const fd = openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    if (!fstatSync(fd).isFile()) throw Object.assign(new Error("not a regular file"), { code: "EISDIR" });
    // A restrictive umask (0777) would leave a file that the next process cannot open.
    fchmodSync(fd, 0o600);
    if (lock(fd)) return { release: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** ENOLCK has no name in libuv, so the addon reports its number. */
const NO_LOCKS = ["ENOLCK", "Unknown system error -37", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"];
const NOT_OURS = ["ELOOP", "EISDIR", "ENXIO", "EACCES", "EPERM"];

/** @throws the error where a lock would be of no use either: a disk that takes no lock file takes no entry */
function whyNoFileLock(error: NodeJS.ErrnoException): string {
  const code = error.code ?? "";
  if (NO_LOCKS.includes(code)) return "the file system has no locks";
  if (NOT_OURS.includes(code)) return `the lock file is not ours to lock: ${code}`;
  throw error;
}

async function abstractSocketLock(name: string): Promise<Lock | undefined> {
  const net = await import("node:net");
  // sun_path holds 108 bytes; the file's own name is already a hash.
  const path = `\0sts-broker-${process.getuid?.() ?? 0}-${name.slice(-72)}`;
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen({ path }, () => {
      server.unref();
      resolve({ release: () => void server.close() });
    });
  });
}
