// A package that npm would not install here (another version, another processor's), fetched through npm into .cache, which outlives npm ci.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);

/**
 * Once; only what has the checksum named is kept.
 * @param {{ name: string, version: string, integrity: string, file: string }} wanted `file`: the one that is needed of it
 * @returns the file's path, which is there afterwards
 */
export function fetchPackage({ name, version, integrity, file }) {
  const directory = path.join(root, ".cache", `${name.replaceAll("/", "-")}-${version}`);
  const program = path.join(directory, file);
  if (existsSync(program)) return program;
  mkdirSync(path.dirname(directory), { recursive: true });
  const work = mkdtempSync(`${directory}.`);
  try {
    // From an empty folder: a package is fetched, nothing of ours is packed.
    run("npm", ["pack", "--silent", "--ignore-scripts", `${name}@${version}`], work);
    const [tarball] = readdirSync(work);
    const hash = createHash("sha512").update(readFileSync(path.join(work, tarball)));
    const found = `sha512-${hash.digest("base64")}`;
    if (found !== integrity) throw new Error(`${tarball} has the checksum ${found} instead of ${integrity}`);
    run("tar", ["-xzf", tarball, `package/${file}`], work);
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
