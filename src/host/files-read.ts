/** The half of `files` that changes nothing: the program's own start needs no more. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import type { FileStat } from "./host.ts";

const DEFAULT_MAX_BYTES = 1024 * 1024;

/** Undefined when there is nothing of that name. */
export function stat(file: string, links: "follow" | "as they are" = "follow"): FileStat | undefined {
  const found = statOrNothing(file, links);
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

/** throwIfNoEntry spares the usual miss an exception; a file where a directory should be still throws. */
function statOrNothing(file: string, links: "follow" | "as they are"): Stats | undefined {
  try {
    return (links === "follow" ? statSync : lstatSync)(file, { throwIfNoEntry: false });
  } catch (error) {
    if (notThere(error)) return undefined;
    throw error;
  }
}

export function read(file: string, maxBytes = DEFAULT_MAX_BYTES): Uint8Array | undefined {
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

export function notThere(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
