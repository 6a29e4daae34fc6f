import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunOptions } from "../support/program.ts";
import { credentialsOf, expectFailure, type ProcessCredentials, runInShell, until, warmUp } from "./black-box.ts";

let job: MainJob;
let cached: ProcessCredentials;
beforeAll(async () => {
  job = await startMainJob();
  cached = await warmUp(job);
});
afterAll(() => job.close());

const exec = (command: readonly string[], options?: RunOptions) =>
  job.sandbox.run(["exec", "--profile", "billing", "--", ...command], options);

async function environmentOf(env: Record<string, string>): Promise<Record<string, string>> {
  const { stdout, status, stderr } = await exec(["env", "-0"], { env });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return Object.fromEntries(
    stdout
      .split("\0")
      .filter((line) => line !== "")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

describe("the command's environment", () => {
  it("holds the credentials and the region that the profile states", async () => {
    expect(await environmentOf({})).toMatchObject({
      AWS_ACCESS_KEY_ID: cached.AccessKeyId,
      AWS_SECRET_ACCESS_KEY: cached.SecretAccessKey,
      AWS_SESSION_TOKEN: cached.SessionToken,
      AWS_REGION: "eu-west-1",
      AWS_DEFAULT_REGION: "eu-west-1",
      STS_BROKER_EXEC: "billing",
    });
  });

  it("holds nothing stale: whatever would lead an SDK elsewhere is replaced or gone", async () => {
    const stale = {
      AWS_ACCESS_KEY_ID: "AKIASTALE",
      AWS_SECRET_ACCESS_KEY: "stale",
      AWS_SESSION_TOKEN: "stale",
      AWS_SECURITY_TOKEN: "stale",
      AWS_CREDENTIAL_EXPIRATION: "2001-01-01T00:00:00Z",
      AWS_PROFILE: "stale",
      AWS_DEFAULT_PROFILE: "stale",
      AWS_ROLE_ARN: "stale",
      AWS_ROLE_SESSION_NAME: "stale",
      AWS_WEB_IDENTITY_TOKEN_FILE: "/stale",
      AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1/stale",
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/stale",
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "stale",
      AWS_REGION: "us-stale-1",
    };
    const environment = await environmentOf({ ...stale, AWS_CA_BUNDLE: "/kept.pem", EDITOR: "kept" });
    expect(Object.values(environment).filter((value) => value.includes("stale"))).toEqual([]);
    expect(environment).toMatchObject({
      AWS_ACCESS_KEY_ID: cached.AccessKeyId,
      AWS_CREDENTIAL_EXPIRATION: cached.Expiration,
      AWS_CA_BUNDLE: "/kept.pem",
      EDITOR: "kept",
    });
  });

  it("is the caller's own in every other respect", async () => {
    const { STS_BROKER_EXEC: _, ...environment } = await environmentOf({
      "with space": "a b",
      EMPTY: "",
      LINES: "a\nb",
    });
    for (const name of Object.keys(environment)) if (name.startsWith("AWS_")) delete environment[name];
    expect(environment).toEqual({ ...job.sandbox.env, "with space": "a b", EMPTY: "", LINES: "a\nb" });
  });
});

describe("streams", () => {
  it("are handed over: stdin, stdout and stderr belong to the command", async () => {
    const bytes = "line\n".repeat(20_000);
    const { stdout, stderr, status } = await exec(["sh", "-c", "cat; echo said >&2"], { stdin: bytes });
    expect({ status, same: stdout === bytes, stderr }).toEqual({ status: 0, same: true, stderr: "said\n" });
  });

  it("arguments reach the command as they are, options included", async () => {
    const args = ["--profile", "x", "a b", "", "*", "$HOME", "--", "-p"];
    const { stdout } = await exec(["printf", "%s\\n", ...args]);
    expect(stdout).toBe(args.map((one) => `${one}\n`).join(""));
  });

  it("refuses what is not UTF-8, which a runtime would hand on changed: it could name another file", async () => {
    const line = `"$@" exec --profile billing -- printf "a$(printf '\\377')b"`;
    expectFailure(await runInShell(job.sandbox, line, []), {
      status: 125,
      says: /argument 2 of the command is not UTF-8/,
    });
  });

  it("works without -- before a plain command", async () => {
    const { stdout, status } = await job.sandbox.run(["exec", "--profile", "billing", "printf", "%s", "--help"]);
    expect({ stdout, status }).toEqual({ stdout: "--help", status: 0 });
  });
});

describe("how it ends", () => {
  it.each([0, 1, 2, 5, 42, 125, 255])("with the command's own status %i, and no word of ours", async (status) => {
    expect(await exec(["sh", "-c", `exit ${status}`])).toMatchObject({ status, stderr: "" });
  });

  it("with 127 for a command that is not there, 126 for one that cannot be run", async () => {
    expectFailure(await exec(["no-such-command-anywhere"]), {
      status: 127,
      says: /no-such-command-anywhere: command not found/,
    });
    expectFailure(await exec([""]), { status: 127, says: /'': command not found/ });
    expectFailure(await exec([job.sandbox.file("not-a-program", "x")]), {
      status: 126,
      says: /cannot be run \(EACCES\)/,
    });
    expectFailure(await exec(["/usr"]), { status: 126, says: /cannot be run/ });
  });

  it("with 125 for every failure of ours, so that no script takes it for the command's", async () => {
    const failing: [readonly string[], RunOptions?][] = [
      [["exec", "--profile", "nobody", "--", "true"]],
      [["exec", "--profil", "billing", "--", "true"]],
      [["exec"]],
      [["exec", "--profile", "billing", "--"]],
      [["exec", "--", "true"], { env: { STS_BROKER_CONFIG: "/nonexistent.toml" } }],
      [["exec", "--", "true"], { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0", NODE_NO_WARNINGS: "1" } }],
    ];
    for (const [args, options] of failing)
      expectFailure(await job.sandbox.run(args, options), { status: 125, says: /./ });
  });

  it("with 125 when the provider refuses or is down, and the command is not run", async () => {
    const args = ["exec", "-p", "billing", "--store", "none", "--", "echo", "ran"];
    job.world.op.faults.always("*", { kind: "reset" });
    expectFailure(await job.sandbox.run(args), { status: 125, says: /127\.0\.0\.1/ });
    job.world.reset();
    job.world.trust();
    expectFailure(await job.sandbox.run(args), { status: 125, says: /AccessDenied/ });
    job.world.reset();
  });

  it("refuses to run inside itself, and says whose credentials are there", async () => {
    const { status, stderr } = await exec([
      ...(await import("../support/program.ts")).programUnderTest(),
      "exec",
      "--",
      "true",
    ]);
    expect(status).toBe(125);
    expect(stderr).toMatch(
      /already runs inside sts-broker exec \(profile "billing"\)\n {2}hint: unset STS_BROKER_EXEC/,
    );
  });

  it("other commands do work inside it", async () => {
    expect(credentialsOf(await exec([...programUnderTest(), "credential-process"]))).toEqual(cached);
  });
});

describe("signals", () => {
  /** Runs a shell that says when it is ready; what comes from outside goes to the broker alone. */
  async function signalled(script: string, signal: NodeJS.Signals) {
    let child: ChildProcess | undefined;
    let said = "";
    const ended = exec(["sh", "-c", script], {
      onStart: (started) => {
        child = started;
        started.stdout?.on("data", (text: string) => {
          said += text;
        });
      },
    });
    await until("the command is ready", () => said.includes("ready"));
    child?.kill(signal);
    return ended;
  }

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const) {
    it(`${signal} is passed on to the command, whose answer counts`, async () => {
      const trap = `trap 'echo caught; exit 7' ${signal.slice(3)}; echo ready; while :; do sleep 0.02; done`;
      expect(await signalled(trap, signal)).toMatchObject({ status: 7, stdout: "ready\ncaught\n", stderr: "" });
    });
  }

  it("a command that dies by a signal takes us with it by the same", async () => {
    expect(await signalled("echo ready; exec sleep 30", "SIGTERM")).toMatchObject({ signal: "SIGTERM", stderr: "" });
    expect(await exec(["sh", "-c", "kill -KILL $$"])).toMatchObject({ signal: "SIGKILL" });
    expect(await exec(["sh", "-c", "kill -INT $$"])).toMatchObject({ signal: "SIGINT" });
    expect(await exec(["sh", "-c", "kill -USR1 $$"])).toMatchObject({ signal: "SIGUSR1" });
    // Node ignores SIGPIPE for good, so the status that a shell makes of it stands in.
    expect(await exec(["sh", "-c", "kill -PIPE $$"])).toMatchObject({ status: 141, stderr: "" });
  });
});
