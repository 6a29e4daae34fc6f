import { rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile, sealText } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning, expectFailure, warmUp } from "./black-box.ts";

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

const run = () => job.sandbox.run(CREDENTIAL_PROCESS);
const entry = () => entryFile(job.sandbox.cacheDirectory);

describe("a clock that is wrong", () => {
  for (const [direction, skewMs, word] of [
    ["behind", 600_000, "behind"],
    ["ahead", -600_000, "ahead of"],
  ] as const) {
    it(`ten minutes ${direction}: noticed from the servers' Date, said, and the credentials are right`, async () => {
      job.world.op.setDateSkewMs(skewMs);
      job.world.sts.setDateSkewMs(skewMs);
      // The simulator's clock judges the token, too: real ones of that time.
      const nowSeconds = Math.floor((Date.now() + skewMs) / 1000);
      job.world.op.token.claims = { iat: nowSeconds, nbf: nowSeconds, exp: nowSeconds + 300 };
      const warned = credentialsWithWarning(await run(), new RegExp(`this machine's clock is 10 min ${word} AWS's`));
      expect(Date.parse(warned.Expiration) - Date.now()).toBeGreaterThan(3_600_000 + skewMs - 60_000);
      expect(Date.parse(warned.Expiration) - Date.now()).toBeLessThan(3_600_000 + skewMs + 60_000);
      // Cached, and no word more.
      expect(credentialsOf(await run()).AccessKeyId).toBe(warned.AccessKeyId);
    });
  }

  it("an entry minted with a clock ten minutes behind ends ten minutes earlier by that clock", async () => {
    const minted = await warmUp(job);
    const aged = ageEntry(entry(), 590_000);
    sealText(entry(), JSON.stringify({ ...aged, skewMs: 600_000 }));
    job.world.sts.status(500);
    expectFailure(await run(), { status: 5, says: /HTTP 500/ });
    job.world.reset();
    expect(credentialsOf(await run()).AccessKeyId).not.toBe(minted.AccessKeyId);
  });

  it("set back by an hour since an entry was made: the entry is not trusted", async () => {
    const minted = await warmUp(job);
    ageEntry(entry(), 7_200_000);
    expect(credentialsOf(await run()).AccessKeyId).not.toBe(minted.AccessKeyId);
  });
});
