// AWS's own files and variables are traps here: no run opens, reads or uses them, starts a program, or, when the answer is cached,
// opens a network socket. Seen from outside, by strace.

import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunResult, runProgram } from "../support/program.ts";
import { describeSystem } from "./servers/requirements.ts";

describeSystem("what a run touches", ["strace"], () => {
  let job: MainJob;
  beforeAll(async () => {
    job = await startMainJob();
    const trap = path.join(job.sandbox.home, "trap-was-sprung");
    job.sandbox.file(
      ".aws/config",
      `[default]\nregion = trap-1\nendpoint_url = https://trap.invalid\ncredential_process = /usr/bin/touch ${trap}\n` +
        `[profile trap]\nsso_start_url = https://trap.invalid\ncredential_process = /usr/bin/touch ${trap}\n`,
    );
    job.sandbox.file(".aws/credentials", "[default]\naws_access_key_id = AKIATRAP\naws_secret_access_key = trap\n");
    job.sandbox.file(".aws/trap.token", "trap");
  });
  afterAll(() => job?.close());

  const traps = (): Record<string, string> => ({
    AWS_PROFILE: "trap",
    AWS_DEFAULT_PROFILE: "trap",
    AWS_ACCESS_KEY_ID: "AKIATRAP",
    AWS_SECRET_ACCESS_KEY: "trap",
    AWS_SESSION_TOKEN: "trap",
    AWS_CONFIG_FILE: path.join(job.sandbox.home, ".aws", "config"),
    AWS_SHARED_CREDENTIALS_FILE: path.join(job.sandbox.home, ".aws", "credentials"),
    AWS_WEB_IDENTITY_TOKEN_FILE: path.join(job.sandbox.home, ".aws", "trap.token"),
    AWS_ROLE_ARN: "arn:aws:iam::000000000000:role/trap",
    AWS_ROLE_SESSION_NAME: "trap",
    AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:1/trap",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1/trap",
    AWS_ENDPOINT_URL: "https://trap.invalid",
    AWS_ENDPOINT_URL_STS: "https://trap.invalid",
    AWS_REGION: "trap-1",
    AWS_LAMBDA_FUNCTION_NAME: "trap",
    _X_AMZN_TRACE_ID: "trap",
    DISPLAY: ":99",
  });

  /** System calls as strace writes them, one a line. */
  async function traced(name: string): Promise<{ readonly result: RunResult; readonly calls: readonly string[] }> {
    const trace = path.join(job.sandbox.home, `${name}.trace`);
    const strace = ["strace", "-f", "-s", "300", "-e", "trace=openat,open,connect,socket,execve", "-o", trace];
    const argv = [...strace, ...programUnderTest(), "credential-process", "--profile", "billing"];
    const result = await runProgram(argv, job.sandbox.env, { env: traps() });
    return { result, calls: readFileSync(trace, "utf8").split("\n") };
  }

  const opened = (calls: readonly string[]) => calls.filter((call) => /\bopen(at)?\(/.test(call));
  const executed = (calls: readonly string[]) => calls.filter((call) => /\bexecve\(.* = 0$/.test(call));
  const network = (calls: readonly string[]) => calls.filter((call) => /\bAF_INET6?\b|sa_family=AF_INET/.test(call));

  test("a cold run opens nothing of AWS's, starts no program, and connects to the provider and STS alone", async () => {
    const { result, calls } = await traced("cold");
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(result.stdout).not.toMatch(/trap/i);
    expect(opened(calls).length).toBeGreaterThan(0);
    expect(opened(calls).filter((call) => call.includes("/.aws"))).toEqual([]);
    expect(executed(calls)).toHaveLength(1);
    const ports = network(calls).flatMap((call) => /connect\(.*htons\((\d+)\)/.exec(call)?.[1] ?? []);
    expect(new Set(ports)).toEqual(new Set([String(job.world.op.port), String(job.world.sts.port)]));
    expect(job.world.sts.calls).toHaveLength(1);
    expect(job.world.sts.calls[0]).toMatchObject({ action: "AssumeRoleWithWebIdentity", authorized: false });
    expect(job.world.sts.calls[0]?.userAgent).not.toMatch(/trap/i);
  });

  test("a warm run does not even open a network socket", async () => {
    const before = job.counts();
    const { result, calls } = await traced("warm");
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(opened(calls).some((call) => call.includes("/entries/"))).toBe(true);
    expect(opened(calls).filter((call) => call.includes("/.aws"))).toEqual([]);
    expect(executed(calls)).toHaveLength(1);
    expect(network(calls)).toEqual([]);
    expect(job.counts()).toEqual(before);
  });

  test("nothing is read from the working directory", async () => {
    const cwd = path.dirname(job.sandbox.file("work/.env", "STS_BROKER_PROFILE=trap\nNODE_OPTIONS=--trap\n"));
    job.sandbox.file("work/bunfig.toml", 'preload = ["./trap.js"]\n');
    job.sandbox.file("work/trap.js", "process.exit(99);\n");
    job.sandbox.file("work/package.json", "{ trap");
    job.sandbox.file("work/sts-broker.toml", "trap = ");
    const trace = path.join(job.sandbox.home, "cwd.trace");
    const strace = ["strace", "-f", "-s", "300", "-e", "trace=openat,open", "-o", trace];
    const argv = [...strace, ...programUnderTest(), "credential-process", "--profile", "billing"];
    expect(await runProgram(argv, job.sandbox.env, { cwd })).toMatchObject({ status: 0, stderr: "" });
    const lines = readFileSync(trace, "utf8").split("\n");
    const here = lines.filter((call) => call.includes(cwd) || /openat\(AT_FDCWD, "(?!\/)/.test(call));
    expect(here).toEqual([]);
  });
});
