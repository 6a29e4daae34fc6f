/**
 * npm run bench: figures of one run on one machine, as ratios, since the machine decides about milliseconds. What is compared has the same
 * clean environment and runs in turn.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { findBuilds } from "./builds.ts";
import type { Bench } from "./measurement.ts";
import { missing } from "./missing.ts";
import { type BenchOptions, parseOptions, UsageError } from "./options.ts";
import { MEASUREMENTS } from "./registry.ts";
import { HISTORY, historyLine, type RunRecord } from "./report/history.ts";
import { partOfTable } from "./report/table.ts";
import type { Row } from "./row.ts";
import { startRunner } from "./runner.ts";

interface Outcome {
  readonly record: RunRecord;
  /** Measurements and parts of them that ended in an error, by name. */
  readonly failed: readonly string[];
}

async function bench({ rounds, quick, only }: BenchOptions, say: (text: string) => void): Promise<Outcome> {
  const { present, absent } = findBuilds();
  const start = whereAndWhen();
  const leftOut: string[] = [];
  const failed: string[] = [];
  // A record says nothing of where on this machine the project lies.
  const project = `${process.cwd()}/`;
  const runner = startRunner();
  const { PATH = "" } = process.env;
  const context: Bench = {
    builds: present,
    runner,
    bare: { argv: [process.execPath, "-e", "0"], env: { PATH }, cwd: tmpdir() },
    rounds,
    quick,
    leaveOut: (what) => {
      leftOut.push(what.replaceAll(project, ""));
      say(`left out: ${what}\n`);
    },
    fail: (what, error) => {
      failed.push(what);
      say(`failed: ${what}: ${error instanceof Error ? error.message : error}\n`);
    },
  };
  for (const reason of absent) context.leaveOut(reason);
  const rows: Row[] = [];
  for (const measurement of MEASUREMENTS) {
    if (only !== undefined && !only.includes(measurement.name)) continue;
    const reason = missing(measurement.programs);
    if (reason !== undefined) {
      context.leaveOut(`${measurement.name}: ${reason}`);
      continue;
    }
    try {
      const found = await measurement.run(context);
      rows.push(...found);
      say(`\n${partOfTable(measurement, found)}`);
    } catch (error) {
      context.fail(measurement.name, error);
    }
  }
  runner.stop();
  const record = { ...start, rounds, builds: present.map(({ name }) => name), rows, leftOut };
  return { record, failed };
}

function whereAndWhen(): Omit<RunRecord, "rounds" | "builds" | "rows" | "leftOut"> {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  const commit = commitOf();
  const [load = 0] = loadavg();
  const [{ model = "unknown" } = {}, ...others] = cpus();
  return {
    date: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
    version,
    ...(commit === undefined ? {} : { commit }),
    node: process.version,
    cpu: { model: model.trim(), cores: others.length + 1 },
    load,
  };
}

/** With a + when files differ from it. */
function commitOf(): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    return git("rev-parse", "--short=12", "HEAD") + (git("status", "--porcelain", "-uno") === "" ? "" : "+");
  } catch {
    return undefined;
  }
}

async function main(args: readonly string[]): Promise<number> {
  const names = MEASUREMENTS.map(({ name }) => name);
  const options = parseOptions(args, names);
  // With the JSON on stdout, nothing else is.
  const out = options.json === "-" ? process.stderr : process.stdout;
  const { record, failed } = await bench(options, (text) => void out.write(text));
  const goals = record.rows.filter(({ met }) => met !== undefined);
  const missed = goals.filter(({ met }) => met === false).length;
  out.write(`\ngoals: ${goals.length - missed} met, ${missed} missed\n`);
  const json = `${JSON.stringify(record, null, 2)}\n`;
  if (options.json === "-") process.stdout.write(json);
  else if (options.json !== undefined) writeFileSync(options.json, json);
  if (failed.length > 0) {
    process.stderr.write(`bench: failed: ${failed.join(", ")}\n`);
    return 1;
  }
  if (options.record) {
    appendFileSync(HISTORY, historyLine(record));
    execFileSync(process.execPath, [".ci/generate.mjs"], { stdio: ["ignore", 2, 2] });
  }
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = 2;
}
// A server of a measurement that failed may still listen.
process.exit();
