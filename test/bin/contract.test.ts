import { chmodSync, mkdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { makeSandbox, programUnderTest, runProgram, standalone } from "../support/program.ts";
import {
  CREDENTIAL_PROCESS,
  credentialsOf,
  credentialsWithWarning,
  expectFailure,
  isRoot,
  runAs,
  runInShell,
  warmUp,
} from "./black-box.ts";

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  job.world.reset();
  job.configure();
});
afterAll(() => job.close());

describe("what stdout and stderr hold", () => {
  it("prints exactly one line of JSON, cold and warm, and nothing on stderr", async () => {
    const cold = credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS));
    const warm = credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS));
    expect(warm).toEqual(cold);
    expect(cold).toMatchObject({ Version: 1, AccessKeyId: expect.stringMatching(/^ASIA/) });
    expect(cold.Expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Date.parse(cold.Expiration)).toBeGreaterThan(Date.now() + 3_500_000);
  });

  it("debugs to stderr, and leaves stdout as it is", async () => {
    const quiet = await warmUp(job);
    const loud = await job.sandbox.run(CREDENTIAL_PROCESS, { env: { STS_BROKER_DEBUG: "1" } });
    expect(credentialsWithWarning(loud)).toEqual(quiet);
    expect(loud.stderr).toMatch(/^sts-broker: cache: file: entry is fresh/m);
    const flagged = await job.sandbox.run([...CREDENTIAL_PROCESS, "--debug"]);
    expect(flagged.stderr).toMatch(/entry is fresh/);
  });

  it("debugs into a file that only its user may read", async () => {
    const file = path.join(job.sandbox.home, "debug.log");
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env: { STS_BROKER_DEBUG: file } }));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

describe("where it is started from", () => {
  it("does without an open standard input", async () => {
    credentialsOf(await runInShell(job.sandbox, 'exec "$@" <&-', CREDENTIAL_PROCESS));
  });

  it("does without an open standard error, even where it has something to say", async () => {
    const failed = await runInShell(job.sandbox, 'exec "$@" 2>&-', ["credential-process", "--profile", "nobody"]);
    expect(failed).toMatchObject({ status: 2, stdout: "", stderr: "" });
  });

  it("never prompts: without a terminal and with an endless input it answers all the same", async () => {
    credentialsOf(await runInShell(job.sandbox, 'yes | setsid -w "$@"', CREDENTIAL_PROCESS));
  });

  it("works in an environment that holds nothing but a home", async () => {
    const { HOME = "", STS_BROKER_SYSTEM_CONFIG = "" } = job.sandbox.env;
    const [, ...args] = programUnderTest();
    const bare = { HOME, STS_BROKER_SYSTEM_CONFIG };
    credentialsOf(await runProgram([programUnderTest()[0] ?? "", ...args, ...CREDENTIAL_PROCESS], bare));
  });

  it("works from a directory that has been deleted", async () => {
    const line = 'mkdir -p gone && cd gone && rmdir ../gone && exec "$@"';
    const result = await runInShell(job.sandbox, line, CREDENTIAL_PROCESS);
    if (!standalone) credentialsOf(result);
    // Bun looks at it before our first line is run.
    else
      expect(result).toMatchObject({
        status: 1,
        stdout: "",
        stderr: expect.stringMatching(/^error: The current working directory was deleted[^\n]*\n$/),
      });
  });

  it("refuses NODE_TLS_REJECT_UNAUTHORIZED=0 by its name, even with credentials in the cache", async () => {
    await warmUp(job);
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0", NODE_NO_WARNINGS: "1" };
    const refused = await job.sandbox.run(CREDENTIAL_PROCESS, { env });
    expectFailure(refused, {
      status: 2,
      says: /NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off and is refused/,
      hint: /unset NODE_TLS_REJECT_UNAUTHORIZED.*ca_file/,
    });
  });
});

describe("the home directory", () => {
  it("is the one of the passwd file when HOME is not set", async () => {
    const { stdout, status } = await job.sandbox.run(["config", "path"], { env: { HOME: undefined } });
    expect(status).toBe(0);
    expect(stdout.trim().split("\n").at(-1)).toMatch(/^\/\S+\/\.config\/sts-broker\/config\.toml/);
    expect(stdout).not.toContain(`${job.sandbox.home}/.config`);
  });

  it.skipIf(!isRoot)("may be missing altogether (a user without a passwd entry): prints, and warns", async () => {
    const sandbox = makeSandbox();
    const secret = job.world.op.clients.secretBasic.clientSecret;
    const config = readFileSync(job.configure(), "utf8").replace(/\{ file = .* \}/, '{ env = "SECRET" }');
    chmodSync(sandbox.home, 0o755);
    const file = sandbox.file("open.toml", config, 0o644);
    const env = { HOME: undefined, STS_BROKER_CONFIG: file, SECRET: secret };
    const result = await runAs(54321, sandbox, CREDENTIAL_PROCESS, { env, cwd: "/" });
    sandbox.remove();
    credentialsWithWarning(result, /no home directory to keep a cache in.*set XDG_CACHE_HOME/);
  });

  it("may not exist: it is made, as far as the cache needs it", async () => {
    const home = path.join(job.sandbox.home, "not", "there");
    const env = { HOME: home, STS_BROKER_CONFIG: job.configure() };
    const cold = credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env }));
    expect(credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env }))).toEqual(cold);
  });

  it("may be a place where nothing can be written: prints, and warns", async () => {
    const env = { HOME: "/dev/null", STS_BROKER_CONFIG: job.configure() };
    const before = job.counts();
    credentialsWithWarning(await job.sandbox.run(CREDENTIAL_PROCESS, { env }), /not cached/);
    expect(job.counts().sts).toBe(before.sts + 1);
  });

  // Node's own recursive mkdir never ends there.
  it("may be a place where mkdir answers ENOENT though its parent is there", async () => {
    const env = { HOME: "/proc/self/nowhere", STS_BROKER_CONFIG: job.configure() };
    const result = await job.sandbox.run(CREDENTIAL_PROCESS, { env, deadlineMs: 20_000 });
    credentialsWithWarning(result, /not cached/);
  });

  it("gives way to XDG_CACHE_HOME and to systemd's CACHE_DIRECTORY", async () => {
    const xdg = path.join(job.sandbox.home, "xdg");
    const systemd = path.join(job.sandbox.home, "systemd");
    mkdirSync(systemd, { mode: 0o700 });
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env: { XDG_CACHE_HOME: xdg } }));
    const env = { XDG_CACHE_HOME: xdg, CACHE_DIRECTORY: `${systemd}:/elsewhere` };
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env }));
    for (const directory of [xdg, systemd]) {
      expect(statSync(path.join(directory, "sts-broker", "entries")).mode & 0o777).toBe(0o700);
    }
  });
});

describe("a stdout that is not taken", () => {
  const outlets = {
    "a full device": () => runInShell(job.sandbox, 'exec "$@" >/dev/full', CREDENTIAL_PROCESS),
    "a broken pipe": () => job.sandbox.run(CREDENTIAL_PROCESS, { onStart: (child) => void child.stdout?.destroy() }),
  };
  for (const [name, run] of Object.entries(outlets)) {
    it(`${name} ends in exit 1 and one line, and the credentials stay cached`, async () => {
      job.configure({ profile: `role_session_name = "${name.replaceAll(" ", "-")}"` });
      const before = job.counts();
      expectFailure(await run(), {
        status: 1,
        says: /standard output was not taken: (no space left|the reader closed)/,
      });
      const after = job.counts();
      expect(after).toEqual({ token: before.token + 1, sts: before.sts + 1 });
      credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS));
      expect(job.counts()).toEqual(after);
    });
  }

  it("holds for --help, too", async () => {
    const result = await runInShell(job.sandbox, 'exec "$@" >/dev/full', ["--help"]);
    expectFailure(result, { status: 1, says: /standard output was not taken/ });
  });
});
