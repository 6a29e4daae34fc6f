import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { clock } from "../../src/host/clock.ts";
import { makeLog } from "../../src/host/log.ts";

const isRoot = process.getuid?.() === 0;
const root = mkdtempSync(path.join(tmpdir(), "sts-broker-log-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

function log(setting: string | undefined) {
  const said: string[] = [];
  const streams = { writeOut: () => {}, writeErr: (text: string) => void said.push(text) };
  return { said, log: makeLog(setting, streams, clock) };
}
const fresh = (): string => path.join(root, `${++count}.log`);

describe("the debug log", () => {
  it.each([undefined, "", "0", "false"])("is silent with %s", (setting) => {
    const { said, log: silent } = log(setting);
    silent.debug("cache", "a line");
    expect([silent.enabled, said]).toEqual([false, []]);
  });

  it.each(["1", "true", "relative.log"])("goes to stderr with %s", (setting) => {
    const { said, log: loud } = log(setting);
    loud.debug("cache", "a line");
    expect(said).toEqual([expect.stringMatching(/^sts-broker: cache: a line \(\+[\d.]+ ms\)\n$/)]);
    expect(existsSync(setting)).toBe(false);
  });

  it("is appended to a file of mode 0600, and warnings go to both", () => {
    const file = fresh();
    const { said, log: filed } = log(file);
    filed.debug("cache", "one");
    filed.debug("cache", "two");
    filed.warn("three");
    expect(readFileSync(file, "utf8")).toMatch(/ one \(.*\n.* two \(.*\nwarning: three\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(said).toEqual(["sts-broker: warning: three\n"]);
  });

  it("stays writable for the next process under umask 0777", () => {
    const file = fresh();
    writeFileSync(file, "", { mode: 0o600 });
    chmodSync(file, 0);
    log(file).log.debug("cache", "one");
    if (isRoot) expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

describe("a place that must not be written goes to stderr instead", () => {
  const expectRefused = (file: string): void => {
    const { said, log: refused } = log(file);
    refused.debug("cache", "a line");
    refused.warn("a warning");
    expect(said).toEqual([expect.stringContaining("cache: a line"), "sts-broker: warning: a warning\n"]);
  };

  it("a symbolic link, whose target is left alone", () => {
    const file = fresh();
    writeFileSync(`${file}.target`, "mine");
    symlinkSync(`${file}.target`, file);
    expectRefused(file);
    expect(readFileSync(`${file}.target`, "utf8")).toBe("mine");
    const dangling = fresh();
    symlinkSync(`${dangling}.target`, dangling);
    expectRefused(dangling);
    expect(existsSync(`${dangling}.target`)).toBe(false);
  });

  it("a FIFO that nobody reads, without waiting", () => {
    const file = fresh();
    execFileSync("mkfifo", [file]);
    expectRefused(file);
  });

  it("a directory, a full device, a path that is not there", () => {
    for (const file of [root, "/dev/full", "/nonexistent/place/x.log"]) expectRefused(file);
  });

  it.skipIf(!isRoot)("a file of another user, who would read it (needs root)", () => {
    const file = fresh();
    writeFileSync(file, "");
    chownSync(file, 65534, 65534);
    chmodSync(file, 0o666);
    expectRefused(file);
    expect(readFileSync(file, "utf8")).toBe("");
  });
});
