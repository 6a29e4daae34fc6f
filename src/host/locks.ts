import { closeSync, constants, fchmodSync, openSync } from "node:fs";
import type { Lock, Locks } from "./host.ts";

type TryLock = (fd: number) => boolean;

/**
 * Advisory locks on files in the user's own directory, through fs-native-extensions: the kernel drops them with their holder,
 * SIGKILL included. Where its addon cannot load (musl) or the file system has no locks, a name in the abstract socket namespace
 * serves on Linux: it goes with its holder too. It is weaker in one way: another local user can take the name, which delays us
 * until the deadline but shows nothing.
 */
export function realLocks(loadAddon: () => Promise<{ tryLock: TryLock }>): Locks {
  let tryLock: TryLock | null | undefined;
  let kind = "not used yet";

  const addon = async (): Promise<TryLock | null> => {
    if (tryLock === undefined) {
      try {
        tryLock = (await loadAddon()).tryLock;
        kind = "file lock (fs-native-extensions)";
      } catch {
        tryLock = null;
      }
    }
    return tryLock;
  };

  return {
    kind: () => kind,
    async tryAcquire(file) {
      const lock = await addon();
      if (lock !== null) {
        const fd = openSync(file, constants.O_RDWR | constants.O_CREAT, 0o600);
        try {
          // A restrictive umask (0777) would leave a file that the next process cannot open.
          fchmodSync(fd, 0o600);
          if (lock(fd)) return { release: () => closeSync(fd) };
          closeSync(fd);
          return undefined;
        } catch (error) {
          closeSync(fd);
          if (!isUnsupported(error)) throw error;
        }
      }
      if (process.platform !== "linux") {
        throw Object.assign(new Error("file locks are not available"), { code: "ENOLCK" });
      }
      kind = "abstract socket (fs-native-extensions is not available)";
      return abstractSocketLock(file);
    },
  };
}

function isUnsupported(error: unknown): boolean {
  return ["ENOLCK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EINVAL"].includes((error as NodeJS.ErrnoException).code ?? "");
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
