import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import type { FileStat, Files } from "./host.ts";

const DEFAULT_MAX_BYTES = 1024 * 1024;

function errno(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function notThere(error: unknown): boolean {
  return errno(error) === "ENOENT" || errno(error) === "ENOTDIR";
}

/** throwIfNoEntry spares the usual miss an exception; a file where a directory should be still throws. */
function statOrNothing(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch (error) {
    if (notThere(error)) return undefined;
    throw error;
  }
}

function stat(file: string): FileStat | undefined {
  const found = statOrNothing(file);
  if (found === undefined) return undefined;
  return {
    uid: found.uid,
    mode: found.mode & 0o7777,
    size: found.size,
    modifiedAtMs: found.mtimeMs,
    isFile: found.isFile(),
    isDirectory: found.isDirectory(),
  };
}

function read(file: string, maxBytes = DEFAULT_MAX_BYTES): Uint8Array | undefined {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    if (notThere(error)) return undefined;
    throw error;
  }
  try {
    // Devices and pipes would block or never end; their size says nothing.
    if (!fstatSync(fd).isFile()) throw Object.assign(new Error("not a regular file"), { code: "EINVAL" });
    const buffer = Buffer.allocUnsafe(Math.min(fstatSync(fd).size, maxBytes) + 1);
    let length = 0;
    for (;;) {
      const got = readSync(fd, buffer, length, buffer.length - length, null);
      if (got === 0) return buffer.subarray(0, length);
      length += got;
      if (length > maxBytes) throw Object.assign(new Error("file too large"), { code: "EFBIG" });
      if (length === buffer.length) return Buffer.concat([buffer, readRest(fd, maxBytes - length)]);
    }
  } finally {
    closeSync(fd);
  }
}

/** A file that grew between fstat and read. */
function readRest(fd: number, maxBytes: number): Uint8Array {
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  for (;;) {
    const got = readSync(fd, buffer, length, buffer.length - length, null);
    if (got === 0) return buffer.subarray(0, length);
    length += got;
    if (length > maxBytes) throw Object.assign(new Error("file too large"), { code: "EFBIG" });
  }
}

function writeTemporary(file: string, content: Uint8Array): string {
  const temporary = `${file}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`;
  const fd = openSync(temporary, "wx", 0o600);
  try {
    let written = 0;
    while (written < content.length) written += writeSync(fd, content, written);
    // A restrictive umask (0777) would leave a file we cannot read ourselves.
    fchmodSync(fd, 0o600);
    // No fsync: after a power cut a cache may be empty, and against a kill the rename is enough.
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  return temporary;
}

function writePrivate(file: string, content: Uint8Array): void {
  const temporary = writeTemporary(file, content);
  try {
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
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
  // A restrictive umask (0777) would leave a directory we cannot enter ourselves.
  if (outcome === "made") chmodSync(directory, 0o700);
}

function makeOne(directory: string): "made" | "there" | "no parent" {
  try {
    mkdirSync(directory, 0o700);
    return "made";
  } catch (error) {
    if (errno(error) === "ENOENT") return "no parent";
    if (errno(error) === "EEXIST" && statSync(directory).isDirectory()) return "there";
    throw error;
  }
}

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
  makePrivateDirectory,
  remove(file) {
    rmSync(file, { force: true });
  },
};
