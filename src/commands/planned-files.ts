import type { Host } from "../host/host.ts";
import type { Plan } from "../setup/plan.ts";

/** The host with the files of a plan as they will be. */
export function withPlanned(host: Host, { changes }: Plan): Host {
  const { files, system } = host;
  const planned = new Map(changes.flatMap(({ path, target, after }) => [path, target].map((one) => [one, after])));
  return {
    ...host,
    files: {
      ...files,
      read: (path, maxBytes) => planned.get(path) ?? files.read(path, maxBytes),
      stat(path, links) {
        const content = planned.get(path);
        const there = files.stat(path, links);
        if (content === undefined || there !== undefined) return there;
        const made = { uid: system.uid ?? 0, mode: 0o600, modifiedAtMs: 0, isFile: true, isDirectory: false };
        return { ...made, size: content.length };
      },
    },
  };
}
