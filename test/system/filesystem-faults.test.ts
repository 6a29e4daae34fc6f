/** File systems that lack something (NFS without its lock service, FAT, FUSE), by a library preloaded into the program. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning } from "../bin/black-box.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { standalone, unlessStandalone } from "../support/program.ts";
import { describeSystem, needed } from "./servers/requirements.ts";

describeSystem("a file system that lacks something", ["gcc"], () => {
  let job: MainJob;
  let build: string;
  let preload: string;
  beforeAll(async () => {
    build = mkdtempSync(path.join(tmpdir(), "sts-broker-without-"));
    preload = path.join(build, "without.so");
    const source = path.join(import.meta.dirname, "filesystem-without.c");
    execFileSync(needed("gcc"), ["-shared", "-fPIC", "-O1", "-o", preload, source, "-ldl"]);
    job = await startMainJob();
  });
  beforeEach(() => {
    rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
    job.world.reset();
    job.configure();
  });
  afterAll(async () => {
    await job.close();
    rmSync(build, { recursive: true, force: true });
  });

  const run = (without: Record<string, string>, more: Record<string, string> = {}) =>
    job.sandbox.run(CREDENTIAL_PROCESS, { env: { LD_PRELOAD: preload, ...without, ...more } });
  const crowd = (without: Record<string, string>) => Promise.all(Array.from({ length: 12 }, () => run(without)));
  const left = (): string[] =>
    readdirSync(job.sandbox.cacheDirectory, { recursive: true, encoding: "utf8" }).filter((name) => /tmp$/.test(name));

  for (const [name, number] of Object.entries({ ENOLCK: "37", EOPNOTSUPP: "95", ENOSYS: "38" })) {
    const title = `locks (${name}): another lock is found, one exchange for all, and the debug log says so in one line`;
    test.skipIf(standalone)(unlessStandalone(title, "it asks the kernel past the preloaded library"), async () => {
      const before = job.counts();
      const [first, ...rest] = (await crowd({ WITHOUT_LOCKS: number })).map(credentialsOf);
      for (const one of rest) expect(one).toEqual(first);
      expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
      rmSync(path.join(job.sandbox.cacheDirectory, "entries"), { recursive: true });
      const { stderr } = await run({ WITHOUT_LOCKS: number }, { STS_BROKER_DEBUG: "1" });
      expect(stderr.match(/^sts-broker: lock: .*$/gm)).toEqual([
        expect.stringContaining("lock: abstract socket (the file system has no locks)"),
      ]);
    });
  }

  test("hard links: the sealing key is made all the same, once for all, and nothing is left behind", async () => {
    const without = { WITHOUT_LINKS: "1" };
    const [first, ...rest] = (await crowd(without)).map(credentialsOf);
    for (const one of rest) expect(one).toEqual(first);
    expect(credentialsOf(await run(without))).toEqual(first);
    expect(left()).toEqual([]);
  });

  test("modes that can be set: refused with the setting that helps, printed, and nothing is left behind", async () => {
    const without = { WITHOUT_MODES: "1" };
    for (let call = 0; call < 2; call++) {
      const warning = /its file system has no permissions \(EPERM\) \(set XDG_CACHE_HOME to a place on another/;
      credentialsWithWarning(await run(without), warning);
    }
    expect(existsSync(path.join(job.sandbox.home, ".cache"))).toBe(false);
  });

  test("locks, hard links and modes in a place that is private already: cached, and locked", async () => {
    credentialsOf(await run({}));
    rmSync(path.join(job.sandbox.cacheDirectory, "entries"), { recursive: true });
    execFileSync("mkdir", ["-m", "700", path.join(job.sandbox.cacheDirectory, "entries")]);
    const before = job.counts().sts;
    const without = { WITHOUT_LOCKS: "37", WITHOUT_LINKS: "1", WITHOUT_MODES: "1" };
    const [first, ...rest] = (await crowd(without)).map(credentialsOf);
    for (const one of rest) expect(one).toEqual(first);
    expect(job.counts().sts).toBe(before + 1);
  });
});
