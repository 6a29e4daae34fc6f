/** For files that belong to the person, not to us: dotfiles with a mode, an owner and perhaps a symbolic link of their own. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";

export function resolveLinks(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    // A link that leads nowhere is not the same as nothing.
    if ((error as NodeJS.ErrnoException).code === "ENOENT" && !isLink(file)) return file;
    throw error;
  }
}

function isLink(file: string): boolean {
  return lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

export function replaceFile(file: string, content: Uint8Array): void {
  const target = resolveLinks(file);
  const old = statSync(target, { throwIfNoEntry: false });
  if (old !== undefined && !old.isFile()) throw Object.assign(new Error("not a regular file"), { code: "EINVAL" });
  const temporary = `${target}.${process.pid}-${Math.random().toString(36).slice(2)}.tmp`;
  const fd = openSync(temporary, NEW, 0o600);
  try {
    try {
      let written = 0;
      while (written < content.length) written += writeSync(fd, content, written);
      keepAttributes(fd, old);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Of the open file, since whoever owns the directory can put another in the place of its name.
 * The owner first: chown takes set-id bits away, and nobody else may read it before it is theirs.
 */
function keepAttributes(fd: number, old: Stats | undefined): void {
  if (process.platform === "win32") return;
  const now = fstatSync(fd);
  if (old !== undefined && (now.uid !== old.uid || now.gid !== old.gid)) fchownSync(fd, old.uid, old.gid);
  const mode = old === undefined ? 0o600 : old.mode & 0o7777;
  if ((now.mode & 0o7777) !== mode) fchmodSync(fd, mode);
}
