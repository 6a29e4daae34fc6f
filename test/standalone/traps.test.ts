/** What a runtime of its own does behind a program's back, and what the executable has of the machine's libraries and of the other build. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { userInfo } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { CREDENTIAL_PROCESS, credentialsOf } from "../bin/black-box.ts";
import { BUILDING, BUILDING_MS, theStandalone } from "../packages/release.ts";
import { entryFile } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { type RunOptions, type RunResult, runProgram } from "../support/program.ts";
import { describeSystem } from "../system/servers/requirements.ts";

let job: MainJob;
let executable: string;

beforeAll(async () => {
  ({ executable } = await theStandalone());
  job = await startMainJob();
}, BUILDING_MS);
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterAll(() => job?.close());

const run = (args: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
  runProgram([executable, ...args], job.sandbox.env, options);
/** By Node, whatever is under test elsewhere. */
const runNpmBuild = (args: readonly string[]): Promise<RunResult> =>
  runProgram([process.execPath, path.resolve("dist", "sts-broker.cjs"), ...args], job.sandbox.env);

describeSystem("the executable", BUILDING, () => {
  it("holds its addons, needs no folder to put them in, and leaves nothing in /tmp", async () => {
    const temporary = path.join(job.sandbox.home, "tmp");
    mkdirSync(temporary);
    const env = { TMPDIR: temporary, BUN_TMPDIR: temporary };
    const before = readdirSync("/tmp").filter((name) => name.endsWith(".node"));
    for (const one of [env, { TMPDIR: "/nonexistent", BUN_TMPDIR: "/nonexistent" }]) {
      const { stdout } = await run(["doctor", "--json"], { env: one });
      const lines = JSON.parse(stdout) as { readonly id: string; readonly detail: string }[];
      expect(lines.filter(({ id }) => id === "addons").map(({ detail }) => detail)).toEqual([
        "keytar, kerberos can be loaded",
      ]);
    }
    expect(readdirSync(temporary)).toEqual([]);
    expect(readdirSync("/tmp").filter((name) => name.endsWith(".node"))).toEqual(before);
  });

  it("is who the machine says, not who $USER says", async () => {
    for (const USER of ["mallory", undefined])
      credentialsOf(await run(CREDENTIAL_PROCESS, { env: { USER, LOGNAME: USER, STS_BROKER_STORE: "none" } }));
    const names = job.world.sts.calls.slice(-2).map(({ params }) => params.RoleSessionName);
    expect(names).toEqual([expect.stringContaining(userInfo().username), names[0]]);
  });

  it("is nothing else without its payload, which strip(1) takes away", async () => {
    const stripped = path.join(job.sandbox.home, "stripped");
    copyFileSync(executable, stripped);
    await runProgram(["strip", stripped], job.sandbox.env);
    expect((await runProgram([stripped, "--version"], job.sandbox.env)).stdout).not.toBe(
      (await run(["--version"])).stdout,
    );
    rmSync(stripped);
  });

  it("is a general interpreter where BUN_BE_BUN=1 says so, and code is loaded where BUN_OPTIONS says so", async () => {
    const asked = await run(["-e", "console.log(6 * 7)"], { env: { BUN_BE_BUN: "1" } });
    expect(asked.stdout).toBe("42\n");
    const marker = path.join(job.sandbox.home, "loaded");
    const code = job.sandbox.file("code.cjs", `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "")`);
    await run(["--version"], { env: { BUN_OPTIONS: `--preload=${code}` } });
    expect(existsSync(marker)).toBe(true);
  });

  it("hands neither of those on to a program that brings a token or a secret", async () => {
    const seen = path.join(job.sandbox.home, "seen");
    const command = job.sandbox.file(
      "secret.sh",
      `#!/bin/sh\nenv > ${seen}\ncat ${job.sandbox.home}/billing.secret\n`,
      0o700,
    );
    job.configure({ secret: `{ command = ["${command}"] }`, profile: 'store = "none"' });
    credentialsOf(await run(CREDENTIAL_PROCESS, { env: { BUN_OPTIONS: "--smol", BUN_JSC_useJIT: "1" } }));
    const { stdout } = await runProgram(["cat", seen], job.sandbox.env);
    expect(stdout).toContain("HOME=");
    expect(stdout).not.toContain("BUN_");
  });
});

describeSystem("beside the npm package", BUILDING, () => {
  it("reads what that has stored, and stores what that can read", async () => {
    const before = job.counts();
    const minted = credentialsOf(await runNpmBuild(CREDENTIAL_PROCESS));
    expect(credentialsOf(await run(CREDENTIAL_PROCESS))).toEqual(minted);
    rmSync(entryFile(job.sandbox.cacheDirectory));
    const again = credentialsOf(await run(CREDENTIAL_PROCESS));
    expect(again).not.toEqual(minted);
    expect(credentialsOf(await runNpmBuild(CREDENTIAL_PROCESS))).toEqual(again);
    expect(job.counts()).toEqual({ token: before.token + 2, sts: before.sts + 2 });
  });

  it("makes one exchange when twenty processes of both ask together", async () => {
    const before = job.counts();
    const calls = Array.from({ length: 20 }, (_, index) => (index % 2 ? run : runNpmBuild)(CREDENTIAL_PROCESS));
    const [first, ...rest] = (await Promise.all(calls)).map(credentialsOf);
    for (const one of rest) expect(one).toEqual(first);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
  });
});
