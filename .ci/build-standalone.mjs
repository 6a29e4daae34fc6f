// Builds dist-standalone/sts-broker: the whole program in one executable, with Bun as its runtime and the native addons inside.
// esbuild bundles as it does for the npm package; files of src/host/bun stand in for those of the same name in src/host; Bun compiles.
//
//   node .ci/build-standalone.mjs [--target linux-x64|linux-arm64]

import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ADDONS, licences } from "./build.mjs";
import { fetchPackage } from "./fetch-package.mjs";
import { bundleStandalone } from "./standalone-bundle.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

/** By platform and processor, as Node calls them. */
const TARGETS = {
  "linux-x64": { bun: "bun-linux-x64" },
  "linux-arm64": { bun: "bun-linux-aarch64" },
};
const HERE = `${process.platform}-${process.arch}`;

/** Bun for that target; the one that compiles is this machine's. */
function bunFor(name) {
  const places = [`@oven/${name}/bin/bun`, "bun/bin/bun.exe"].map((place) => path.join(root, "node_modules", place));
  // Without its install script npm's bun is a line that says so.
  const found = places.find((place) => existsSync(place) && statSync(place).size > 1_000_000);
  if (found !== undefined && name === TARGETS[HERE]?.bun) return found;
  const { packages } = JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8"));
  const { version, integrity } = packages[`node_modules/@oven/${name}`];
  return fetchPackage({ name: `@oven/${name}`, version, integrity, file: "bin/bun" });
}

/** The addons that the executable for a target has inside, by package. */
export function addonFiles(target) {
  const packages = path.join(root, "node_modules");
  const addons = { keytar: path.join(packages, "keytar/prebuilds", target, "keytar.node") };
  // It is compiled on the machine itself.
  if (target === HERE) addons.kerberos = path.join(packages, "kerberos/build/Release/kerberos.node");
  for (const [name, file] of Object.entries(addons))
    if (!existsSync(file)) throw new Error(`the ${name} addon is missing: node test/setup.mjs fetches and builds it`);
  return addons;
}

/** @returns the executable's path */
export async function buildStandalone(target = HERE) {
  const wanted = TARGETS[target];
  if (TARGETS[HERE] === undefined)
    throw new Error(`it is built on Linux (${Object.keys(TARGETS).join(", ")}), not on ${HERE}`);
  if (wanted === undefined) throw new Error(`no such target: ${target} (there are ${Object.keys(TARGETS).join(", ")})`);
  const work = mkdtempSync(path.join(root, "node_modules", ".standalone-"));
  try {
    const addons = addonFiles(target);
    const metafile = await bundleStandalone(work, addons);
    const executable = path.join(work, "sts-broker");
    const flags = [
      ...["--compile", "--bytecode", "--format=esm", "--splitting", "--minify"],
      ...(target === HERE
        ? ["--target=bun"]
        : [`--target=bun-${target}`, `--compile-executable-path=${bunFor(wanted.bun)}`]),
      // A cached call ends before a compiled function would pay for its compilation.
      "--compile-jit-policy=100",
      // Otherwise it would read ./.env and run what ./bunfig.toml names, of whatever directory it is started in.
      ...["dotenv", "bunfig", "tsconfig", "package-json"].map((what) => `--no-compile-autoload-${what}`),
      ...ADDONS.flatMap((name) => ["-e", name]),
      `--outfile=${executable}`,
    ];
    const run = spawnSync(bunFor(TARGETS[HERE].bun), ["build", ...flags, "main.mjs"], { cwd: work, encoding: "utf8" });
    if (run.status !== 0) throw new Error(`bun build: ${run.stderr}${run.stdout}`);
    const out = path.join(root, "dist-standalone", target === HERE ? "" : target);
    mkdirSync(out, { recursive: true });
    const there = path.join(out, "sts-broker");
    // Whoever runs the old one meanwhile keeps it.
    const beside = `${there}.${process.pid}`;
    copyFileSync(executable, beside);
    renameSync(beside, there);
    writeFileSync(path.join(out, "LICENSES.txt"), licences(metafile.inputs));
    writeFileSync(path.join(out, "metafile.json"), JSON.stringify(metafile));
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
