import { lstatSync, type Stats, statSync } from "node:fs";
import type { FileStat } from "./host.ts";

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

export function notThere(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}
