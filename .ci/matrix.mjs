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
  prepare: () => ({ node: fetchNode(version), env: {} }),
  tests: everything ? [] : contract,
}));
runs.push({
  name: "standalone",
  prepare: async () => {
    const { executable } = await standalone();
    return { node: process.execPath, env: { STS_BROKER_UNDER_TEST: executable } };
  },
  tests: [...(everything ? ["test/bin/"] : contract), "test/system/"],
  mayBeMissing: process.env.CI !== "true" && process.env.CI !== "1",
});

/** Vitest itself runs under that Node: it starts the program, and whatever else the tests start, with its own. */
function test({ node, env }, tests) {
  const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
  return spawnSync(node, [vitest, "run", ...tests], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, ...env, PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH ?? ""}` },
  }).status;
}

const wanted = runs.filter(({ name }) => isWanted(name));
if (wanted.length === 0) {
  process.stderr.write(
    `matrix: nothing is named ${named.join(" ")}; there are ${runs.map(({ name }) => name).join(", ")}\n`,
  );
  process.exit(2);
}

/** What cannot be had here fails with one line; the standalone is skipped with it, but on CI. */
async function verdict({ name, prepare, tests, mayBeMissing = false }) {
  process.stdout.write(`\nmatrix: ${name}\n`);
  const startMs = performance.now();
  let its;
  try {
    its = await prepare();
  } catch (error) {
    return { name, failed: !mayBeMissing, says: `${mayBeMissing ? "skipped" : "FAILED"}: ${error.message}` };
  }
  const failed = test(its, tests) !== 0;
  const tookSeconds = Math.round((performance.now() - startMs) / 1000);
  return { name, failed, says: `${failed ? "FAILED" : "ok"} (${tookSeconds} s)` };
}

const verdicts = [];
for (const run of wanted) verdicts.push(await verdict(run));
process.stdout.write("\n");
for (const { name, says } of verdicts) process.stdout.write(`matrix: ${name}: ${says}\n`);
if (verdicts.some(({ failed }) => failed)) process.exitCode = 1;
