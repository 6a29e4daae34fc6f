/** An identity provider or an STS that has had enough of us: what forty processes with ten profiles do to it, and what they get. */
import { readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFiles } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import type { RunResult } from "../support/program.ts";
import { credentialsOf, credentialsWithWarning, expectFailure } from "./black-box.ts";

const PROFILES = Array.from({ length: 10 }, (_, index) => `team-${index}`);
/** Of all processes together, at one server. */
const RETRIES = 20;
const RECOVERY_MS = 5_000;
const LONG = { timeout: 120_000 };

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure({
    after: PROFILES.map(
      (name) => `[profile.${name}]
identity = "corp"
role_arn = "${job.world.roleArn}"
region = "eu-west-1"
endpoint_url = "${job.world.sts.url}"
role_session_name = "${name}"
store = "file"
`,
    ).join("\n"),
  });
});
afterAll(() => job.close());

const run = (profile: string) => job.sandbox.run(["credential-process", "--profile", profile], { deadlineMs: 100_000 });
/** Every profile, by so many processes at once. */
const all = (times: number): Promise<RunResult[]> =>
  Promise.all(PROFILES.flatMap((profile) => Array.from({ length: times }, () => run(profile))));
const requests = () => ({ idp: job.world.op.count(), sts: job.world.sts.count() });
async function askedBy<T>(work: () => Promise<T>): Promise<{ idp: number; sts: number; result: T; tookMs: number }> {
  const before = requests();
  const startMs = performance.now();
  const result = await work();
  const after = requests();
  return {
    idp: after.idp - before.idp,
    sts: after.sts - before.sts,
    result,
    tookMs: performance.now() - startMs,
  };
}

const idpThrottles = (status = 429): void =>
  job.world.op.faults.always("*", { kind: "status", status, headers: { "retry-after": "600" } });
const stsThrottles = (): void => job.world.sts.throttle(1_000, { retryAfterSeconds: 600 });

/** What everybody finds who has credentials in the renewal window. */
async function windowForAll(): Promise<void> {
  for (const result of await all(1)) credentialsOf(result);
  for (const file of entryFiles(job.sandbox.cacheDirectory)) ageEntry(file, 600_000);
}

describe("with nothing valid", () => {
  it.each([429, 503])(
    "a provider that answers %i and asks for ten minutes is asked once a profile, then not at all",
    LONG,
    async (status) => {
      idpThrottles(status);
      const first = await askedBy(() => all(4));
      for (const one of first.result)
        expectFailure(one, {
          status: 5,
          says: /^sts-broker: 127\.0\.0\.1:\d+ throttles.*( 10 min$|until \d{4}-.*Z \(\d+ min\)$)/,
        });
      expect(first.idp).toBeGreaterThanOrEqual(1);
      expect(first.idp).toBeLessThanOrEqual(PROFILES.length);
      const second = await askedBy(() => all(1));
      expect(second).toMatchObject({ idp: 0, sts: 0 });
      for (const one of second.result)
        expectFailure(one, { status: 5, says: /throttles, and asks to be left alone until / });
    },
  );

  it(
    "an STS that asks for ten minutes gets one call a profile, then none, and the provider is left in peace too",
    LONG,
    async () => {
      stsThrottles();
      const first = await askedBy(() => all(4));
      for (const one of first.result) expectFailure(one, { status: 5, says: /throttles/ });
      expect(first.sts).toBeLessThanOrEqual(PROFILES.length);
      expect(await askedBy(() => all(1))).toMatchObject({ idp: 0, sts: 0 });
    },
  );

  it(
    "an STS that throttles without a word gets a call a profile and twenty retries of all together",
    LONG,
    async () => {
      job.world.sts.throttle(1_000);
      const { sts, result, tookMs } = await askedBy(() => all(4));
      for (const one of result) expectFailure(one, { status: 5, says: /throttles/ });
      expect(sts).toBeGreaterThan(PROFILES.length);
      expect(sts).toBeLessThanOrEqual(PROFILES.length + RETRIES + Math.ceil(tookMs / RECOVERY_MS));
    },
  );

  it("a short wait is waited for, and nobody hears of it", LONG, async () => {
    job.world.op.faults.next("*", { kind: "status", status: 429, headers: { "retry-after": "2" } }, 3);
    const ids = (await all(2)).map((result) => credentialsOf(result).AccessKeyId);
    expect(new Set(ids).size).toBe(PROFILES.length);
  });

  it("what the processes tell each other is theirs alone", async () => {
    idpThrottles();
    expectFailure(await run("team-0"), { status: 5, says: /throttles \(HTTP 429\), and asks to wait 10 min$/ });
    const folder = path.join(job.sandbox.cacheDirectory, "throttling");
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    const [file = ""] = readdirSync(folder).map((name) => path.join(folder, name));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

describe("with valid credentials in the renewal window", () => {
  it.each([
    ["the provider", idpThrottles],
    ["STS", stsThrottles],
  ] as const)(
    "everybody is served while %s throttles, with one warning a profile at most",
    LONG,
    async (_, breakIt) => {
      await windowForAll();
      breakIt();
      const first = await askedBy(() => all(4));
      for (const one of first.result) credentialsWithWarning(one);
      const warned = first.result.filter(({ stderr }) => stderr !== "");
      expect(warned.length).toBeLessThanOrEqual(PROFILES.length);
      // Of the throttling, or on a busy machine of the 2 s that were over before it was heard of.
      for (const one of warned) credentialsWithWarning(one, /credentials not renewed, /);
      expect(first.idp).toBeLessThanOrEqual(PROFILES.length * 2);
      expect(first.sts).toBeLessThanOrEqual(PROFILES.length);

      const second = await askedBy(() => all(2));
      expect(second).toMatchObject({ idp: 0, sts: 0 });
      for (const one of second.result) credentialsOf(one);
    },
  );
});
