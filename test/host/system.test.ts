import { readFileSync, realpathSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { realSystem } from "../../src/host/system.ts";

describe.skipIf(process.platform !== "linux")("who started us (needs /proc)", () => {
  it("is told by number, name and program, without arguments", () => {
    const { parent } = realSystem({});
    expect(parent()).toEqual({
      pid: process.ppid,
      name: readFileSync(`/proc/${process.ppid}/comm`, "utf8").trimEnd(),
      executable: realpathSync(`/proc/${process.ppid}/exe`),
    });
  });
});
