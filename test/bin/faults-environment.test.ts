import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunResult, runProgram } from "../support/program.ts";
import {
  CREDENTIAL_PROCESS,
  credentialsOf,
  credentialsWithWarning,
  expectFailure,
  isRoot,
  NOBODY,
} from "./black-box.ts";

/** Belongs to nobody: no passwd entry, no home. */
const BARE_UID = 54321;

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterAll(() => job.close());

/** An environment that holds this and nothing else, as `env -i` makes it. */
function runIn(
  env: Record<string, string>,
  { uid, cwd = "/" }: { uid?: number; cwd?: string } = {},
): Promise<RunResult> {
  const setpriv = uid === undefined ? [] : ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--"];
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const argv = [...setpriv, "/usr/bin/env", "-i", ...assignments, ...programUnderTest(), ...CREDENTIAL_PROCESS];
  return runProgram(argv, { PATH: job.sandbox.env.PATH ?? "" }, { cwd });
}

/** A configuration that a foreign uid may read, and its secret in the environment. */
function openConfiguration(): Record<string, string> {
  const text = readFileSync(job.configure(), "utf8").replace(/\{ file = .* \}/, '{ env = "SECRET" }');
  const config = job.sandbox.file("open/config.toml", text, 0o644);
  for (const directory of [job.sandbox.home, path.dirname(config)]) chmodSync(directory, 0o755);
  return { ...nowhere(), STS_BROKER_CONFIG: config, SECRET: job.world.op.clients.secretBasic.clientSecret };
}

/** The machine's own configuration is left out of it. */
const nowhere = (): Record<string, string> => ({ STS_BROKER_SYSTEM_CONFIG: path.join(job.sandbox.home, "etc") });
const small = (): Record<string, string> => ({ ...nowhere(), HOME: job.sandbox.home });

describe("cron's environment (env -i)", () => {
  it("HOME and PATH as cron sets them: cached, and answered from the cache", async () => {
    const cron = { ...small(), PATH: "/usr/bin:/bin", SHELL: "/bin/sh", LOGNAME: "billing" };
    const before = job.counts();
    const cold = credentialsOf(await runIn(cron));
    expect(credentialsOf(await runIn(cron))).toEqual(cold);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
  });

  it("no PATH: the same", async () => {
    const cold = credentialsOf(await runIn(small()));
    expect(credentialsOf(await runIn(small()))).toEqual(cold);
  });

  it("no HOME, with a cache directory (a systemd service): cached there", async () => {
    const directory = path.join(job.sandbox.home, "service");
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const service = { ...nowhere(), STS_BROKER_CONFIG: job.configure(), CACHE_DIRECTORY: directory };
    const cold = credentialsOf(await runIn(service));
    expect(credentialsOf(await runIn(service))).toEqual(cold);
    expect(readdirSync(directory)).toEqual(["sts-broker"]);
  });
});

describe.skipIf(!isRoot)("a uid without a passwd entry (needs root)", () => {
  for (const [name, more] of Object.entries({
    "and nothing in the environment": {},
    "and PATH alone": { PATH: "/usr/bin:/bin" },
    "and an empty HOME": { HOME: "" },
    "and a relative HOME": { HOME: "somewhere" },
  })) {
    it(`${name}: works without a cache, and warns once`, async () => {
      const cwd = path.join(job.sandbox.home, "cwd");
      execFileSync("install", ["-d", "-o", String(BARE_UID), "-m", "700", cwd]);
      const env = { ...openConfiguration(), ...more };
      const before = job.counts();
      for (let call = 0; call < 2; call++) {
        const result = await runIn(env, { uid: BARE_UID, cwd });
        credentialsWithWarning(result, /no home directory to keep a cache in.*\(set XDG_CACHE_HOME\)/);
      }
      expect(job.counts().sts).toBe(before.sts + 2);
      expect(readdirSync(cwd)).toEqual([]);
    });
  }

  it("and a HOME that belongs to somebody else: nothing is written there, warned of once", async () => {
    const env = { ...openConfiguration(), HOME: job.sandbox.home };
    credentialsWithWarning(await runIn(env, { uid: BARE_UID }), /cannot be (created|entered) \(EACCES\)/);
    expect(existsSync(path.join(job.sandbox.home, ".cache"))).toBe(false);
  });
});

describe("no configuration, no terminal", () => {
  it("in an empty environment: one line, exit 2, and no wizard", async () => {
    const empty = path.join(job.sandbox.home, "empty");
    mkdirSync(empty, { recursive: true });
    const env = { HOME: empty, STS_BROKER_SYSTEM_CONFIG: path.join(empty, "etc") };
    expectFailure(await runIn(env), { status: 2, says: /no configuration|no profile|config/, hint: /./ });
    expect(readdirSync(empty)).toEqual([]);
  });

  it.skipIf(!isRoot)("for a uid without a home: the same (needs root)", async () => {
    const env = { STS_BROKER_SYSTEM_CONFIG: "/nonexistent" };
    expectFailure(await runIn(env, { uid: NOBODY }), { status: 2, says: /config|profile/ });
    expectFailure(await runIn(env, { uid: BARE_UID }), { status: 2, says: /config|profile/ });
  });
});
