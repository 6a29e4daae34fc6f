/** What is used of Bun, whose own types replace those of Node. @see https://bun.com/reference/bun/ffi */
declare module "bun:ffi" {
  type Pointer = number & { readonly __pointer: unique symbol };
  type Type = "i64" | "u32" | "ptr";
  interface Symbols {
    getpwuid(uid: number): Pointer | null;
    syscall(number: bigint, ...words: readonly bigint[]): bigint;
    /** The address of this thread's errno. */
    __errno_location(): Pointer | null;
  }
  export function dlopen<Name extends keyof Symbols>(
    library: string,
    functions: Readonly<Record<Name, { readonly args: readonly Type[]; readonly returns: Type }>>,
  ): { readonly symbols: Pick<Symbols, Name> };
  /** Of a view's first byte. */
  export function ptr(view: Uint8Array): Pointer;
  export const read: {
    ptr(from: Pointer, offset: number): Pointer;
    i32(from: Pointer, offset: number): number;
  };
  export class CString {
    constructor(from: Pointer);
    toString(): string;
  }
}

interface ImportMeta {
  /** Loads at once what import() would load later. */
  require(name: "bun:ffi"): typeof import("bun:ffi");
}

declare const Bun: {
  readonly CryptoHasher: new (
    algorithm: "sha256",
  ) => { update(data: string | Uint8Array): { digest(encoding: "hex"): string } };
};

/** A file that lies in the executable; its path there. */
declare module "*.node" {
  const path: string;
  export default path;
}
