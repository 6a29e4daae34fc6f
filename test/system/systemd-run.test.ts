// The shipped services, hardening and all, under a real systemd: whether what they take away leaves enough to renew.

import { chownSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { entryFile } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { describeSystem } from "./servers/requirements.ts";
import { runUnit, SYSTEMD, whyNoSystemd } from "./servers/systemd.ts";

/** systemd itself has to start, too. */
const PATIENT = { timeout: 120_000 };
const BILLING = { name: "billing", uid: 47_311 };

function suite(): void {
  let job: MainJob;
  let folder = "";
  beforeEach(async () => {
    job = await startMainJob();
    folder = mkdtempSync(path.join(tmpdir(), "sts-broker-systemd-"));
  });
  afterEach(async () => {
    rmSync(folder, { recursive: true, force: true });
    await job.close();
  });

  test("the service of an account renews what is in the account's own home", PATIENT, async () => {
    const { home } = job.sandbox;
    const inside = readdirSync(home, { recursive: true, encoding: "utf8" }).map((name) => path.join(home, name));
    for (const file of [home, ...inside]) chownSync(file, BILLING.uid, BILLING.uid);
    const service = "sts-broker-refresh@billing.service";
    expect(await runUnit({ flavour: "system", service, folder, home, account: BILLING })).toEqual({
      stdout: expect.stringMatching(/^billing: renewed, valid until /),
      stderr: "",
      result: "success",
    });
    expect(statSync(entryFile(job.sandbox.cacheDirectory))).toMatchObject({
      uid: BILLING.uid,
      size: expect.any(Number),
    });
  });

  test("the service of a user renews, and a failure is one that systemd sees", PATIENT, async () => {
    const { home } = job.sandbox;
    const run = {
      flavour: "user",
      service: "sts-broker-refresh.service",
      home,
      account: { name: "ana", uid: 0 },
    } as const;
    expect(await runUnit({ ...run, folder })).toEqual({
      stdout: expect.stringMatching(/^billing: renewed, valid until /),
      stderr: "",
      result: "success",
    });
    rmSync(path.join(home, ".cache"), { recursive: true });
    job.world.sts.cut();
    const again = mkdtempSync(path.join(folder, "again-"));
    expect(await runUnit({ ...run, folder: again })).toMatchObject({ result: "exit-code" });
  });
}

const reason = whyNoSystemd();
if (reason === undefined) describeSystem("a running systemd", ["unshare", SYSTEMD], suite);
else describe.skip(`a running systemd (skipped: ${reason})`, suite);
