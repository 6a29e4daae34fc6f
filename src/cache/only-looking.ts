import type { Files, Host } from "../host/host.ts";

/**
 * The host with a disk that takes nothing: what a store would create is judged by what is there and left undone. So it can be asked
 * whether it works by somebody who only looks.
 */
export function onlyLooking(host: Host): Host {
  const { files, keyring } = host;
  const judgeParent = (path: string): void => judgeDirectory(files, parentOf(path));
  return {
    ...host,
    keyring: { get: (name) => keyring.get(name), add: async (_, key) => ({ ok: true, value: key }) },
    files: {
      stat: files.stat,
      read: files.read,
      list: files.list,
      checkCreatable: (path) => judgeDirectory(files, path),
      fileSystem: files.fileSystem,
      makePrivateDirectory: (path) => judgeDirectory(files, path),
      createPrivate(path) {
        judgeParent(path);
        return files.stat(path, "as they are") === undefined;
      },
      writePrivate: judgeParent,
      appendLine: judgeParent,
      resolve: files.resolve,
      replace: async (path) => judgeParent(path),
      remove() {},
    },
  };
}

/** Of a missing directory the nearest one above decides, where it would be made. */
function judgeDirectory(files: Files, directory: string): void {
  let at = directory;
  for (let found = files.stat(at); found === undefined; found = files.stat(at)) {
    const parent = parentOf(at);
    if (parent === at) break;
    at = parent;
  }
  if (files.stat(at)?.isDirectory === false) throw Object.assign(new Error("in the way"), { code: "EEXIST", path: at });
  files.checkCreatable(at);
}

function parentOf(path: string): string {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return end > 0 ? path.slice(0, end) : path.slice(0, 1);
}
