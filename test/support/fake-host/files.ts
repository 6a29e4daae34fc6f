import type { FileStat, Files } from "../../../src/host/host.ts";

interface Node {
  uid: number;
  mode: number;
  modifiedAtMs: number;
  /** Undefined for a directory. */
  content?: Uint8Array;
}

type Operation = "stat" | "read" | "list" | "write" | "mkdir" | "remove";
interface Fault {
  readonly operations: readonly Operation[];
  readonly prefix: string;
  readonly code: string;
}

const WRITING: readonly Operation[] = ["write", "mkdir", "remove"];

export function errno(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** A file system in memory with owners and modes; groups are not modelled, whoever is not the owner counts as others. */
export class FakeDisk {
  readonly #nodes = new Map<string, Node>([["/", { uid: 0, mode: 0o755, modifiedAtMs: 0 }]]);
  readonly #now: () => number;
  readonly #fileSystems = new Map<string, string>();
  #faults: Fault[] = [];
  /** Called before every write, with the path: a place for another process to come in between. */
  beforeWrite: ((path: string) => void) | undefined;
  /** What was written so that a power cut does not undo it. */
  readonly flushed = new Set<string>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Puts a file there, parents included (of the same owner, 0755). */
  file(path: string, content: string | Uint8Array, { uid = 1000, mode = 0o600 } = {}): void {
    this.#parents(path, uid);
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    this.#nodes.set(path, { uid, mode, modifiedAtMs: this.#now(), content: Uint8Array.from(bytes) });
  }

  directory(path: string, { uid = 1000, mode = 0o755 } = {}): void {
    this.#parents(path, uid);
    this.#nodes.set(path, { uid, mode, modifiedAtMs: this.#now() });
  }

  /** What is mounted there; everything else is ext4. */
  mount(path: string, fileSystem: string): void {
    this.#fileSystems.set(path, fileSystem);
  }

  chmod(path: string, mode: number): void {
    this.#must(path).mode = mode;
  }
  chown(path: string, uid: number): void {
    this.#must(path).uid = uid;
  }
  touch(path: string, modifiedAtMs: number): void {
    this.#must(path).modifiedAtMs = modifiedAtMs;
  }
  mode(path: string): number {
    return this.#must(path).mode;
  }
  text(path: string): string | undefined {
    const { content } = this.#nodes.get(path) ?? {};
    return content === undefined ? undefined : Buffer.from(content).toString("utf8");
  }
  bytes(path: string): Uint8Array {
    return this.#must(path).content ?? new Uint8Array();
  }
  exists(path: string): boolean {
    return this.#nodes.has(path);
  }
  /** Every file below a directory. */
  below(directory: string): string[] {
    return [...this.#nodes].flatMap(([path, { content }]) =>
      content !== undefined && path.startsWith(`${directory}/`) ? [path] : [],
    );
  }

  /** From now on, below `prefix`: ENOSPC or EROFS on every write, EACCES or EIO on what is named. */
  fail(code: string, prefix = "/", operations: readonly Operation[] = WRITING): void {
    this.#faults.push({ code, prefix, operations });
  }
  mend(): void {
    this.#faults = [];
  }

  /** The file system as this user meets it. */
  as(uid: number): Files {
    const guard = (operation: Operation, path: string): void => {
      const fault = this.#faults.find((one) => one.operations.includes(operation) && path.startsWith(one.prefix));
      if (fault !== undefined) throw errno(fault.code, path);
    };
    const may = (node: Node, bit: 1 | 2 | 4): boolean =>
      uid === 0 || ((node.uid === uid ? node.mode >> 6 : node.mode) & bit) !== 0;
    /** EACCES where a directory on the way cannot be entered. */
    const enter = (path: string): void => {
      const parts = path.split("/").slice(1, -1);
      let at = "";
      for (const part of parts) {
        at += `/${part}`;
        const node = this.#nodes.get(at);
        if (node === undefined) return;
        if (node.content !== undefined) throw errno("ENOTDIR", path);
        if (!may(node, 1)) throw errno("EACCES", path);
      }
    };
    const find = (path: string): Node | undefined => {
      try {
        enter(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
        throw error;
      }
      return this.#nodes.get(path);
    };
    const mayChange = (path: string): void => {
      const parent = this.#nodes.get(parentOf(path));
      enter(path);
      if (parent === undefined) throw errno("ENOENT", path);
      if (!may(parent, 2)) throw errno("EACCES", path);
    };
    const put = (path: string, content: Uint8Array): void => {
      guard("write", path);
      mayChange(path);
      this.#nodes.set(path, { uid, mode: 0o600, modifiedAtMs: this.#now(), content: Uint8Array.from(content) });
    };

    return {
      stat: (path): FileStat | undefined => {
        guard("stat", path);
        const node = find(path);
        if (node === undefined) return undefined;
        const { mode, modifiedAtMs, content } = node;
        const isFile = content !== undefined;
        return { uid: node.uid, mode, modifiedAtMs, size: content?.length ?? 0, isFile, isDirectory: !isFile };
      },
      read: (path, maxBytes = 1024 * 1024) => {
        guard("read", path);
        const node = find(path);
        if (node === undefined) return undefined;
        if (!may(node, 4)) throw errno("EACCES", path);
        if (node.content === undefined) throw errno("EINVAL", path);
        if (node.content.length > maxBytes) throw errno("EFBIG", path);
        return Uint8Array.from(node.content);
      },
      list: (directory) => {
        guard("list", directory);
        const node = find(directory);
        if (node === undefined || node.content !== undefined) return [];
        if (!may(node, 4)) throw errno("EACCES", directory);
        const names = [...this.#nodes.keys()].filter((path) => path !== "/" && parentOf(path) === directory);
        return names.map((path) => path.slice(path.lastIndexOf("/") + 1)).sort();
      },
      writePrivate: (path, content, lasting) => {
        this.beforeWrite?.(path);
        if (lasting === "flushed") this.flushed.add(path);
        if (this.#nodes.get(path)?.content === undefined && this.#nodes.has(path)) throw errno("EISDIR", path);
        put(path, content);
      },
      createPrivate: (path, content) => {
        this.beforeWrite?.(path);
        if (this.#nodes.has(path)) {
          guard("write", path);
          return false;
        }
        put(path, content);
        return true;
      },
      appendLine: (path, content) => {
        guard("write", path);
        const node = find(path);
        if (node === undefined) return put(path, content);
        if (node.content === undefined) throw errno("EISDIR", path);
        if (!may(node, 2)) throw errno("EACCES", path);
        node.content = Buffer.concat([node.content, content]);
      },
      resolve: async (path) => path,
      replace: async (path, content) => {
        this.beforeWrite?.(path);
        const { mode = 0o600, uid: owner = uid } = this.#nodes.get(path) ?? {};
        put(path, content);
        Object.assign(this.#must(path), { mode, uid: owner });
      },
      makePrivateDirectory: (path) => {
        const missing: string[] = [];
        for (let at = path; at !== "/" && !this.#nodes.has(at); at = parentOf(at)) missing.unshift(at);
        if (missing.length === 0) {
          if (this.#nodes.get(path)?.content !== undefined) throw errno("EEXIST", path);
          return;
        }
        for (const one of missing) {
          guard("mkdir", one);
          mayChange(one);
          this.#nodes.set(one, { uid, mode: 0o700, modifiedAtMs: this.#now() });
        }
      },
      checkCreatable: (directory) => {
        guard("write", directory);
        const node = find(directory);
        if (node === undefined) throw errno("ENOENT", directory);
        if (!may(node, 2)) throw errno("EACCES", directory);
      },
      fileSystem: (path) => {
        const mounts = [...this.#fileSystems].filter(([mount]) => path === mount || path.startsWith(`${mount}/`));
        return mounts.at(-1)?.[1] ?? "ext4";
      },
      remove: (path) => {
        guard("remove", path);
        if (find(path) === undefined) return;
        mayChange(path);
        this.#nodes.delete(path);
      },
    };
  }

  #parents(path: string, uid: number): void {
    for (let at = parentOf(path); at !== "/" && !this.#nodes.has(at); at = parentOf(at))
      this.#nodes.set(at, { uid, mode: 0o755, modifiedAtMs: this.#now() });
  }

  #must(path: string): Node {
    const node = this.#nodes.get(path);
    if (node === undefined) throw new Error(`the fake disk has no ${path}`);
    return node;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
