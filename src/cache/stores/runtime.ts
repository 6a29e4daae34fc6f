import { Secret } from "../../core/secret.ts";
import type { Host } from "../../host/host.ts";
import { type CacheDirectory, existingPrivateDirectory, usablePrivateDirectory } from "../directory.ts";
import { attempt, MAX_ENTRY_BYTES, removeFile, removeFiles, removeStale } from "./private-files.ts";
import type { StoreKind } from "./store.ts";

/** File systems that live in memory. */
const IN_MEMORY = ["tmpfs", "ramfs"];

/** Plain 0600 files that no disk ever holds, except for what the machine swaps out. */
export const runtimeStore: StoreKind = {
  name: "runtime",
  summary: "0600 files in memory: RUNTIME_DIRECTORY or XDG_RUNTIME_DIR (else /run/user/UID), on tmpfs only",
  protects: "other users, stolen disks (unencrypted swap aside) and backups; not root, not programs of the same user",
  auto: true,
  open: (host) => ({
    read(key) {
      return attempt<Secret | undefined>(host, "runtime", existing(host), (directory) => {
        const bytes = host.files.read(fileOf(directory, key), MAX_ENTRY_BYTES);
        return { ok: true, value: bytes === undefined ? undefined : new Secret(new TextDecoder().decode(bytes)) };
      });
    },
    write(key, entry) {
      return attempt<void>(host, "runtime", usable(host), (directory) => {
        host.files.makePrivateDirectory(`${directory}/entries`);
        host.files.writePrivate(fileOf(directory, key), new TextEncoder().encode(entry.reveal()));
        removeStale(host, directory);
        return { ok: true, value: undefined };
      });
    },
    remove(key) {
      return attempt<boolean>(host, "runtime", existing(host), (directory) => ({
        ok: true,
        value: removeFile(host, fileOf(directory, key)),
      }));
    },
    clear() {
      return attempt(host, "runtime", existing(host), (directory) => ({
        ok: true,
        value: removeFiles(host, `${directory}/entries`),
      }));
    },
    check() {
      return attempt<void>(host, "runtime", usable(host), (directory) => {
        host.files.makePrivateDirectory(`${directory}/entries`);
        return { ok: true, value: undefined };
      });
    },
  }),
};

function fileOf(directory: string, key: string): string {
  return `${directory}/entries/${key}`;
}

function existing(host: Host): CacheDirectory {
  const base = runtimeDirectory(host);
  return base.ok ? existingPrivateDirectory(host, `${base.path}/sts-broker`) : base;
}

function usable(host: Host): CacheDirectory {
  const base = runtimeDirectory(host);
  if (!base.ok) return base;
  const kind = fileSystem(host, base.path);
  if (!IN_MEMORY.includes(kind)) {
    const what = kind === "another" ? "a file system that is not tmpfs" : kind;
    return { ok: false, detail: `${base.path} is on ${what}, and this store keeps nothing on a disk` };
  }
  return usablePrivateDirectory(host, `${base.path}/sts-broker`);
}

function fileSystem({ files }: Host, path: string): string {
  try {
    return files.fileSystem(path);
  } catch {
    return "another";
  }
}

/** The first that is there and ours: su and sudo leave the variables of somebody else, and cron has none. */
function runtimeDirectory({ env, system, files }: Host): CacheDirectory {
  if (system.uid === undefined)
    return { ok: false, detail: "there is no runtime directory on this platform", absent: true };
  const [unit] = (env.RUNTIME_DIRECTORY ?? "").split(":");
  const usual = `/run/user/${system.uid}`;
  let refused: string | undefined;
  for (const path of [unit, env.XDG_RUNTIME_DIR, usual]) {
    if (!path?.startsWith("/")) continue;
    let problem: string;
    try {
      const found = files.stat(path);
      if (found?.isDirectory && found.uid === system.uid && (found.mode & 0o022) === 0) return { ok: true, path };
      if (found === undefined) problem = "is not there";
      else if (!found.isDirectory) problem = "is not a directory";
      else if (found.uid !== system.uid) problem = `belongs to another user (uid ${found.uid})`;
      else problem = `can be written by others (mode ${found.mode.toString(8)})`;
    } catch (error) {
      problem = `cannot be entered (${(error as NodeJS.ErrnoException).code})`;
    }
    refused ??= `${path} ${problem}`;
  }
  return {
    ok: false,
    detail: `there is no runtime directory: ${refused}`,
    absent: true,
    hint: `loginctl enable-linger ${system.username()}`,
  };
}
