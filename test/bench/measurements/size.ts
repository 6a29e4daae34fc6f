import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import type { Measurement } from "../measurement.ts";
import type { Row } from "../row.ts";

export const size: Measurement = {
  name: "size",
  summary: "size of what is installed, against Node's own executable",
  programs: [],
  async run({ builds }) {
    const base = statSync(realpathSync(process.execPath)).size / 1e6;
    return builds.flatMap(({ name, file }): Row[] => {
      const row = (what: string, bytes: number): Row => ({
        name: "size",
        what,
        build: name,
        value: bytes / 1e6,
        unit: "MB",
        base,
        ratio: bytes / 1e6 / base,
      });
      if (name === "standalone") return [row("installed", statSync(file).size)];
      const { size: packed, unpackedSize } = packedSizes();
      const optional = optionalPackages().reduce((sum, folder) => sum + folderSize(folder), 0);
      return [row("to fetch", packed), row("installed", unpackedSize), row("its optional packages", optional)];
    });
  },
};

/** Of what npm would publish; nothing is built or written for it. */
function packedSizes(): { readonly size: number; readonly unpackedSize: number } {
  const text = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [packed] = JSON.parse(text) as { readonly size: number; readonly unpackedSize: number }[];
  if (packed === undefined) throw new Error("npm pack names no package");
  return packed;
}

/** Folders of the optional packages and of what they need in turn, as they lie here. */
function optionalPackages(): readonly string[] {
  const found = new Set<string>();
  const add = (folder: string): void => {
    const manifest = path.join(folder, "package.json");
    if (found.has(folder) || !existsSync(manifest)) return;
    found.add(folder);
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(manifest, "utf8")) as Record<
      string,
      Record<string, string> | undefined
    >;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies }))
      add(path.resolve("node_modules", name));
  };
  const ours = JSON.parse(readFileSync("package.json", "utf8")) as { optionalDependencies: Record<string, string> };
  for (const name of Object.keys(ours.optionalDependencies)) add(path.resolve("node_modules", name));
  return [...found];
}

function folderSize(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}
