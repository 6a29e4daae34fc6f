// A call that is held in the middle of its cold path, so that what it runs from can be replaced meanwhile.
import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CREDENTIAL_PROCESS, until } from "../bin/black-box.ts";
import { startMainJob } from "../support/main-job.ts";
import { type RunResult, runProgram } from "../support/program.ts";

/** @param meanwhile what happens between the program's start and its requests */
export async function midCall(argv: readonly string[], meanwhile: () => Promise<void>): Promise<RunResult> {
  const job = await startMainJob();
  const { sandbox } = job;
  const asked = path.join(sandbox.home, "asked");
  const go = path.join(sandbox.home, "go");
  const script = `touch '${asked}'; until [ -e '${go}' ]; do sleep 0.02; done; cat '${sandbox.home}/billing.secret'`;
  job.configure({ secret: `{ command = ["/bin/sh", "-c", ${JSON.stringify(script)}] }` });
  try {
    const run = runProgram([...argv, ...CREDENTIAL_PROCESS], sandbox.env);
    await until("the program asks for its secret", () => existsSync(asked));
    await meanwhile();
    writeFileSync(go, "");
    return await run;
  } finally {
    writeFileSync(go, "");
    await job.close();
  }
}
