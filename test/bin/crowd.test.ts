import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { setPriority } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile, openEntry } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import type { RunResult } from "../support/program.ts";
import {
  CREDENTIAL_PROCESS,
  credentialsOf,
  credentialsWithWarning,
  expectFailure,
  until,
  warmUp,
} from "./black-box.ts";

const CROWD = 200;
const LONG = { timeout: 120_000 };

let job: MainJob;
beforeAll(() => {
  try {
    // The servers live in this process, and would share two processors with two hundred others: elsewhere in real life.
    setPriority(-10);
  } catch {
    // For root alone.
  }
});
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterAll(() => job.close());

const entry = () => entryFile(job.sandbox.cacheDirectory);
const run = (onStart?: (child: ChildProcess) => void, env?: Record<string, string>) =>
  job.sandbox.run(CREDENTIAL_PROCESS, {
    ...(onStart && { onStart }),
    ...(env && { env }),
    deadlineMs: 100_000,
    niceness: 0,
  });

function crowd(size: number, onStart?: (child: ChildProcess) => void): Promise<RunResult[]> {
  return Promise.all(Array.from({ length: size }, () => run(onStart)));
}

/** Runs until the process holds the lock and has asked the provider, who does not answer it. */
async function startRenewer(): Promise<{ child: ChildProcess; ended: Promise<RunResult> }> {
  const before = job.counts().token;
  job.world.op.faults.next("/token", { kind: "hang" });
  let child: ChildProcess | undefined;
  const ended = run((started) => {
    child = started;
  });
  await until("the renewer asks for a token", () => job.counts().token === before + 1);
  if (child === undefined) throw new Error("not started");
  return { child, ended };
}

/** True once it has loaded the lock's addon, so it has at least tried the lock. Elsewhere nobody can tell, and nothing depends on it. */
function hasTriedLock({ pid }: ChildProcess): boolean {
  try {
    return readFileSync(`/proc/${pid}/maps`, "utf8").includes("fs-native-extensions");
  } catch {
    return true;
  }
}

describe("two hundred processes at once", () => {
  it("with a cold cache: one token request, one STS call, and all get the same credentials", LONG, async () => {
    const before = job.counts();
    const [first, ...rest] = (await crowd(CROWD)).map(credentialsOf);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
    for (const one of rest) expect(one).toEqual(first);
    expect(readdirSync(path.dirname(entry()))).toHaveLength(1);
  });

  it("with an entry in the renewal window: at most one renewal, and all get valid credentials", LONG, async () => {
    const old = await warmUp(job);
    ageEntry(entry(), 600_000);
    const before = job.counts();
    const results = await crowd(CROWD);
    // On a machine this busy the 2 s may be over before the renewal is: then that one warns, and the others do not try again.
    expect(results.filter(({ stderr }) => stderr !== "").length).toBeLessThanOrEqual(1);
    const keys = new Set(results.map((result) => credentialsWithWarning(result).AccessKeyId));
    const after = job.counts();
    expect(after.token - before.token).toBeLessThanOrEqual(1);
    expect(after.sts - before.sts).toBeLessThanOrEqual(1);
    keys.delete(old.AccessKeyId);
    keys.delete(openEntry(entry()).value.accessKeyId as string);
    expect([...keys]).toEqual([]);
  });

  it("with an expired entry: one renewal, and nobody gets the old credentials", LONG, async () => {
    await warmUp(job);
    ageEntry(entry(), -1000);
    const before = job.counts();
    const [first, ...rest] = (await crowd(40)).map(credentialsOf);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
    for (const one of rest) expect(one).toEqual(first);
  });

  it("with a provider that refuses: one is refused for all who waited", LONG, async () => {
    job.sandbox.file("billing.secret", "rotated\n");
    const { child, ended } = await startRenewer();
    const children: ChildProcess[] = [];
    const others = crowd(20, (one) => children.push(one));
    await until("the others wait for the lock", () => children.length === 20 && children.every(hasTriedLock));
    const before = job.counts().token;
    child.kill("SIGKILL");
    await ended;
    for (const one of await others) expectFailure(one, { status: 4, says: /does not accept client "cc-basic"/ });
    job.sandbox.file("billing.secret", `${job.world.op.clients.secretBasic.clientSecret}\n`);
    expect(job.counts().token).toBe(before + 1);
  });
});

describe("SIGKILL", () => {
  it("of the one that renews does not stop those who wait for it", LONG, async () => {
    const { child, ended } = await startRenewer();
    const children: ChildProcess[] = [];
    const others = crowd(20, (one) => children.push(one));
    await until("the others wait for the lock", () => children.length === 20 && children.every(hasTriedLock));
    const before = job.counts();
    child.kill("SIGKILL");
    expect(await ended).toMatchObject({ signal: "SIGKILL", stdout: "" });
    const [first, ...rest] = (await others).map(credentialsOf);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
    for (const one of rest) expect(one).toEqual(first);
  });

  it("of the one that renews early leaves the valid entry, and the next one renews", LONG, async () => {
    const old = await warmUp(job);
    ageEntry(entry(), 600_000);
    const { child, ended } = await startRenewer();
    expect(credentialsOf(await run()).AccessKeyId).toBe(old.AccessKeyId);
    child.kill("SIGKILL");
    await ended;
    expect(credentialsOf(await run()).AccessKeyId).not.toBe(old.AccessKeyId);
  });

  it("at any moment leaves the old entry or the new one, never a torn one, and no lock", LONG, async () => {
    await warmUp(job);
    const wholeRunMs = (await run()).tookMs;
    let killed = 0;
    for (let round = 0; round < 40; round++) {
      const old = ageEntry(entry(), 600_000);
      const fate = await run((child) => {
        setTimeout(() => child.kill("SIGKILL"), wholeRunMs * (0.4 + (round / 40) * 3));
      });
      if (fate.signal === "SIGKILL") killed += 1;
      const left = openEntry(entry());
      const whole = { version: old.version, kind: old.kind, expiresAtMs: left.value.expiresAtMs };
      expect(left).toMatchObject(whole);
      if (left.value.accessKeyId === old.value.accessKeyId) expect(left).toEqual(old);
    }
    expect(killed).toBeGreaterThan(5);
    const before = job.counts().sts;
    ageEntry(entry(), -1000);
    credentialsWithWarning(await run());
    expect(job.counts().sts).toBe(before + 1);
  });

  it("while the very first entry is written leaves nothing that stops the next call", LONG, async () => {
    for (let round = 0; round < 12; round++) {
      rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
      const before = job.counts().sts;
      const first = run((child) => {
        const wait = setInterval(() => {
          if (job.counts().sts === before) return;
          clearInterval(wait);
          setTimeout(() => child.kill("SIGKILL"), round * 2);
        }, 1);
        child.once("exit", () => clearInterval(wait));
      });
      await first;
      const next = credentialsOf(await run());
      expect(credentialsOf(await run())).toEqual(next);
    }
  });
});
