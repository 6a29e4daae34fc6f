import type { Build } from "./builds.ts";
import type { Row } from "./row.ts";
import type { Command, Runner } from "./runner.ts";

/** What a measurement works with. */
export interface Bench {
  readonly builds: readonly Build[];
  readonly runner: Runner;
  /** `node -e 0` in a clean environment. */
  readonly bare: Command;
  /** Of what takes tens of milliseconds; what takes longer divides it. */
  readonly rounds: number;
  /** A look, not a figure: fewer delays, smaller crowds. */
  readonly quick: boolean;
  /** Something that is not measured, by name, with the reason. */
  leaveOut(what: string): void;
  /** A part that ended in an error: the others go on, and the whole run has failed. */
  fail(what: string, error: unknown): void;
}

/** One subject. */
export interface Measurement {
  /** For --only, and in the history. */
  readonly name: string;
  /** What is measured, held against what; the heading of its part of the table. */
  readonly summary: string;
  /** Programs of the machine without which it is left out. */
  readonly programs: readonly string[];
  run(bench: Bench): Promise<readonly Row[]>;
}
