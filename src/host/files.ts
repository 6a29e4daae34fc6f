import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { notThere, read, stat } from "./files-read.ts";
import type { Files } from "./host.ts";

function errno(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function writeTemporary(file: string, content: Uint8Array, lasting?: "flushed"): string {
  const temporary = `${file}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`;
  const fd = openSync(temporary, "wx", 0o600);
  try {
    let written = 0;
    while (written < content.length) written += writeSync(fd, content, written);
    ensurePrivate(fd);
    // Otherwise not: after a power cut a cache may be empty, and against a kill the rename is enough.
    if (lasting === "flushed") fsyncSync(fd);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return temporary;
}

/** A restrictive umask (0777) would leave a file we cannot read ourselves. FAT refuses to change modes, and may be mounted private. */
function ensurePrivate(fd: number): void {
  const mode = fstatSync(fd).mode & 0o777;
  if (mode === 0o600) return;
  try {
    fchmodSync(fd, 0o600);
  } catch (error) {
    if ((mode & ~0o100) !== 0o600) throw error;
  }
}

function writePrivate(file: string, content: Uint8Array, lasting?: "flushed"): void {
  const temporary = writeTemporary(file, content, lasting);
  try {
    try {
      renameSync(temporary, file);
    } catch (error) {
      if (errno(error) !== "EISDIR") throw error;
      // An empty directory in its place is nobody's loss; one that holds something stays.
      rmdirSync(file);
      renameSync(temporary, file);
    }
    if (lasting === "flushed") flushDirectory(file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The new name lasts only when the directory does; where directories cannot be opened (Windows) the file system sees to it. */
function flushDirectory(file: string): void {
  let fd: number | undefined;
  try {
    fd = openSync(file.slice(0, file.lastIndexOf("/")) || "/", constants.O_RDONLY);
    fsyncSync(fd);
  } catch {
    // The content is flushed; this is all that can be done.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function createPrivate(file: string, content: Uint8Array): boolean {
  const temporary = writeTemporary(file, content);
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if (errno(error) === "EEXIST") return false;
    // File systems without hard links (some network and FAT mounts).
    if (errno(error) === "EPERM" || errno(error) === "ENOTSUP" || errno(error) === "ENOSYS") {
      if (existsSync(file)) return false;
      renameSync(temporary, file);
      return true;
    }
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** A pipe without a reader must not keep us, nor a link lead elsewhere. A log that may only be added to cannot be read. */
function openForAppending(file: string): { readonly fd: number; readonly readable: boolean } {
  const { O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const flags = O_APPEND | O_NOFOLLOW | O_NONBLOCK;
  try {
    return { fd: openSync(file, flags | O_RDWR), readable: true };
  } catch (error) {
    if (errno(error) === "EACCES") return { fd: openSync(file, flags | O_WRONLY), readable: false };
    if (errno(error) !== "ENOENT") throw error;
  }
  try {
    const fd = openSync(file, flags | O_RDWR | O_CREAT | O_EXCL, 0o600);
    ensurePrivate(fd);
    return { fd, readable: true };
  } catch (error) {
    // Somebody else made it in the meantime.
    if (errno(error) === "EEXIST") return { fd: openSync(file, flags | O_WRONLY), readable: false };
    throw error;
  }
}

const LINE_END = 0x0a;

function appendLine(file: string, line: Uint8Array): void {
  const { fd, readable } = openForAppending(file);
  try {
    const found = fstatSync(fd);
    if (!found.isFile()) throw Object.assign(new Error("not a regular file"), { code: "EINVAL" });
    if (line.length === 0) return;
    const begun = found.size > 0 && !(readable && endsLine(fd, found.size));
    const bytes = begun ? Buffer.concat([Buffer.of(LINE_END), line]) : line;
    if (writeSync(fd, bytes) < bytes.length)
      throw Object.assign(new Error("not all of it was taken"), { code: "ENOSPC" });
  } finally {
    closeSync(fd);
  }
}

function endsLine(fd: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return readSync(fd, last, 0, 1, size - 1) === 1 && last[0] === LINE_END;
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/"), path.lastIndexOf("\\")));
}

/** Level by level: Node's own recursive mkdir never ends where a directory cannot hold another (below /proc, HOME of a bare account). */
function makePrivateDirectory(directory: string): void {
  let outcome = makeOne(directory);
  if (outcome === "no parent") {
    const parent = parentOf(directory);
    if (parent !== "" && parent !== directory) {
      makePrivateDirectory(parent);
      outcome = makeOne(directory);
    }
  }
  if (outcome === "no parent") throw Object.assign(new Error("no such directory"), { code: "ENOENT" });
  if (outcome === "made") ensurePrivateDirectory(directory);
}

/** A restrictive umask (0777) would leave a directory we cannot enter ourselves. Where modes cannot be set (FAT), nothing is left behind. */
function ensurePrivateDirectory(directory: string): void {
  const isPrivate = () => process.platform === "win32" || (lstatSync(directory).mode & 0o777) === 0o700;
  if (isPrivate()) return;
  try {
    chmodSync(directory, 0o700);
    if (!isPrivate()) throw Object.assign(new Error("the mode cannot be set"), { code: "EPERM" });
  } catch (error) {
    rmdirSync(directory);
    throw error;
  }
}

function makeOne(directory: string): "made" | "there" | "no parent" {
  try {
    mkdirSync(directory, 0o700);
    return "made";
  } catch (error) {
    if (errno(error) === "ENOENT") return "no parent";
    if (errno(error) !== "EEXIST") throw error;
    const found = lstatSync(directory);
    if (found.isDirectory()) return "there";
    // Where a link leads, others may read; and nothing of ours is written or chmodded there.
    throw found.isSymbolicLink()
      ? Object.assign(new Error("a symbolic link"), { code: "ELOOP", path: directory })
      : error;
  }
}

/** Without a free block or inode. File systems that count no blocks, or make inodes as they need them, tell of none at all. */
function isFull(path: string): boolean {
  const { blocks, bavail, bfree, files: inodes, ffree } = statfsSync(path);
  const free = process.getuid?.() === 0 ? bfree : bavail;
  return (blocks > 0 && free <= 0) || (inodes > 0 && ffree <= 0);
}

/** @see the kernel's magic.h */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  16914836: "tmpfs",
  2240043254: "ramfs",
  61267: "ext4",
  1481003842: "xfs",
  2435016766: "btrfs",
  801189825: "zfs",
  2035054128: "overlay",
  26985: "nfs",
  4266872130: "smb",
};

export const files: Files = {
  stat,
  read,
  list(directory) {
    try {
      return readdirSync(directory).sort();
    } catch (error) {
      if (notThere(error)) return [];
      throw error;
    }
  },
  writePrivate,
  createPrivate,
  appendLine,
  resolve: async (path) => (await import("./replace-file.ts")).resolveLinks(path),
  replace: async (path, content) => (await import("./replace-file.ts")).replaceFile(path, content),
  makePrivateDirectory,
  checkCreatable(directory) {
    accessSync(directory, constants.W_OK | constants.X_OK);
    if (isFull(directory)) throw Object.assign(new Error("no space left"), { code: "ENOSPC", path: directory });
  },
  remove(file) {
    rmSync(file, { force: true });
  },
  fileSystem: (path) => FILE_SYSTEMS[statfsSync(path).type] ?? "another",
};
