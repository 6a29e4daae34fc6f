import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile, openEntry } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning, warmUp } from "./black-box.ts";
import { endStoppedHolders, startStoppedHolder } from "./stopped-holder.ts";

const LONG = { timeout: 120_000 };

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterEach(() => endStoppedHolders());
afterAll(() => job.close());

const run = (onStart?: (child: ChildProcess) => void) =>
  job.sandbox.run(CREDENTIAL_PROCESS, { ...(onStart && { onStart }), deadlineMs: 100_000 });
const entry = () => entryFile(job.sandbox.cacheDirectory);

function temporaries(): string[] {
  return readdirSync(job.sandbox.cacheDirectory, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".tmp"),
  );
}

describe.skipIf(process.platform !== "linux")("a holder of the lock that is stopped with SIGSTOP", () => {
  it("keeps nobody waiting who has valid credentials, and goes on when it is continued", LONG, async () => {
    const old = await warmUp(job);
    ageEntry(entry(), 600_000);
    const { child, ended } = await startStoppedHolder(job);
    const before = job.counts();
    for (const result of await Promise.all([run(), run(), run()])) {
      expect(credentialsOf(result).AccessKeyId).toBe(old.AccessKeyId);
    }
    expect(job.counts()).toEqual(before);
    child.kill("SIGCONT");
    expect(credentialsWithWarning(await ended).AccessKeyId).toBe(old.AccessKeyId);
    rmSync(path.join(job.sandbox.cacheDirectory, "failures"), { recursive: true, force: true });
    expect(credentialsOf(await run()).AccessKeyId).not.toBe(old.AccessKeyId);
  });

  it(
    "is overtaken by a caller with valid credentials once it has had the lock for more than a minute",
    LONG,
    async () => {
      const old = await warmUp(job);
      ageEntry(entry(), 600_000);
      const { child, ended } = await startStoppedHolder(job);
      const note = path.join(job.sandbox.cacheDirectory, "locks", `${path.basename(entry())}.holder`);
      const holder = JSON.parse(readFileSync(note, "utf8")) as { pid: number; atMs: number };
      expect(holder.pid).toBe(child.pid);
      writeFileSync(note, JSON.stringify({ ...holder, atMs: holder.atMs - 120_000 }));
      const renewed = credentialsOf(await run());
      expect(renewed.AccessKeyId).not.toBe(old.AccessKeyId);
      child.kill("SIGCONT");
      credentialsWithWarning(await ended);
      expect(credentialsOf(await run())).toEqual(renewed);
      expect(readdirSync(path.dirname(note)).filter((name) => name.endsWith(".holder"))).toEqual([]);
    },
  );
});

describe("SIGKILL in a loop, at random moments", () => {
  it(
    "with a cold cache, one after the other: a whole entry or none, no lock, and no heap of temporary files",
    LONG,
    async () => {
      await warmUp(job);
      const wholeRunMs = (await run()).tookMs;
      const entries = path.join(job.sandbox.cacheDirectory, "entries");
      let killed = 0;
      const rounds = 40;
      for (let round = 0; round < rounds; round++) {
        for (const file of readdirSync(entries)) rmSync(path.join(entries, file));
        const fate = await run((child) => {
          setTimeout(() => child.kill("SIGKILL"), wholeRunMs * (0.3 + Math.random() * 3));
        });
        if (fate.signal === "SIGKILL") killed += 1;
        for (const file of readdirSync(entries)) {
          if (!file.endsWith(".tmp")) expect(openEntry(path.join(entries, file)).kind).toBe("credentials");
        }
      }
      expect(killed).toBeGreaterThan(5);
      expect(temporaries().length).toBeLessThan(killed);
      credentialsOf(await run());
    },
  );

  it("of a writer leaves its temporary files for an hour, wherever they are, and the next renewal takes them away", async () => {
    await warmUp(job);
    const { cacheDirectory } = job.sandbox;
    const name = path.basename(entry());
    const torn = ["sealing-key", `entries/${name}`, `locks/${name}.done`, `failures/${name}`].map((one) =>
      path.join(cacheDirectory, `${one}.4242-x.tmp`),
    );
    const young = path.join(cacheDirectory, "entries", `${name}.4243-y.tmp`);
    execFileSync("mkdir", ["-p", "-m", "700", path.join(cacheDirectory, "failures")]);
    execFileSync("touch", ["-d", "2 hours ago", ...torn]);
    execFileSync("touch", [young]);
    ageEntry(path.join(cacheDirectory, "entries", name), -1000);
    credentialsOf(await run());
    expect(temporaries()).toEqual([path.relative(cacheDirectory, young)]);
  });
});
