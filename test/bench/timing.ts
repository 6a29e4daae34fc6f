import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

export interface Command {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface Timing {
  readonly name: string;
  readonly medianMs: number;
  readonly quartileMs: number;
}

function one({ name, argv, env }: Command): number {
  const [program = "", ...args] = argv;
  const start = process.hrtime.bigint();
  const { status } = spawnSync(program, args, { env, stdio: ["ignore", "ignore", "inherit"] });
  const tookMs = Number(process.hrtime.bigint() - start) / 1e6;
  if (status !== 0) throw new Error(`${name} ended with ${status}`);
  return tookMs;
}

/** Runs the commands in turn, so that whatever else the machine does hits all of them alike. */
export function interleaved(commands: readonly Command[], rounds: number): Timing[] {
  const times = commands.map((): number[] => []);
  for (const command of commands) for (let warm = 0; warm < 3; warm++) one(command);
  for (let round = 0; round < rounds; round++) {
    for (const [index, command] of commands.entries()) times[index]?.push(one(command));
  }
  return commands.map(({ name }, index) => {
    const sorted = (times[index] ?? []).sort((a, b) => a - b);
    return { name, medianMs: sorted[rounds >> 1] ?? 0, quartileMs: sorted[rounds >> 2] ?? 0 };
  });
}

/** Largest resident size in MiB, by GNU time; undefined where that is not installed. */
export function residentMiB({ argv, env }: Command): Promise<number | undefined> {
  if (!existsSync("/usr/bin/time")) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const child = spawn("/usr/bin/time", ["-f", "%M", ...argv], { env, stdio: ["ignore", "ignore", "pipe"] });
    let text = "";
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.once("close", () => resolve(Number(text.trim().split("\n").at(-1)) / 1024));
  });
}

/** One shell starts them, so that servers in this process can answer meanwhile. */
const TOGETHER = 'count=$1; shift; for i in $(seq "$count"); do ("$@" || echo failed) & done; wait';

/**
 * Starts `count` processes at once. What they say on stderr is not shown, a thousand times the same helps nobody.
 * @returns wall time until the last has ended, how many failed, and what the others answered
 */
export async function together(
  count: number,
  { argv, env }: Command,
): Promise<{ tookMs: number; failed: number; outputs: Set<string> }> {
  const startMs = performance.now();
  const shell = spawn("/bin/sh", ["-c", TOGETHER, "sh", String(count), ...argv], {
    env,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  shell.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await new Promise((resolve) => shell.once("close", resolve));
  const lines = text.split("\n").filter((line) => line !== "");
  const answers = lines.filter((line) => line !== "failed");
  return { tookMs: performance.now() - startMs, failed: lines.length - answers.length, outputs: new Set(answers) };
}
