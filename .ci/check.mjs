// Everything that can be judged without running the tests. Each step is one line with its time; what a failed one said follows it.
//
//   node .ci/check.mjs
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { buildProgram } from "./build.mjs";
import { drifted } from "./generate.mjs";

const root = path.dirname(import.meta.dirname);
process.chdir(root);
const inCi = process.env.CI === "true" || process.env.CI === "1";

const SHELL_SCRIPTS = [
  ".ci/run",
  "completions/sts-broker.bash",
  ".ci/release/tarball/install.sh",
  ".ci/release/deb/prerm",
  ".ci/release/deb/postrm",
];

/** By name. A step answers with what is wrong, or nothing. */
const STEPS = {
  build: async () => void (await buildProgram()),
  "types (tsc)": () => packaged("typescript", "tsc", ["--noEmit"]),
  "lint and format (biome)": () =>
    packaged("@biomejs/biome", "biome", ["check", "--error-on-warnings", "--max-diagnostics=50"]),
  "unused code (knip)": () => packaged("knip", "knip", ["--no-progress"]),
  "generated files": async () =>
    (await drifted()).map(([file]) => `${file} is not what the registries say: node .ci/generate.mjs`).join("\n"),
  "man pages (mandoc)": manPages,
  "shell scripts (shellcheck)": () => installed("shellcheck", SHELL_SCRIPTS),
  "what must not be there": forbidden,
};

/** A program of node_modules, without npx's start. */
function packaged(name, bin, args) {
  const directory = path.join("node_modules", name);
  const { bin: bins } = JSON.parse(readFileSync(path.join(directory, "package.json"), "utf8"));
  return run(process.execPath, [path.join(directory, typeof bins === "string" ? bins : bins[bin]), ...args]);
}

/** A program of the machine; on CI it must not be missing. */
function installed(program, args) {
  if (spawnSync(program, ["--version"]).error === undefined) return run(program, args);
  return inCi ? `${program} is not installed` : { skipped: `${program} is not installed` };
}

function run(program, args) {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  if (status === 0) return undefined;
  return `${stdout ?? ""}${stderr ?? ""}`.trim() || `${program} ended with ${error?.message ?? signal ?? status}`;
}

/** Which other pages this machine has installed says nothing about ours. */
function manPages() {
  const said = installed("mandoc", ["-T", "lint", "-W", "style", ...filesIn("man")]);
  if (typeof said !== "string") return said;
  return said
    .split("\n")
    .filter((line) => !/referenced manual not found|outdated mandoc\.db/.test(line))
    .join("\n");
}

const PATTERNS = [
  {
    pattern: /\b(TODO|FIXME|XXX)\b/,
    in: ["src", "bin", "test"],
    why: "an unfinished thing belongs into the issue, not into the code",
  },
  {
    pattern: /\b(?:it|test|describe|suite|bench)(?:\.\w+)*\.only\(/,
    in: ["test"],
    why: "the other tests would not run",
  },
  {
    pattern: /\.(?:skip|todo)\((?!`[^`]*\(skipped: |"[^"]*\(skipped: )/,
    in: ["test"],
    why: "a test is skipped with its reason in its title, as in `… (skipped: fish is not installed)`",
  },
  {
    pattern: /"resolved": "https?:/,
    in: ["package-lock.json"],
    why: "an address of one registry; .npmrc keeps it out",
  },
  {
    pattern: /(?:^|[^\w-])registry\s*=|https?:\/\/registry\./,
    in: ["package-lock.json", "package.json", ".npmrc", "README.md", "man"],
    why: "the address of a registry",
  },
];

function forbidden() {
  const found = PATTERNS.flatMap(({ pattern, in: places, why }) =>
    places.flatMap(filesIn).flatMap((file) =>
      readFileSync(file, "utf8")
        .split("\n")
        .flatMap((line, index) =>
          pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}  (${why})`] : [],
        ),
    ),
  );
  return found.join("\n");
}

function filesIn(place) {
  if (/\.\w+$/.test(place)) return [place];
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name));
}

for (const [name, step] of Object.entries(STEPS)) {
  const startMs = performance.now();
  let wrong;
  try {
    wrong = await step();
  } catch (error) {
    wrong = error.stack ?? String(error);
  }
  const tookMs = `${(performance.now() - startMs).toFixed(0)} ms`;
  if (wrong?.skipped !== undefined) process.stdout.write(`check: ${name}: skipped, ${wrong.skipped}\n`);
  else if (!wrong) process.stdout.write(`check: ${name}: ok (${tookMs})\n`);
  else {
    process.stdout.write(`check: ${name}: FAILED (${tookMs})\n${wrong}\n`);
    process.exitCode = 1;
  }
}
