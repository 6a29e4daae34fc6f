/** What lasts as long as a caller waits for others, or as a run may last at all. Each test has a job of its own, and they wait side by side. */
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { standalone, unlessStandalone } from "../support/program.ts";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning, expectFailure, warmUp } from "./black-box.ts";
import { endStoppedHolders, startStoppedHolder } from "./stopped-holder.ts";

const LONG = { timeout: 120_000 };
const isLinux = process.platform === "linux";

const jobs: MainJob[] = [];
afterAll(async () => {
  endStoppedHolders();
  await Promise.all(jobs.map((job) => job.close()));
});

async function startJob(): Promise<MainJob> {
  const job = await startMainJob();
  jobs.push(job);
  return job;
}

const run = (job: MainJob) => job.sandbox.run(CREDENTIAL_PROCESS, { deadlineMs: 100_000 });

describe("the total deadline", { concurrent: true }, () => {
  it("the IdP or STS hangs: exit 5 within the deadline of 45 s, naming who did not answer", LONG, async () => {
    const [atIdp, dripping, atSts] = await Promise.all([startJob(), startJob(), startJob()]);
    atIdp.world.op.faults.always("/token", { kind: "hang" });
    dripping.world.op.faults.always("*", { kind: "drip" });
    atSts.world.sts.stall();
    const results = await Promise.all([atIdp, dripping, atSts].map(run));
    const ports = [atIdp.world.op.port, dripping.world.op.port, atSts.world.sts.port];
    for (const [index, result] of results.entries()) {
      expectFailure(result, { status: 5, says: new RegExp(`127\\.0\\.0\\.1:${ports[index]}`), hint: /./ });
      expect(result.tookMs).toBeLessThan(46_500);
    }
  });
});

describe.skipIf(!isLinux)("a holder of the lock that is stopped with SIGSTOP", { concurrent: true }, () => {
  it(
    "is overtaken by one of those who wait with nothing valid, and says the same when it is continued",
    LONG,
    async () => {
      const job = await startJob();
      const { child, ended } = await startStoppedHolder(job);
      const before = job.counts().sts;
      const waiting = [run(job), run(job), run(job), run(job)];
      const [first, ...rest] = (await Promise.all(waiting)).map(credentialsOf);
      for (const one of rest) expect(one).toEqual(first);
      expect(job.counts().sts).toBe(before + 1);
      expect(credentialsOf(await run(job))).toEqual(first);
      child.kill("SIGCONT");
      expect(credentialsWithWarning(await ended)).toEqual(first);
      ageEntry(entryFile(job.sandbox.cacheDirectory), -1000);
      credentialsOf(await run(job));
    },
  );
});

describe.skipIf(!isLinux)("a stranger who has taken the names of abstract sockets", { concurrent: true }, () => {
  const title = "delays whoever must wait, and keeps no credentials from them";
  it.skipIf(standalone)(unlessStandalone(title, "Bun writes such names otherwise"), LONG, async () => {
    const job = await startJob();
    await warmUp(job);
    const entry = entryFile(job.sandbox.cacheDirectory);
    const lock = path.join(job.sandbox.cacheDirectory, "locks", path.basename(entry));
    rmSync(entry);
    for (const file of [lock, `${lock}.late`]) {
      // What is no file cannot be locked, so that a name serves.
      rmSync(file, { force: true });
      mkdirSync(file);
    }
    const servers = await Promise.all([lock, `${lock}.late`].map((file) => listen(abstractName(file))));
    try {
      for (const result of await Promise.all([run(job), run(job)])) {
        credentialsOf(result);
        expect(result.tookMs).toBeGreaterThan(28_000);
        expect(result.tookMs).toBeLessThan(45_000);
      }
    } finally {
      for (const server of servers) server.close();
    }
  });
});

/** As src/host/locks.ts has it. */
function abstractName(file: string): string {
  return `\0sts-broker-${process.getuid?.() ?? 0}-${file.slice(-72)}`;
}

async function listen(name: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen({ path: name });
  await once(server, "listening");
  return server;
}
