import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findBuilds } from "./builds.ts";

describe("the builds that are measured", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "sts-broker-builds-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("have the standalone executable that STS_BROKER_STANDALONE names, started without Node", () => {
    const file = path.join(folder, "other");
    writeFileSync(file, "");
    const { present } = findBuilds({ STS_BROKER_STANDALONE: file });
    expect(present.find(({ name }) => name === "standalone")?.argv).toEqual([file]);
    expect(present.find(({ name }) => name === "npm")?.argv[0]).toBe(process.execPath);
  });

  it("name the one that is not there, and the file that was looked for", () => {
    const file = path.join(folder, "missing");
    const { present, absent } = findBuilds({ STS_BROKER_STANDALONE: file });
    expect(present.map(({ name }) => name)).toEqual(["npm"]);
    expect(absent).toEqual([`standalone build: ${file} is not there`]);
  });
});
