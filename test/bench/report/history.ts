/** The file of history: a line of JSON for each recorded run, the last one being what README.md and its picture are made of. */
import type { Row } from "../row.ts";

/** From the project's folder. */
export const HISTORY = "test/bench/history.jsonl";

/** A whole run. */
export interface RunRecord {
  /** RFC 3339, UTC. */
  readonly date: string;
  readonly version: string;
  /** With a + when files differed from it. */
  readonly commit?: string;
  readonly node: string;
  readonly cpu: { readonly model: string; readonly cores: number };
  /** Load average of the minute before: more than the cores means that the times are not the program's alone. */
  readonly load: number;
  readonly rounds: number;
  readonly builds: readonly string[];
  readonly rows: readonly Row[];
  /** What could not be measured, with the reason. */
  readonly leftOut: readonly string[];
}

/** Digits beyond the noise are left out, so that a line stays readable in a diff. */
export function historyLine(record: RunRecord): string {
  const short = (_: string, value: unknown): unknown =>
    typeof value === "number" ? Math.round(value * 1_000) / 1_000 : value;
  return `${JSON.stringify(record, short)}\n`;
}

/** @throws Error when there is none */
export function lastRecord(history: string): RunRecord {
  const line = history.trimEnd().split("\n").at(-1);
  if (line === undefined || line === "") throw new Error(`${HISTORY} is empty: npm run bench -- --record`);
  return JSON.parse(line) as RunRecord;
}
