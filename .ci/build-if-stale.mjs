// Vitest's global setup: the tests run the built executable, so dist/ must not be older than what it is built from.
import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { buildProgram } from "./build.mjs";

const root = path.dirname(import.meta.dirname);
const SOURCES = ["src", "bin", ".ci/build.mjs", "package.json", "package-lock.json"];

export default async function setup() {
  // Another executable is under test: ours is not needed.
  if (process.env.STS_BROKER_UNDER_TEST) return;
  const builtMs = modifiedMs(path.join(root, "dist", "sts-broker.cjs"));
  if (Math.max(...SOURCES.map((name) => newestMs(path.join(root, name)))) <= builtMs) return;
  process.stdout.write("dist/ is older than its sources: building\n");
  await buildProgram();
}

function newestMs(file) {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return stat?.mtimeMs ?? 0;
  return Math.max(stat.mtimeMs, ...readdirSync(file).map((name) => newestMs(path.join(file, name))));
}

function modifiedMs(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
