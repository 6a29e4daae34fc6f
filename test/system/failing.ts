// What every failure of the program has in common, for the tests that make it fail.

import { expect } from "vitest";
import type { RunResult } from "../support/program.ts";

export interface Failure {
  /** The first line, which callers quote, without our name. */
  readonly line: string;
  /** Empty without one. */
  readonly hint: string;
}

/** Empty stdout, the exit status, one line and at most one hint, and no control character that a terminal would obey. */
export function failureOf(result: RunResult, status: number): Failure {
  const { stderr } = result;
  expect({ ...result, tookMs: 0 }).toMatchObject({ status, stdout: "" });
  const lines = stderr.split("\n");
  expect(lines.pop(), stderr).toBe("");
  const [first = "", second = "  hint: ", ...more] = lines;
  expect(more, stderr).toEqual([]);
  expect(first).toMatch(/^sts-broker: (?!unexpected|warning)\S/);
  expect(second).toMatch(/^ {2}hint: /);
  expect(first.length, first).toBeLessThan(600);
  expect(stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/);
  return { line: first.replace("sts-broker: ", ""), hint: second.replace("  hint: ", "") };
}
