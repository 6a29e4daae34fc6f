import os from "node:os";
import type { TryLock } from "../file-locks.ts";
import { openSyscall } from "./syscall.ts";

const ERRNO = os.constants.errno;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
/** struct flock on 64 bits: l_type, l_whence, l_start, l_len, l_pid; zeros mean the whole file. */
const FLOCK_BYTES = 32;

/** The locks that fs-native-extensions takes, so that both builds of the program wait for each other. @see fcntl(2) */
export async function loadFileLocks(): Promise<TryLock> {
  const syscall = openSyscall();
  if (syscall === undefined) throw new Error("no file locks on this platform");
  return (fd) => {
    const flock = new Uint8Array(FLOCK_BYTES);
    new DataView(flock.buffer).setInt16(0, F_WRLCK, true);
    const result = syscall("fcntl", fd, F_OFD_SETLK, flock);
    if (result >= 0) return true;
    if (-result === ERRNO.EAGAIN || -result === ERRNO.EACCES) return false;
    const code = nameOf(-result);
    throw Object.assign(new Error(`fcntl: ${code}`), { code, errno: result });
  };
}

function nameOf(errno: number): string {
  const [name] = Object.entries(ERRNO).find(([, number]) => number === errno) ?? [];
  return name ?? `Unknown system error ${-errno}`;
}
