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

/** Starts `count` processes at once. @returns wall time until the last has ended, and how many failed */
export async function together(
  count: number,
  { argv, env }: Command,
): Promise<{ tookMs: number; failed: number; outputs: Set<string> }> {
  const [program = "", ...args] = argv;
  const outputs = new Set<string>();
  let failed = 0;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: count }, () => {
      return new Promise<void>((resolve) => {
        const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "inherit"] });
        let text = "";
        child.stdout.on("data", (chunk: Buffer) => {
          text += chunk.toString();
        });
        child.once("close", (status) => {
          if (status !== 0) failed += 1;
          outputs.add(text);
          resolve();
        });
      });
    }),
  );
  return { tookMs: performance.now() - startMs, failed, outputs };
}
