export type SyscallName = "add_key" | "keyctl" | "fcntl" | "memfd_create";

const NUMBERS: Partial<Record<NodeJS.Architecture, Record<SyscallName, number>>> = {
  x64: { add_key: 248, keyctl: 250, fcntl: 72, memfd_create: 319 },
  arm64: { add_key: 217, keyctl: 219, fcntl: 25, memfd_create: 279 },
};

/**
 * How the kernel counts its system calls; undefined on a platform for which we know no numbers.
 * @see the kernel's syscall_64.tbl (x86) and asm-generic/unistd.h
 */
export function syscallNumbers(): Readonly<Record<SyscallName, number>> | undefined {
  return process.platform === "linux" ? NUMBERS[process.arch] : undefined;
}
