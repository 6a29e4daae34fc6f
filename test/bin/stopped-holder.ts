/** A process that holds the lock and does not go on: Ctrl-Z, a debugger, a machine that was suspended in the middle. */
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import type { MainJob } from "../support/main-job.ts";
import type { RunResult } from "../support/program.ts";
import { CREDENTIAL_PROCESS, until } from "./black-box.ts";

const stopped = new Set<ChildProcess>();

/** It has asked the provider, and was stopped before it got an answer. */
export async function startStoppedHolder(job: MainJob): Promise<{ child: ChildProcess; ended: Promise<RunResult> }> {
  const before = job.counts().token;
  job.world.op.faults.next("/token", { kind: "hang" });
  let child: ChildProcess | undefined;
  const onStart = (started: ChildProcess): void => {
    child = started;
    stopped.add(started);
  };
  const ended = job.sandbox.run(CREDENTIAL_PROCESS, { onStart, deadlineMs: 100_000 });
  await until("the holder asks for a token", () => job.counts().token === before + 1);
  if (child === undefined) throw new Error("not started");
  child.kill("SIGSTOP");
  const { pid } = child;
  await until("the holder is stopped", () => /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
  return { child, ended };
}

/** Whatever a test left of them. */
export function endStoppedHolders(): void {
  for (const child of stopped) child.kill("SIGKILL");
  stopped.clear();
}
