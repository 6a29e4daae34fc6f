// The program under every Node it supports (nodes.json), and the standalone executable, which needs none.
//
//   node .ci/matrix.mjs                 the black box (test/bin) under each Node, without the files that contract.json leaves to --all
//   node .ci/matrix.mjs --all           every test under each Node
//   node .ci/matrix.mjs 24 standalone   these alone
//
// The standalone executable gets the system tests besides.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fetchNode, NODE_VERSIONS } from "./nodes.mjs";
import { standalone } from "./release/standalone.mjs";

const root = path.dirname(import.meta.dirname);

const everything = process.argv.includes("--all");
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const isWanted = (name) =>
  named.length === 0 || named.some((prefix) => name === prefix || name.startsWith(`${prefix}.`));

const left = JSON.parse(readFileSync(path.join(import.meta.dirname, "contract.json"), "utf8")).leftToAll;
const contract = readdirSync(path.join(root, "test", "bin"))
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => `test/bin/${name}`)
  .filter((file) => left[file] === undefined);

const runs = NODE_VERSIONS.map((version) => ({
  name: version,
  node: () => fetchNode(version),
  tests: everything ? [] : contract,
  env: {},
}));
if (process.platform === "linux") {
  const { executable } = await standalone();
  runs.push({
    name: "standalone",
    node: () => process.execPath,
    tests: [...(everything ? ["test/bin/"] : contract), "test/system/"],
    env: { STS_BROKER_UNDER_TEST: executable },
  });
} else process.stdout.write("matrix: standalone: skipped, it is built on Linux\n");

/** Vitest itself runs under that Node: it starts the program, and whatever else the tests start, with its own. */
function test({ node, tests, env }) {
  const program = node();
  const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
  return spawnSync(program, [vitest, "run", ...tests], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env, PATH: `${path.dirname(program)}${path.delimiter}${process.env.PATH ?? ""}` },
  }).status;
}

const wanted = runs.filter(({ name }) => isWanted(name));
if (wanted.length === 0) {
  process.stderr.write(
    `matrix: nothing is named ${named.join(" ")}; there are ${runs.map(({ name }) => name).join(", ")}\n`,
  );
  process.exit(2);
}
const verdicts = wanted.map((run) => {
  process.stdout.write(`\nmatrix: ${run.name}\n`);
  const startMs = performance.now();
  const status = test(run);
  return { ...run, status, tookSeconds: Math.round((performance.now() - startMs) / 1000) };
});
process.stdout.write("\n");
for (const { name, status, tookSeconds } of verdicts) {
  process.stdout.write(`matrix: ${name}: ${status === 0 ? "ok" : "FAILED"} (${tookSeconds} s)\n`);
}
if (verdicts.some(({ status }) => status !== 0)) process.exitCode = 1;
