import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning, expectFailure, warmUp } from "./black-box.ts";

let job: MainJob;
let outside: string;
let key: string;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(async () => {
  for (const one of [".cache", "outside"]) rmSync(path.join(job.sandbox.home, one), { recursive: true, force: true });
  outside = path.join(job.sandbox.home, "outside");
  mkdirSync(outside, { mode: 0o755 });
  job.world.reset();
  job.configure();
  await warmUp(job);
  key = path.basename(entryFile(job.sandbox.cacheDirectory));
});
afterAll(() => job.close());

const run = () => job.sandbox.run(CREDENTIAL_PROCESS);
const inCache = (...names: string[]) => path.join(job.sandbox.cacheDirectory, ...names);

/** Everything that a run keeps, by what a person would call it. */
const KEPT: Record<string, () => string> = {
  entry: () => inCache("entries", key),
  "sealing key": () => inCache("sealing-key"),
  "lock file": () => inCache("locks", key),
  announcement: () => inCache("locks", `${key}.done`),
  "failure record": () => inCache("failures", key),
};

/** What may stand in its place. */
const PLANTED: Record<string, (file: string) => void> = {
  "an empty file": (file) => writeFileSync(file, ""),
  "a file of zeros": (file) => writeFileSync(file, Buffer.alloc(4096)),
  "a huge sparse file": (file) => {
    writeFileSync(file, "");
    truncateSync(file, 2 ** 36);
  },
  "an empty directory": (file) => mkdirSync(file),
  "a FIFO": (file) => execFileSync("mkfifo", [file]),
  "a symbolic link to nowhere": (file) => symlinkSync("/nonexistent/place", file),
  "a symbolic link to itself": (file) => symlinkSync(path.basename(file), file),
  "a symbolic link to a file of the user's": (file) => {
    writeFileSync(path.join(outside, "mine"), "mine", { mode: 0o644 });
    symlinkSync(path.join(outside, "mine"), file);
  },
};

/** What lies outside must be as it was: its text, its mode, and nothing beside it. */
function expectOutsideUntouched(): void {
  for (const name of readdirSync(outside)) {
    expect(name).toBe("mine");
    expect(readFileSync(path.join(outside, name), "utf8")).toBe("mine");
    expect(statSync(path.join(outside, name)).mode & 0o777).toBe(0o644);
  }
}

/** One renewal, without a word, and whoever comes next is answered from the cache. */
async function expectHealed(): Promise<void> {
  const before = job.counts().sts;
  const renewed = credentialsOf(await run());
  expect(credentialsOf(await run())).toEqual(renewed);
  expect(job.counts().sts).toBe(before + 1);
}

for (const [what, fileOf] of Object.entries(KEPT)) {
  describe(`in the place of the ${what}`, () => {
    for (const [planted, plant] of Object.entries(PLANTED)) {
      it(`${planted}: no crash and no hang, healed by the next renewal, nothing outside touched`, async () => {
        const file = fileOf();
        ageEntry(inCache("entries", key), -1000);
        mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
        rmSync(file, { force: true });
        plant(file);
        await expectHealed();
        expectOutsideUntouched();
        if (what === "entry" || what === "sealing key") expect(lstatSync(file).isFile()).toBe(true);
      });
    }
  });
}

describe("what cannot be healed without taking something from the user is said, with the path", () => {
  for (const [what, fileOf] of Object.entries(KEPT)) {
    it(`a directory that holds something, in the place of the ${what}`, async () => {
      const file = fileOf();
      ageEntry(inCache("entries", key), -1000);
      rmSync(file, { force: true });
      mkdirSync(path.join(file, "somebody's"), { recursive: true });
      const result = await run();
      if (what === "entry" || what === "sealing key") {
        credentialsWithWarning(result, new RegExp(`not cached.*${file} is in the way \\(E\\w+\\) \\(rm -r ${file}\\)`));
        execFileSync("rm", ["-r", file]);
        await expectHealed();
      } else {
        expect(credentialsOf(await run())).toEqual(credentialsOf(result));
      }
    });
  }

  for (const room of ["entries", "locks", "failures"]) {
    it(`a symbolic link in the place of ${room}/: nothing is written where it leads`, async () => {
      ageEntry(inCache("entries", key), -1000);
      rmSync(inCache(room), { recursive: true, force: true });
      symlinkSync(outside, inCache(room));
      const result = await run();
      if (room === "entries") {
        const entries = inCache("entries");
        credentialsWithWarning(result, new RegExp(`${entries} is in the way \\(ELOOP\\) \\(rm -r ${entries}\\)`));
        execFileSync("rm", ["-r", entries]);
        await expectHealed();
      } else {
        expect(credentialsOf(await run())).toEqual(credentialsOf(result));
      }
      expect(readdirSync(outside)).toEqual([]);
    });
  }

  it("a symbolic link in the place of the cache directory: not followed, and nothing is written where it leads", async () => {
    const { cacheDirectory } = job.sandbox;
    rmSync(cacheDirectory, { recursive: true });
    symlinkSync(outside, cacheDirectory);
    credentialsWithWarning(await run(), /sts-broker is a symbolic link or .* not followed \(rm /);
    expect([readdirSync(outside), statSync(outside).mode & 0o777]).toEqual([[], 0o755]);
    execFileSync("rm", [cacheDirectory]);
    await expectHealed();
  });

  it("a symbolic link on the way to it (a cache on another disk) is the user's own affair", async () => {
    rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true });
    symlinkSync(outside, path.join(job.sandbox.home, ".cache"));
    await expectHealed();
    expect(readdirSync(outside)).toEqual(["sts-broker"]);
    expect(statSync(outside).mode & 0o777).toBe(0o755);
  });
});

describe("a directory that is no entry, older than any", () => {
  it("does not make a written entry one that is not kept", async () => {
    const strange = inCache("entries", "0".repeat(64));
    mkdirSync(strange);
    execFileSync("touch", ["-d", "3 days ago", strange]);
    ageEntry(inCache("entries", key), -1000);
    await expectHealed();
    expect(existsSync(strange)).toBe(true);
  });
});

describe("a failure remembered from a clock that was ahead", () => {
  it("is not everybody's failure until the clock is there again", async () => {
    const { cacheDirectory } = job.sandbox;
    ageEntry(inCache("entries", key), -1000);
    job.world.sts.status(500);
    expectFailure(await run(), { status: 5, says: /HTTP 500/ });
    job.world.reset();
    const record = path.join(cacheDirectory, "failures", key);
    const failure = JSON.parse(readFileSync(record, "utf8"));
    writeFileSync(
      record,
      JSON.stringify({ ...failure, atMs: failure.atMs + 600_000, untilMs: failure.untilMs + 600_000 }),
    );
    await expectHealed();
  });
});
