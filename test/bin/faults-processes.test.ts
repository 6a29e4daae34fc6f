import type { ChildProcess } from "node:child_process";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile, openEntry } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { type RunResult, standalone, unlessStandalone } from "../support/program.ts";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning, until, warmUp } from "./black-box.ts";

const LONG = { timeout: 120_000 };

let job: MainJob;
const stopped = new Set<ChildProcess>();
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterEach(() => {
  for (const child of stopped) child.kill("SIGKILL");
  stopped.clear();
});
afterAll(() => job.close());

const run = (onStart?: (child: ChildProcess) => void) =>
  job.sandbox.run(CREDENTIAL_PROCESS, { ...(onStart && { onStart }), deadlineMs: 100_000 });
const entry = () => entryFile(job.sandbox.cacheDirectory);

/** A process that holds the lock, has asked the provider, and is stopped (Ctrl-Z, a debugger) before it got an answer. */
async function startStopped(): Promise<{ child: ChildProcess; ended: Promise<RunResult> }> {
  const before = job.counts().token;
  job.world.op.faults.next("/token", { kind: "hang" });
  let child: ChildProcess | undefined;
  const ended = run((started) => {
    child = started;
  });
  await until("the holder asks for a token", () => job.counts().token === before + 1);
  if (child === undefined) throw new Error("not started");
  stopped.add(child);
  child.kill("SIGSTOP");
  const { pid } = child;
  await until("the holder is stopped", () => /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
  return { child, ended };
}

function temporaries(): string[] {
  return readdirSync(job.sandbox.cacheDirectory, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".tmp"),
  );
}

describe.skipIf(process.platform !== "linux")("a holder of the lock that is stopped with SIGSTOP", () => {
  it("keeps nobody waiting who has valid credentials, and goes on when it is continued", LONG, async () => {
    const old = await warmUp(job);
    ageEntry(entry(), 600_000);
    const { child, ended } = await startStopped();
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
      const { child, ended } = await startStopped();
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

  it(
    "is overtaken by one of those who wait with nothing valid, and says the same when it is continued",
    LONG,
    async () => {
      const { child, ended } = await startStopped();
      const before = job.counts().sts;
      const [first, ...rest] = (await Promise.all([run(), run(), run(), run()])).map(credentialsOf);
      for (const one of rest) expect(one).toEqual(first);
      expect(job.counts().sts).toBe(before + 1);
      expect(credentialsOf(await run())).toEqual(first);
      child.kill("SIGCONT");
      expect(credentialsWithWarning(await ended)).toEqual(first);
      ageEntry(entry(), -1000);
      credentialsOf(await run());
    },
  );
});

describe.skipIf(process.platform !== "linux")("a stranger who has taken the names of abstract sockets", () => {
  const title = "delays whoever must wait, and keeps no credentials from them";
  it.skipIf(standalone)(unlessStandalone(title, "Bun writes such names otherwise"), LONG, async () => {
    await warmUp(job);
    const lock = path.join(job.sandbox.cacheDirectory, "locks", path.basename(entry()));
    rmSync(entry());
    for (const file of [lock, `${lock}.late`]) {
      // What is no file cannot be locked, so that a name serves.
      rmSync(file, { force: true });
      mkdirSync(file);
    }
    const servers = await Promise.all([lock, `${lock}.late`].map((file) => listen(abstractName(file))));
    try {
      const [one, other] = await Promise.all([run(), run()]);
      for (const result of [one, other]) {
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
