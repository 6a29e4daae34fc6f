import { describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { CREDENTIAL_PROCESS, expectFailure } from "./black-box.ts";

describe("the total deadline", () => {
  it("the IdP or STS hangs: exit 5 within the deadline of 45 s, naming who did not answer", {
    timeout: 70_000,
  }, async () => {
    const jobs = await Promise.all([startMainJob(), startMainJob(), startMainJob()]);
    const [atIdp, dripping, atSts] = jobs as [MainJob, MainJob, MainJob];
    try {
      atIdp.world.op.faults.always("/token", { kind: "hang" });
      dripping.world.op.faults.always("*", { kind: "drip" });
      atSts.world.sts.stall();
      const results = await Promise.all(jobs.map((one) => one.sandbox.run(CREDENTIAL_PROCESS, { deadlineMs: 60_000 })));
      const ports = [atIdp.world.op.port, dripping.world.op.port, atSts.world.sts.port];
      for (const [index, result] of results.entries()) {
        expectFailure(result, { status: 5, says: new RegExp(`127\\.0\\.0\\.1:${ports[index]}`), hint: /./ });
        expect(result.tookMs).toBeLessThan(46_500);
      }
    } finally {
      await Promise.all(jobs.map((one) => one.close()));
    }
  });
});
