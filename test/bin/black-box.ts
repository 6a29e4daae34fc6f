/** What the black-box tests say again and again: a success, a failure, a world that is down. */
import { expect } from "vitest";
import type { MainJob } from "../support/main-job.ts";
import { programUnderTest, type RunOptions, type RunResult, runProgram, type Sandbox } from "../support/program.ts";

export const CREDENTIAL_PROCESS = ["credential-process", "--profile", "billing"] as const;

/** Tests of owners and foreign users need root; elsewhere they are skipped by name. */
export const isRoot = process.getuid?.() === 0;

export const NOBODY = 65534;

export interface ProcessCredentials {
  readonly Version: 1;
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly SessionToken: string;
  readonly Expiration: string;
}

/** The credentials of a run that succeeded and said nothing else. */
export function credentialsOf(result: RunResult): ProcessCredentials {
  expect(result.stderr).toBe("");
  return credentialsWithWarning(result);
}

/** The credentials of a run that succeeded, whatever it warned of. */
export function credentialsWithWarning(result: RunResult, warning?: RegExp): ProcessCredentials {
  expect(result, result.stderr).toMatchObject({ status: 0, signal: undefined });
  if (warning !== undefined) {
    expect(result.stderr).toMatch(/^sts-broker: warning: [^\n]+\n$/);
    expect(result.stderr).toMatch(warning);
  }
  expect(result.stdout).toMatch(/^\{[^\n]*\}\n$/);
  return JSON.parse(result.stdout) as ProcessCredentials;
}

export interface Failure {
  readonly status: number;
  readonly says: RegExp;
  readonly hint?: RegExp;
}

/** One clear line, at most one hint, nothing on stdout and nothing that could move a cursor. */
export function expectFailure(result: RunResult, { status, says, hint }: Failure): void {
  expect({ status: result.status, stdout: result.stdout }, result.stderr).toEqual({ status, stdout: "" });
  expect(result.stderr).toMatch(/^sts-broker: [^\n]+\n( {2}hint: [^\n]+\n)?$/);
  expect(result.stderr).not.toMatch(/[^\n\P{Cc}]/u);
  const [line = "", hintLine = ""] = result.stderr.split("\n");
  expect(line).toMatch(says);
  expect(line).not.toMatch(/this is a bug|[^.]\.$/);
  if (hint !== undefined) expect(hintLine).toMatch(hint);
}

/** A run through a shell line in which "$@" is the program: for closed and redirected streams, umask and the like. */
export function runInShell(
  sandbox: Sandbox,
  line: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<RunResult> {
  return runProgram(["sh", "-c", line, "sh", ...programUnderTest(), ...args], sandbox.env, options);
}

/** The program as another user, without root's groups. */
export function runAs(
  uid: number,
  sandbox: Sandbox,
  args: readonly string[],
  options?: RunOptions,
): Promise<RunResult> {
  const identity = [`--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"];
  return runProgram(["setpriv", ...identity, "--", ...programUnderTest(), ...args], sandbox.env, options);
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => boolean, deadlineMs = 20_000): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  while (!isSo()) {
    if (performance.now() > endMs) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Fills the cache and returns what was minted. */
export async function warmUp(job: MainJob): Promise<ProcessCredentials> {
  return credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS));
}
