import { readFileSync, writeFileSync } from "node:fs";
import { openSyscall } from "./syscall.ts";

const MFD_CLOEXEC = 1;

/**
 * Opens an addon that lies in the executable. Bun itself would write it to /tmp, where it stays, and where it cannot be loaded from
 * when that is mounted noexec; memory has neither trouble.
 *
 * @param file its path inside the executable
 * @throws an error with the dynamic linker's words, as of a library that the machine lacks
 * @see memfd_create(2)
 */
export function openEmbeddedAddon(file: string): unknown {
  const opened: { exports: unknown } = { exports: {} };
  const syscall = openSyscall();
  if (syscall === undefined) {
    process.dlopen(opened, file);
    return opened.exports;
  }
  const fd = syscall("memfd_create", Buffer.from("sts-broker-addon\0"), MFD_CLOEXEC);
  if (fd < 0) throw new Error(`memfd_create: errno ${-fd}`);
  writeFileSync(fd, readFileSync(file));
  // It stays open: the linker knows a library by its path, and would take the next addon under this number for the same one.
  process.dlopen(opened, `/proc/self/fd/${fd}`);
  return opened.exports;
}
