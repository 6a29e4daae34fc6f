import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
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
const mounted: string[] = [];
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterEach(() => {
  for (const target of mounted.splice(0)) execFileSync("umount", ["-l", target]);
});
afterAll(() => job.close());

const run = (env: Record<string, string> = {}) => job.sandbox.run(CREDENTIAL_PROCESS, { env });
const entry = () => entryFile(job.sandbox.cacheDirectory);

/** A small disk of its own at this place; false where mounting is not allowed. */
function mountDisk(target: string, options: string): boolean {
  mkdirSync(target, { recursive: true, mode: 0o700 });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `mode=0700,${options}`, "tmpfs", target], { stdio: "ignore" });
  } catch {
    return false;
  }
  mounted.push(target);
  return true;
}

/** Every block taken. */
function fillBlocks(directory: string): void {
  for (let number = 0; ; number++) {
    try {
      writeFileSync(path.join(directory, `fill-${number}`), Buffer.alloc(4096));
    } catch {
      return;
    }
  }
}

/** Every inode taken. */
function fillInodes(directory: string): void {
  for (let number = 0; ; number++) {
    try {
      mkdirSync(path.join(directory, `fill-${number}`));
    } catch {
      return;
    }
  }
}

const FULL: Record<string, { options: string; fill: (directory: string) => void }> = {
  "without a free block": { options: "size=1m", fill: fillBlocks },
  "without a free inode": { options: "size=1m,nr_inodes=40", fill: fillInodes },
};

for (const [name, { options, fill }] of Object.entries(FULL)) {
  describe(`a disk ${name}`, () => {
    it("keeps the old entry whole: it is served with a warning, and nobody is asked for what could not be kept", async ({
      skip,
    }) => {
      const { cacheDirectory } = job.sandbox;
      if (!mountDisk(cacheDirectory, options)) return skip("mounting is not allowed here");
      const old = await warmUp(job);
      ageEntry(entry(), 600_000);
      const bytes = readFileSync(entry());
      fill(cacheDirectory);
      const before = job.counts();
      for (let call = 0; call < 2; call++) {
        expect(credentialsWithWarning(await run(), /not renewed.*no space left/).AccessKeyId).toBe(old.AccessKeyId);
      }
      expect(await job.sandbox.run(["refresh"])).toMatchObject({
        status: 2,
        stdout: "",
        stderr: expect.stringMatching(/none were fetched: file: .*no space left/),
      });
      expect(job.counts()).toEqual(before);
      expect(readFileSync(entry())).toEqual(bytes);
      expect(readdirSync(path.dirname(entry()))).toHaveLength(1);
    });

    it("is named by status, which has no store that works then", async ({ skip }) => {
      const { cacheDirectory } = job.sandbox;
      if (!mountDisk(cacheDirectory, options)) return skip("mounting is not allowed here");
      await warmUp(job);
      fill(cacheDirectory);
      const { stdout } = await job.sandbox.run(["status", "--json"]);
      const { stores } = JSON.parse(stdout) as { stores: { store: string; usable: boolean; problem?: string }[] };
      expect(stores.find(({ store }) => store === "file")).toMatchObject({
        usable: false,
        problem: expect.stringContaining("no space left"),
      });
    });

    it("with an entry that ended: printed, warns once, twenty together too, and once there is space all is well", async ({
      skip,
    }) => {
      const { cacheDirectory } = job.sandbox;
      if (!mountDisk(cacheDirectory, options)) return skip("mounting is not allowed here");
      await warmUp(job);
      ageEntry(entry(), -1000);
      fill(cacheDirectory);
      for (const one of await Promise.all(Array.from({ length: 20 }, () => run()))) {
        credentialsWithWarning(one, /not cached.*no space left/);
      }
      for (const one of readdirSync(cacheDirectory)) {
        if (one.startsWith("fill-")) rmSync(path.join(cacheDirectory, one), { recursive: true });
      }
      const kept = credentialsOf(await run());
      expect(credentialsOf(await run())).toEqual(kept);
    });
  });
}

describe("a home that is read-only", () => {
  it.skipIf(!isRoot)("for its own user (needs root): printed, and warned of once a call", async ({ skip }) => {
    const { home } = job.sandbox;
    execFileSync("chown", ["-R", "-h", `${NOBODY}:${NOBODY}`, home]);
    try {
      execFileSync("mount", ["--bind", home, home]);
      mounted.push(home);
      execFileSync("mount", ["-o", "remount,bind,ro", home]);
    } catch {
      return skip("mounting is not allowed here");
    }
    const before = job.counts().sts;
    for (let call = 0; call < 2; call++) {
      credentialsWithWarning(await runAs(NOBODY, job.sandbox, CREDENTIAL_PROCESS), /cannot be created \(EROFS\)/);
    }
    expect(job.counts().sts).toBe(before + 2);
    for (const target of mounted.splice(0)) execFileSync("umount", ["-l", target]);
    execFileSync("chown", ["-R", "-h", "0:0", home]);
  });
});

describe("a debug log that cannot be written", () => {
  it("on a full disk does not hurt: its lines go to stderr, and the warning stands there once", async ({ skip }) => {
    const disk = path.join(job.sandbox.home, "small-disk");
    if (!mountDisk(disk, "size=4k")) return skip("mounting is not allowed here");
    fillBlocks(disk);
    const result = await run({ STS_BROKER_DEBUG: path.join(disk, "debug.log") });
    const cold = credentialsWithWarning(result);
    expect(result.stderr).toMatch(/sts-broker: cache: file: entry written/);
    rmSync(job.sandbox.cacheDirectory, { recursive: true });
    writeFileSync(job.sandbox.cacheDirectory, "");
    const warned = await run({ STS_BROKER_DEBUG: path.join(disk, "debug.log") });
    expect(credentialsWithWarning(warned).AccessKeyId).not.toBe(cold.AccessKeyId);
    expect(warned.stderr.match(/warning: /g)).toHaveLength(1);
  });

  it.each(["/dev/full", "/nonexistent/place/debug.log", "/", "/dev/null"])("%s does not hurt", async (place) => {
    credentialsWithWarning(await run({ STS_BROKER_DEBUG: place }));
  });
});
