import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { files } from "../../src/host/files.ts";

let directory: string;
const at = (name: string): string => path.join(directory, name);
const NEW = Buffer.from("new");
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "sts-broker-replace-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe("a file of the person's own, replaced", () => {
  it.each([0o600, 0o640, 0o644])("keeps its mode %o", async (mode) => {
    writeFileSync(at("config"), "old");
    const { chmodSync } = await import("node:fs");
    chmodSync(at("config"), mode);
    await files.replace(at("config"), NEW);
    expect([readFileSync(at("config"), "utf8"), statSync(at("config")).mode & 0o777]).toEqual(["new", mode]);
    expect(readdirSync(directory)).toEqual(["config"]);
  });

  it("is made 0600 under any umask where there is none", async () => {
    const before = process.umask(0o777);
    try {
      await files.replace(at("config"), NEW);
    } finally {
      process.umask(before);
    }
    expect(statSync(at("config")).mode & 0o777).toBe(0o600);
  });

  it.runIf(process.getuid?.() === 0)("keeps its owner when root does it", async () => {
    const { chownSync } = await import("node:fs");
    writeFileSync(at("config"), "old");
    chownSync(at("config"), 65534, 65534);
    await files.replace(at("config"), NEW);
    expect(statSync(at("config"))).toMatchObject({ uid: 65534, gid: 65534 });
  });

  it("is reached through symbolic links, which stay", async () => {
    mkdirSync(at("dotfiles"));
    writeFileSync(at("dotfiles/real"), "old");
    symlinkSync("dotfiles/real", at("one"));
    symlinkSync("one", at("two"));
    expect(await files.resolve(at("two"))).toBe(at("dotfiles/real"));
    await files.replace(at("two"), NEW);
    expect(readFileSync(at("dotfiles/real"), "utf8")).toBe("new");
    expect(lstatSync(at("two")).isSymbolicLink()).toBe(true);
  });

  it("is not guessed at behind a link that leads nowhere", async () => {
    symlinkSync("nowhere", at("link"));
    await expect(files.resolve(at("link"))).rejects.toMatchObject({ code: "ENOENT" });
    await expect(files.replace(at("link"), NEW)).rejects.toMatchObject({ code: "ENOENT" });
    expect(await files.resolve(at("missing"))).toBe(at("missing"));
  });

  it("is never a directory, and nothing is left of the attempt", async () => {
    mkdirSync(at("config"));
    await expect(files.replace(at("config"), NEW)).rejects.toMatchObject({ code: "EINVAL" });
    expect(readdirSync(directory)).toEqual(["config"]);
  });
});
