// Vitest's global setup: the tests run the built executable, so dist/ must not be older than what it is built from.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { buildProgram } from "./build.mjs";

const root = path.dirname(import.meta.dirname);
const BUILDERS = ["build.mjs", "build-standalone.mjs", "standalone-bundle.mjs", "licence-text.mjs"].map(
  (name) => `.ci/${name}`,
);
const SOURCES = ["src", "bin", ...BUILDERS, "package.json", "package-lock.json"];

export default async function setup() {
  // Another executable is under test: ours is not needed.
  if (process.env.STS_BROKER_UNDER_TEST) return;
  if (!isStale(path.join(root, "dist", "sts-broker.cjs"))) return;
  process.stdout.write("dist/ is older than its sources: building\n");
  await buildProgram();
}

/** @returns whether the program in this file is not there, or older than what it is built from */
export function isStale(built) {
  return Math.max(...SOURCES.map((name) => newestMs(path.join(root, name)))) > modifiedMs(built);
}

function newestMs(file) {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  return Math.max(stat.mtimeMs, ...readdirSync(file).map((name) => newestMs(path.join(file, name))));
}

function modifiedMs(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
