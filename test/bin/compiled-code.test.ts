/** V8's compiled code in the cache directory of the npm build: kept by what is hot, and never believed. A full or read-only disk: faults-disk.test.ts. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest } from "../support/program.ts";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning } from "./black-box.ts";

/** Only a script is compiled at its start. */
const isScript = programUnderTest().length > 1;

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(async () => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  // The first call is cold, and makes the directory.
  credentialsOf(await run());
});
afterAll(() => job.close());

const run = () => job.sandbox.run(CREDENTIAL_PROCESS);
const kept = () => readdirSync(job.sandbox.cacheDirectory).filter((name) => name.startsWith("code-"));
const file = () => path.join(job.sandbox.cacheDirectory, kept()[0] ?? "none");

describe.skipIf(!isScript)("compiled code", () => {
  it("is kept by a cached call in a private file, and used by the next one as it is", async () => {
    expect(kept()).toEqual([]);
    credentialsOf(await run());
    expect(kept()).toHaveLength(1);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    const { mtimeMs, ino } = statSync(file());
    credentialsOf(await run());
    expect(statSync(file())).toMatchObject({ mtimeMs, ino });
  });

  it("takes the place of what other versions left", async () => {
    writeFileSync(path.join(job.sandbox.cacheDirectory, "code-0123456789abcdef-v18.0.0-x64"), "old");
    credentialsOf(await run());
    expect(kept()).toHaveLength(1);
    expect(kept()[0]).not.toContain("v18.0.0");
  });

  it.each([
    ["a command that is not hot", ["status"]],
    ["the help", ["--help"]],
    ["a helper of ours", ["__keychain"]],
  ])("is not kept by %s, which compiles too little of the hot path", async (_, argv) => {
    await job.sandbox.run(argv, { stdin: '{"do":"check"}' });
    expect(kept()).toEqual([]);
  });

  it("is not kept by a call that had to renew, which compiles much besides", async () => {
    rmSync(path.join(job.sandbox.cacheDirectory, "entries"), { recursive: true });
    credentialsOf(await run());
    expect(kept()).toEqual([]);
  });

  const flipped = (good: Buffer): Buffer => {
    const bad = Buffer.from(good);
    // V8 itself looks at its header alone, and dies of the rest.
    for (let at = bad.length >> 1; at < bad.length; at += 97) bad[at] = (bad[at] ?? 0) ^ 0xff;
    return bad;
  };
  const WRONG: readonly [what: string, make: (good: Buffer) => Buffer][] = [
    ["empty", () => Buffer.alloc(0)],
    ["shorter than its hash", (good) => good.subarray(0, 20)],
    ["a hash alone", (good) => good.subarray(0, 64)],
    ["torn", (good) => good.subarray(0, good.length >> 1)],
    ["damaged", flipped],
    ["zeros from a power cut", (good) => Buffer.alloc(good.length)],
    ["somebody else's text", () => Buffer.from("not code\n".repeat(1000))],
    ["huge", (good) => Buffer.concat([good, Buffer.alloc(8 * 1024 * 1024)])],
  ];
  it.each(WRONG)("that is %s is not run, and is replaced", async (_, make) => {
    credentialsOf(await run());
    const good = readFileSync(file());
    writeFileSync(file(), make(good));
    credentialsOf(await run());
    expect(Math.abs(statSync(file()).size - good.length)).toBeLessThan(good.length / 10);
    expect(flipped(good).equals(readFileSync(file()))).toBe(false);
  });

  it("is done without where something else has its name", async () => {
    credentialsOf(await run());
    const name = file();
    rmSync(name);
    mkdirSync(path.join(name, "full"), { recursive: true });
    credentialsOf(await run());
    expect(existsSync(path.join(name, "full"))).toBe(true);
  });

  it("is neither read from nor written to a directory that others can enter", async () => {
    chmodSync(job.sandbox.cacheDirectory, 0o755);
    credentialsWithWarning(await run(), /open to others/);
    expect(kept()).toEqual([]);
  });
});
