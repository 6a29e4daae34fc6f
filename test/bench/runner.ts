/** Runs programs and says what they cost, by a small process of its own that neither shares our memory nor waits for our servers. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { need } from "../system/servers/requirements.ts";

export interface Command {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** What one run cost, from before its start until it was waited for. */
export interface Cost {
  readonly wallMs: number;
  /** User and system. */
  readonly cpuMs: number;
  /** Largest resident size, in 10^6 bytes. */
  readonly peakMb: number;
}

export interface Ran extends Cost {
  /** Negative: the signal that ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Runner {
  /** One after the other: whoever asks while another runs waits. */
  run(command: Command): Promise<Ran>;
  /** @throws Error with what it said, unless it ended with 0 */
  succeed(command: Command): Promise<Ran>;
  stop(): void;
}

/** @throws Error without python3 */
export function startRunner(): Runner {
  const python = need("python3");
  if (!python.available) throw new Error(python.reason);
  // Below the project's folder, where the bench runs: the code that runs is bundled elsewhere.
  const script = path.resolve("test/bench/rusage.py");
  const child = spawn(python.path, ["-I", script], { stdio: ["pipe", "pipe", "inherit"], env: {} });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (command: Command): Promise<Ran> => {
    child.stdin.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error(`${script} ended with ${endOf(child)}`);
    return JSON.parse(value) as Ran;
  };
  let turn: Promise<unknown> = Promise.resolve();
  const run = (command: Command): Promise<Ran> => {
    const mine = turn.then(() => ask(command));
    turn = mine.catch(() => {});
    return mine;
  };
  return {
    run,
    succeed: async (command) => {
      const ran = await run(command);
      if (ran.status === 0) return ran;
      const said = ran.stderr.trim().split("\n")[0] || "it said nothing";
      throw new Error(`${command.argv.join(" ")} ended with ${ran.status}: ${said}`);
    },
    stop: () => void child.stdin.end(),
  };
}

function endOf({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ?? `status ${exitCode}`;
}

/** Runs the commands in turn, so that whatever else the machine does hits all of them alike. @returns the costs of each, by round */
export async function inTurn(
  runner: Pick<Runner, "succeed">,
  commands: readonly Command[],
  rounds: number,
): Promise<Cost[][]> {
  const costs = commands.map((): Cost[] => []);
  // Files come into the page cache, and compiled code is kept.
  for (const command of commands) for (let warm = 0; warm < 2; warm++) await runner.succeed(command);
  for (let round = 0; round < rounds; round++) {
    for (const [index, command] of commands.entries()) costs[index]?.push(await runner.succeed(command));
  }
  return costs;
}
