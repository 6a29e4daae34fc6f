import { existsSync } from "node:fs";
import { type SyscallName, syscallNumbers } from "./syscall-numbers.ts";

/** A system call; the answer is negative, -errno, where it failed. Texts end in a zero byte. */
export type Syscall = (name: SyscallName, ...values: readonly (number | Uint8Array)[]) => number;

/** What is used of koffi. */
interface Koffi {
  load(library: null): {
    func(name: string, result: string, parameters: readonly string[]): (...values: readonly unknown[]) => number;
  };
  errno(): number;
}

/**
 * The door to the kernel, through libc's own syscall(2).
 *
 * @returns undefined on a platform for which we know no numbers
 * @throws when koffi is not installed
 */
export async function loadSyscall(): Promise<Syscall | undefined> {
  const numbers = syscallNumbers();
  if (numbers === undefined) return undefined;
  const koffi = await loadKoffi();
  // Pointers and numbers are of one size on both architectures.
  const word = "void *";
  const syscall = koffi.load(null).func("syscall", "long", ["long", word, word, word, word, word]);
  return (name, ...values) => {
    const words = Array.from({ length: 5 }, (_, index) => asWord(values[index] ?? 0));
    const result = syscall(numbers[name], ...words);
    return result < 0 ? -koffi.errno() : result;
  };
}

function asWord(value: number | Uint8Array): bigint | Uint8Array {
  return typeof value === "number" ? BigInt.asUintN(64, BigInt(value)) : value;
}

/** koffi's own search for its binary takes 2 ms; where it lies as published it is opened directly. */
async function loadKoffi(): Promise<Koffi> {
  const { arch } = process;
  // With musl there may be another binary, which koffi finds by itself; the wrong one could load and crash.
  if (!existsSync(`/lib/ld-musl-${arch === "arm64" ? "aarch64" : "x86_64"}.so.1`)) {
    const binary = `@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`;
    try {
      return ((await import(binary)) as { default: Koffi }).default;
    } catch {
      // Laid out another way, or not there at all.
    }
  }
  return ((await import("koffi")) as unknown as { default: Koffi }).default;
}
