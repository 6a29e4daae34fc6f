// Builds dist-standalone/sts-broker: the whole program in one executable, with Bun as its runtime and the native addons inside.
// esbuild bundles as it does for the npm package; files of src/host/bun stand in for those of the same name in src/host; Bun compiles.
//
//   node .ci/build-standalone.mjs [--target linux-x64|linux-arm64]

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ADDONS, licences } from "./build.mjs";
import { bundleStandalone } from "./standalone-bundle.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** By its name here: where Bun for it is, and the addons. */
const TARGETS = {
  "linux-x64": { bun: "bun-linux-x64", keytar: "linux-x64", machine: "x64" },
  "linux-arm64": { bun: "bun-linux-aarch64", keytar: "linux-arm64", machine: "arm64" },
};

function bunFor(name) {
  const places = [`@oven/${name}/bin/bun`, "bun/bin/bun.exe"].map((place) => path.join(root, "node_modules", place));
  const found = places.find((place) => existsSync(place) && statSync(place).size > 1_000_000);
  if (found === undefined) throw new Error(`Bun for ${name} is not installed: npm ci, on a machine of that kind`);
  return found;
}

function addonFiles({ keytar }) {
  const addons = {
    keytar: path.join(root, "node_modules/keytar/prebuilds", keytar, "keytar.node"),
    kerberos: path.join(root, "node_modules/kerberos/build/Release/kerberos.node"),
  };
  for (const [name, file] of Object.entries(addons))
    if (!existsSync(file)) throw new Error(`the ${name} addon is missing: node test/setup.mjs fetches and builds it`);
  return addons;
}

/** @returns the executable's path */
export async function buildStandalone(target = "linux-x64") {
  const wanted = TARGETS[target];
  if (wanted === undefined) throw new Error(`no such target: ${target} (there are ${Object.keys(TARGETS).join(", ")})`);
  const work = mkdtempSync(path.join(root, "node_modules", ".standalone-"));
  try {
    const addons = addonFiles(wanted);
    const inputs = await bundleStandalone(work, addons);
    const executable = path.join(work, "sts-broker");
    const flags = ["--compile", "--bytecode", "--format=esm", "--splitting", "--minify", "--target=bun"];
    // A cached call ends before a compiled function would pay for its compilation.
    flags.push("--compile-jit-policy=100");
    // Otherwise it would read ./.env and run what ./bunfig.toml names, of whatever directory it is started in.
    const closed = ["dotenv", "bunfig", "tsconfig", "package-json"].map((what) => `--no-compile-autoload-${what}`);
    const run = spawnSync(
      bunFor(wanted.bun),
      ["build", ...flags, ...closed, ...ADDONS.flatMap((name) => ["-e", name]), `--outfile=${executable}`, "main.mjs"],
      { cwd: work, encoding: "utf8" },
    );
    if (run.status !== 0) throw new Error(`bun build: ${run.stderr}${run.stdout}`);
    const out = path.join(root, "dist-standalone");
    mkdirSync(out, { recursive: true });
    const there = path.join(out, "sts-broker");
    // Whoever runs the old one meanwhile keeps it.
    const beside = `${there}.${process.pid}`;
    copyFileSync(executable, beside);
    renameSync(beside, there);
    writeFileSync(path.join(out, "LICENSES.txt"), licences(inputs));
    return there;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [flag, target] = process.argv.slice(2);
  try {
    if (flag !== undefined && flag !== "--target") throw new Error(`${flag}: the only option is --target`);
    const file = await buildStandalone(target);
    process.stdout.write(`${path.relative(root, file)} (${Math.round(statSync(file).size / 1e6)} MB)\n`);
  } catch (error) {
    process.stderr.write(`build:standalone: ${error.message}\n`);
    process.exitCode = 1;
  }
}
