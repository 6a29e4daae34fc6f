import { usableCacheDirectory } from "../../cache/directory.ts";
import type { Check } from "../check.ts";
import { codeOf, ok, warning } from "../finding.ts";

/** How processes of the user keep out of each other's way: one lock is taken and given back. */
export const locks: Check = {
  id: "locks",
  title: "locks",
  async run({ host }) {
    const directory = usableCacheDirectory(host);
    if (!directory.ok) return [warning(`no lock can be had: ${directory.detail}`, directory.hint)];
    try {
      host.files.makePrivateDirectory(`${directory.path}/locks`);
      const lock = await host.locks.tryAcquire(`${directory.path}/locks/doctor`);
      lock?.release();
    } catch (error) {
      return [
        warning(
          `no lock can be had in ${directory.path}/locks (${codeOf(error)}): many processes renew at once`,
          "set XDG_CACHE_HOME to a place on a local file system that can be written",
        ),
      ];
    }
    const kind = host.locks.kind();
    if (!kind.startsWith("abstract socket")) return [ok(kind)];
    return [
      warning(
        `${kind}: processes in other network namespaces are not seen`,
        (await host.probe.runtime()).standalone
          ? "a cache directory (XDG_CACHE_HOME) on a file system with locks"
          : "npm install -g sts-broker --include=optional",
      ),
    ];
  },
};
