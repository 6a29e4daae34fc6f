import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import {
  CREDENTIAL_PROCESS,
  credentialsOf,
  credentialsWithWarning,
  isRoot,
  NOBODY,
  runAs,
  warmUp,
} from "./black-box.ts";

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

/** Credentials are printed with one warning, twice: what is not cached is fetched again. */
async function expectPrintedButNotCached(warning: RegExp, once = run): Promise<void> {
  const before = job.counts().sts;
  const first = credentialsWithWarning(await once(), warning);
  const second = credentialsWithWarning(await once(), warning);
  expect(second.AccessKeyId).not.toBe(first.AccessKeyId);
  expect(job.counts().sts).toBe(before + 2);
}

describe("a cache directory that is not private", () => {
  for (const mode of [0o755, 0o750, 0o701]) {
    it(`open to others (${mode.toString(8)}) is refused with the chmod that mends it`, async () => {
      await warmUp(job);
      const { cacheDirectory } = job.sandbox;
      chmodSync(cacheDirectory, mode);
      await expectPrintedButNotCached(
        new RegExp(
          `${cacheDirectory} is open to others \\(mode ${mode.toString(8)}\\) \\(chmod 700 ${cacheDirectory}\\)`,
        ),
      );
      execFileSync("chmod", ["700", cacheDirectory]);
      credentialsOf(await run());
    });
  }

  it("a file in its place is refused by name", async () => {
    mkdirSync(path.join(job.sandbox.home, ".cache"));
    writeFileSync(job.sandbox.cacheDirectory, "");
    await expectPrintedButNotCached(/sts-broker is not a directory \(rm /);
  });

  it("a symbolic link that leads nowhere is a warning", async () => {
    mkdirSync(path.join(job.sandbox.home, ".cache"));
    symlinkSync("/nonexistent/place", job.sandbox.cacheDirectory);
    await expectPrintedButNotCached(/not cached/);
  });
});

describe.skipIf(!isRoot)("a cache directory of another user (needs root)", () => {
  it("is not read by root, who is told to run it as that user", async () => {
    await warmUp(job);
    chownSync(job.sandbox.cacheDirectory, NOBODY, NOBODY);
    await expectPrintedButNotCached(/belongs to another user \(uid 65534\) \(run it as that user\)/);
  });

  it("is refused with the chown that mends it", async () => {
    await warmUp(job);
    const { home, cacheDirectory } = job.sandbox;
    execFileSync("chown", ["-R", "-h", `${NOBODY}:${NOBODY}`, home]);
    chownSync(cacheDirectory, 0, 0);
    const asNobody = () => runAs(NOBODY, job.sandbox, CREDENTIAL_PROCESS);
    const hint = `belongs to another user \\(uid 0\\) \\(sudo chown -R \\S+ ${cacheDirectory}\\)`;
    await expectPrintedButNotCached(new RegExp(hint), asNobody);
    chownSync(cacheDirectory, NOBODY, NOBODY);
    execFileSync("chown", ["-R", `${NOBODY}`, cacheDirectory]);
    credentialsOf(await asNobody());
    execFileSync("chown", ["-R", "-h", "0:0", home]);
  });

  it("with a foreign entry in our own directory: a miss, and it is replaced", async () => {
    await warmUp(job);
    const { home, cacheDirectory } = job.sandbox;
    execFileSync("chown", ["-R", "-h", `${NOBODY}:${NOBODY}`, home]);
    for (const name of readdirSync(path.join(cacheDirectory, "entries")))
      chownSync(path.join(cacheDirectory, "entries", name), 0, 0);
    const before = job.counts().sts;
    credentialsOf(await runAs(NOBODY, job.sandbox, CREDENTIAL_PROCESS));
    credentialsOf(await runAs(NOBODY, job.sandbox, CREDENTIAL_PROCESS));
    expect(job.counts().sts).toBe(before + 1);
    execFileSync("chown", ["-R", "-h", "0:0", home]);
  });
});

describe.skipIf(!isRoot)("sudo once, then the user (needs root)", () => {
  it("leaves no file of root's in the user's home, whether the cache was there or not", async () => {
    const { home, cacheDirectory } = job.sandbox;
    execFileSync("chown", ["-R", "-h", `${NOBODY}:${NOBODY}`, home]);
    // Root takes the user's configuration only when it is root's own.
    const config = job.configure();
    chownSync(config, 0, 0);
    chmodSync(config, 0o644);
    const ownedByRoot = (): string[] =>
      readdirSync(home, { recursive: true })
        .map((name) => path.join(home, String(name)))
        .filter((file) => statSync(file).uid === 0 && file !== config);
    expect(ownedByRoot()).toEqual([]);
    credentialsWithWarning(
      await run(),
      /would lie in the home of another user \(uid 65534\) \(sudo -H, or run it as that user\)/,
    );
    expect(ownedByRoot()).toEqual([]);

    const asUser = credentialsOf(await runAs(NOBODY, job.sandbox, CREDENTIAL_PROCESS));
    credentialsWithWarning(await run(), /belongs to another user \(uid 65534\) \(run it as that user\)/);
    expect(ownedByRoot()).toEqual([]);
    expect(credentialsOf(await runAs(NOBODY, job.sandbox, CREDENTIAL_PROCESS))).toEqual(asUser);
    expect(statSync(cacheDirectory).uid).toBe(NOBODY);
    execFileSync("chown", ["-R", "-h", "0:0", home]);
  });
});

/** Mounts a small file system over the cache; undefined where that is not allowed. */
function mountTmpfs(target: string, options: string): (() => void) | undefined {
  mkdirSync(target, { recursive: true, mode: 0o700 });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", target], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return () => void execFileSync("umount", ["-l", target]);
}

describe("a disk that takes nothing", () => {
  it("full: printed, with a warning that says so", async ({ skip }) => {
    const { cacheDirectory } = job.sandbox;
    const unmount = mountTmpfs(cacheDirectory, "size=4k,mode=0700");
    if (unmount === undefined) return skip("mounting is not allowed here");
    try {
      writeFileSync(path.join(cacheDirectory, "full"), Buffer.alloc(4096));
      await expectPrintedButNotCached(/no space left/);
      expect(readdirSync(cacheDirectory, { recursive: true }).filter((name) => String(name).endsWith(".tmp"))).toEqual(
        [],
      );
    } finally {
      unmount();
    }
  });

  it("out of inodes: printed, with a warning", async ({ skip }) => {
    const unmount = mountTmpfs(job.sandbox.cacheDirectory, "nr_inodes=2,mode=0700");
    if (unmount === undefined) return skip("mounting is not allowed here");
    try {
      await expectPrintedButNotCached(/no space left/);
    } finally {
      unmount();
    }
  });

  it("read-only, with credentials in it: they are served; without: printed, with a warning", async ({ skip }) => {
    const { cacheDirectory } = job.sandbox;
    const unmount = mountTmpfs(cacheDirectory, "size=1m,mode=0700");
    if (unmount === undefined) return skip("mounting is not allowed here");
    try {
      const minted = await warmUp(job);
      execFileSync("mount", ["-o", "remount,ro", cacheDirectory]);
      expect(credentialsOf(await run())).toEqual(minted);
      job.configure({ profile: "duration_seconds = 1200" });
      await expectPrintedButNotCached(/EROFS|read-only/);
    } finally {
      unmount();
    }
  });
});
