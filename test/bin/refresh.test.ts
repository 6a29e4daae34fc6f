import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile, openEntry } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import type { RunOptions, RunResult } from "../support/program.ts";
import {
  CREDENTIAL_PROCESS,
  credentialsOf,
  credentialsWithWarning,
  expectFailure,
  until,
  warmUp,
} from "./black-box.ts";

const MIN = 60_000;

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

const refresh = (args: readonly string[] = [], options?: RunOptions): Promise<RunResult> =>
  job.sandbox.run(["refresh", ...args], options);
const entry = () => entryFile(job.sandbox.cacheDirectory);
const more = (toml: string) => job.configure({ after: toml });

/** A profile beside billing; another session name makes other credentials of it. */
function profile(name: string, lines = ""): string {
  return `[profile.${name}]
identity = "corp"
role_arn = "${job.world.roleArn}"
region = "eu-west-1"
endpoint_url = "${job.world.sts.url}"
${lines}
`;
}

interface JsonReport {
  readonly profiles: readonly {
    readonly profile: string;
    readonly outcome: string;
    readonly expiresAt?: string;
    readonly error?: { readonly code: string; readonly message: string; readonly hint?: string };
  }[];
}

describe("refresh", () => {
  it("fetches what is missing, leaves alone what is fresh, and serves the next caller", async () => {
    const first = await refresh();
    expect(first).toMatchObject({ status: 0, stderr: "" });
    expect(first.stdout).toMatch(/^billing: renewed, valid until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$/);
    const before = job.counts();
    const again = await refresh();
    expect(again).toMatchObject({ status: 0, stderr: "" });
    expect(again.stdout).toBe(first.stdout.replace("renewed", "still fresh"));
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS));
    expect(job.counts()).toEqual(before);
  });

  it("renews past two fifths of the lifetime, where a caller would not yet", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 35 * MIN);
    expect(credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS)).AccessKeyId).toBe(minted.AccessKeyId);
    expect(await refresh()).toMatchObject({ status: 0, stdout: expect.stringContaining("renewed") });
    expect(openEntry(entry()).value.accessKeyId).not.toBe(minted.AccessKeyId);
  });

  it("renews once for profiles with the same credentials, and all profiles there are", async () => {
    more(profile("same") + profile("other", 'role_session_name = "other"'));
    const before = job.counts();
    const result = await refresh();
    expect(result.stdout.split("\n").map((line) => line.split(",")[0])).toEqual([
      "billing: renewed",
      "same: renewed",
      "other: renewed",
      "",
    ]);
    expect(job.counts().sts - before.sts).toBe(2);
  });

  it("takes names, and only those", async () => {
    more(profile("other", 'role_session_name = "other"'));
    const result = await refresh(["other", "--format", "json", "other"]);
    const { profiles } = JSON.parse(result.stdout) as JsonReport;
    expect(profiles.map((one) => [one.profile, one.outcome])).toEqual([["other", "renewed"]]);
  });

  it("says of a profile without a store that it keeps nothing", async () => {
    more(profile("unkept", 'store = "none"'));
    const before = job.counts();
    expect(await refresh(["-p", "unkept"])).toMatchObject({ stdout: 'unkept: keeps nothing (store "none")\n' });
    expect(await refresh(["unkept"])).toMatchObject({ status: 0, stdout: 'unkept: keeps nothing (store "none")\n' });
    expect(job.counts()).toEqual(before);
  });
});

describe("refresh, when some fail", () => {
  it("does all the others, says each failure on stderr, and ends as the first of the configuration did", async () => {
    more(
      profile("unwelcome", 'role_session_name = "unwelcome"').replace("role/", "role/absent-") +
        profile("mistaken", 'store = "shoebox"') +
        profile("last", 'role_session_name = "last"'),
    );
    const result = await refresh();
    expect(result.status).toBe(4);
    expect(result.stdout).toMatch(/^billing: renewed, [^\n]+\nlast: renewed, [^\n]+\n$/);
    const lines = result.stderr.split("\n").filter((line) => !line.startsWith("  hint: "));
    expect(lines).toEqual([
      expect.stringMatching(/^sts-broker: profile unwelcome: .*AWS/),
      expect.stringMatching(/^sts-broker: profile mistaken: .*config\.toml:\d+:\d+: .*shoebox/),
      "",
    ]);
    expect((await refresh(["last", "mistaken", "unwelcome"])).status).toBe(2);
    expect((await refresh(["last", "billing"])).status).toBe(0);
  });

  it("a name that is in no file fails by itself, with what it may have meant", async () => {
    const result = await refresh(["biling", "billing"]);
    expect(result).toMatchObject({ status: 2, stdout: expect.stringMatching(/^billing: renewed/) });
    expect(result.stderr).toMatch(/^sts-broker: profile biling: there is no profile "biling"\n {2}hint: .*billing/);
  });

  it("tells programs the same as JSON, without a secret", async () => {
    more(profile("unwelcome").replace("role/", "role/absent-"));
    const result = await refresh(["--format", "json"], { env: { STS_BROKER_STORE: "file" } });
    expect(result.status).toBe(4);
    const { profiles } = JSON.parse(result.stdout) as JsonReport;
    expect(profiles).toEqual([
      { profile: "billing", outcome: "renewed", expiresAt: expect.stringMatching(/Z$/), store: "file" },
      {
        profile: "unwelcome",
        outcome: "failed",
        error: { code: "STS_REFUSED", message: expect.any(String), hint: expect.any(String) },
      },
    ]);
    const { value } = openEntry(entry());
    for (const secret of [value.secretAccessKey, value.sessionToken, job.world.op.clients.secretBasic.clientSecret])
      expect(result.stdout + result.stderr).not.toContain(secret);
  });

  it("an outage with credentials still valid: exit 5, how long they last, and they are left as they were", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 20 * MIN);
    job.world.sts.cut();
    const result = await refresh();
    expect(result).toMatchObject({ status: 5, stdout: "" });
    expect(result.stderr).toMatch(/^sts-broker: profile billing: .*; the cached ones are valid for 20 min more\n/);
    expect(credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS)).AccessKeyId).toBe(minted.AccessKeyId);
    // What rests is not asked again.
    const before = job.counts();
    expect(await refresh()).toMatchObject({ status: 5, stderr: expect.stringContaining("not tried again for") });
    expect(job.counts()).toEqual(before);
  });

  it("a provider that takes longer than a caller waits has its time here", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 10 * MIN);
    job.world.op.faults.always("/token", { kind: "delay", ms: 3_000 });
    const early = await job.sandbox.run(CREDENTIAL_PROCESS);
    expect(credentialsWithWarning(early, /not renewed.*had not answered/).AccessKeyId).toBe(minted.AccessKeyId);
    expect(await refresh()).toMatchObject({ status: 0, stdout: expect.stringContaining("renewed") });
  });

  it("a cause on this machine is forgotten as soon as it is mended, and any other with --force", async () => {
    await warmUp(job);
    ageEntry(entry(), 20 * MIN);
    rmSync(path.join(job.sandbox.home, "billing.secret"));
    expect(await refresh()).toMatchObject({ status: 2, stderr: expect.stringContaining("does not exist") });
    job.sandbox.file("billing.secret", `${job.world.op.clients.secretBasic.clientSecret}\n`);
    expect(await refresh()).toMatchObject({ status: 0, stdout: expect.stringContaining("renewed") });

    ageEntry(entry(), 20 * MIN);
    job.world.sts.cut();
    await refresh();
    job.world.reset();
    expect((await refresh()).stderr).toContain("sts-broker refresh --force billing tries it now");
    expect(await refresh(["--force", "billing"])).toMatchObject({ status: 0 });
  });

  it("a configuration that cannot be read, or none, is one line and exit 2", async () => {
    job.sandbox.configure("[profile");
    expectFailure(await refresh(), { status: 2, says: /config\.toml:1:\d+/ });
    rmSync(path.join(job.sandbox.home, ".config"), { recursive: true });
    expectFailure(await refresh(), { status: 2, says: /there is no configuration/, hint: /config example/ });
  });
});

describe("refresh --spread", () => {
  it.each(["5m", "-1", "3601", "", "1e3"])("%j is refused", async (seconds) => {
    expectFailure(await refresh([`--spread=${seconds}`]), { status: 2, says: /from 0 to 3600/, hint: /--spread 300/ });
  });

  it("waits without a lock, while others are served, and a signal ends it at once", async () => {
    let debug = "";
    let waiting: ChildProcess | undefined;
    const running = refresh(["--spread", "3600"], {
      env: { STS_BROKER_DEBUG: "1" },
      onStart: (child) => {
        waiting = child;
        child.stderr?.on("data", (text: string) => {
          debug += text;
        });
      },
    });
    await until("it waits", () => /due, and waits \d+ s/.test(debug));
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS));
    const killedMs = performance.now();
    waiting?.kill("SIGTERM");
    expect(await running).toMatchObject({ signal: "SIGTERM", stdout: "" });
    expect(performance.now() - killedMs).toBeLessThan(20_000);
  });

  it("does not wait for what is fresh", async () => {
    await warmUp(job);
    // No place in it lies beyond the first quarter of the hour, at whose end it may become due.
    const result = await refresh(["--spread", "800"], { deadlineMs: 30_000 });
    expect(result).toMatchObject({ status: 0, stdout: expect.stringContaining("still fresh") });
  });
});
