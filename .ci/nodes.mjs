// The Nodes that the program is tested under, as nodes.json names them: fetched through npm, as the platform packages that npm's `node`
// package installs, once, into .cache (which outlives npm ci), and only what has the checksum named there.
//
//   node .ci/nodes.mjs        fetch what is missing; print version and path of each
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const root = path.dirname(import.meta.dirname);
const integrities = JSON.parse(readFileSync(path.join(import.meta.dirname, "nodes.json"), "utf8"));

/** Oldest first. */
export const NODE_VERSIONS = Object.keys(integrities);

/** @returns the path of that Node, which is there afterwards */
export function fetchNode(version) {
  const directory = path.join(root, ".cache", `node-${version}`);
  const program = path.join(directory, "bin", "node");
  if (existsSync(program)) return program;
  const platform = `${process.platform}-${process.arch}`;
  const integrity = integrities[version]?.[platform];
  if (integrity === undefined) throw new Error(`.ci/nodes.json names no Node ${version} for ${platform}`);
  mkdirSync(path.dirname(directory), { recursive: true });
  const work = mkdtempSync(`${directory}.`);
  try {
    // From an empty folder: a package is fetched, nothing of ours is packed.
    run("npm", ["pack", "--silent", "--ignore-scripts", `node-${platform}@${version}`], work);
    const [tarball] = readdirSync(work);
    const found = `sha512-${createHash("sha512")
      .update(readFileSync(path.join(work, tarball)))
      .digest("base64")}`;
    if (found !== integrity) throw new Error(`${tarball} has the checksum ${found}, .ci/nodes.json says ${integrity}`);
    run("tar", ["-xzf", tarball, "package/bin/node"], work);
    renameSync(path.join(work, "package"), directory);
  } catch (error) {
    // Another run may have been faster.
    if (!existsSync(program)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return program;
}

function run(program, args, cwd) {
  const { status, signal, error, stderr } = spawnSync(program, args, { cwd, encoding: "utf8", maxBuffer: 64 << 20 });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed: ${error?.message ?? signal ?? stderr}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const version of NODE_VERSIONS) process.stdout.write(`${version} ${fetchNode(version)}\n`);
}
