import { dlopen, ptr, read } from "bun:ffi";
import type { Syscall } from "../syscall.ts";
import { syscallNumbers } from "../syscall-numbers.ts";

const WORD = "i64";

export async function loadSyscall(): Promise<Syscall | undefined> {
  return openSyscall();
}

/** The door to the kernel, through libc's own syscall(2); undefined on a platform for which we know no numbers. */
export function openSyscall(): Syscall | undefined {
  const numbers = syscallNumbers();
  if (numbers === undefined) return undefined;
  const { symbols } = dlopen("libc.so.6", {
    syscall: { args: [WORD, WORD, WORD, WORD, WORD, WORD], returns: WORD },
    __errno_location: { args: [], returns: "ptr" },
  });
  return (name, ...values) => {
    const words = Array.from({ length: 5 }, (_, index) => asWord(values[index] ?? 0));
    const result = Number(symbols.syscall(BigInt(numbers[name]), ...words));
    if (result >= 0) return result;
    const errno = symbols.__errno_location();
    return errno === null ? -1 : -read.i32(errno, 0);
  };
}

function asWord(value: number | Uint8Array): bigint {
  return BigInt(typeof value === "number" ? value : ptr(value));
}
