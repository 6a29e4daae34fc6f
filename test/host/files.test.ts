import { spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { files } from "../../src/host/files.ts";

const root = mkdtempSync(path.join(tmpdir(), "sts-broker-files-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const fresh = (): string => {
  const directory = path.join(root, String(++count));
  mkdirSync(directory, { mode: 0o755 });
  return directory;
};
const mode = (file: string): number => statSync(file).mode & 0o7777;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Vitest's workers are threads, which have no umask of their own; so the umask is a child's. */
describe("a private file", () => {
  it("is 0600, and replaces what was there whole, whatever its mode was", () => {
    const file = path.join(fresh(), "f");
    writeFileSync(file, "a longer old content", { mode: 0o644 });
    files.writePrivate(file, bytes("new"));
    expect([readFileSync(file, "utf8"), mode(file)]).toEqual(["new", 0o600]);
    expect(readdirSync(path.dirname(file))).toEqual(["f"]);
  });

  it("replaces a symbolic link and not what it points to", () => {
    const directory = fresh();
    writeFileSync(path.join(directory, "target"), "mine");
    symlinkSync("target", path.join(directory, "f"));
    files.writePrivate(path.join(directory, "f"), bytes("new"));
    expect(readFileSync(path.join(directory, "target"), "utf8")).toBe("mine");
  });

  it("replaces an empty directory, and leaves one that holds something", () => {
    const file = path.join(fresh(), "f");
    mkdirSync(file);
    files.writePrivate(file, bytes("new"));
    expect([readFileSync(file, "utf8"), mode(file)]).toEqual(["new", 0o600]);
  });

  it("is created by the first alone", () => {
    const file = path.join(fresh(), "f");
    expect([files.createPrivate(file, bytes("1")), files.createPrivate(file, bytes("2"))]).toEqual([true, false]);
    expect([readFileSync(file, "utf8"), mode(file), readdirSync(path.dirname(file))]).toEqual(["1", 0o600, ["f"]]);
  });

  it("leaves nothing behind when it cannot be put in place", () => {
    const directory = fresh();
    mkdirSync(path.join(directory, "f", "full"), { recursive: true });
    expect(() => files.writePrivate(path.join(directory, "f"), bytes("x"))).toThrow();
    expect(readdirSync(directory)).toEqual(["f"]);
    expect(() => files.writePrivate(path.join(directory, "none", "f"), bytes("x"))).toThrow(/ENOENT/);
  });

  it("is never seen torn by a reader while others write", async () => {
    const file = path.join(fresh(), "f");
    files.writePrivate(file, Buffer.alloc(20_000, "a"));
    const script = `const fs=require("fs");for(;;){const b=Buffer.alloc(20000,process.argv[2]);const t=process.argv[1]+"."+process.pid;fs.writeFileSync(t,b);fs.renameSync(t,process.argv[1])}`;
    const writers = ["b", "c"].map((letter) =>
      spawn(process.execPath, ["-e", script, file, letter], { stdio: "ignore" }),
    );
    const untilMs = performance.now() + 600;
    while (performance.now() < untilMs) {
      const text = Buffer.from(files.read(file) ?? []).toString();
      expect([text.length, new Set(text).size]).toEqual([20_000, 1]);
      files.writePrivate(file, Buffer.alloc(20_000, "a"));
    }
    for (const writer of writers) writer.kill("SIGKILL");
  });
});

describe("a private directory", () => {
  it("is 0700, its missing parents too, and existing ones are left alone", () => {
    const directory = fresh();
    files.makePrivateDirectory(path.join(directory, "a", "b", "c"));
    for (const at of ["a", "a/b", "a/b/c"]) expect(mode(path.join(directory, at))).toBe(0o700);
    expect(mode(directory)).toBe(0o755);
    chmodSync(path.join(directory, "a"), 0o750);
    files.makePrivateDirectory(path.join(directory, "a", "d"));
    expect(mode(path.join(directory, "a"))).toBe(0o750);
  });

  it.each(["x//y//z", "x/y/", "x//", "./x/./y", "x/../x/y", "//x//y"])(
    "spelt %s leaves its existing parents alone too",
    (spelt) => {
      const directory = fresh();
      files.makePrivateDirectory(`${directory}/${spelt}`);
      expect(mode(directory)).toBe(0o755);
      expect(mode(path.normalize(`${directory}/${spelt}`))).toBe(0o700);
    },
  );

  it("is no error when it is there, and one where a file is", () => {
    const directory = fresh();
    files.makePrivateDirectory(directory);
    writeFileSync(path.join(directory, "f"), "");
    expect(() => files.makePrivateDirectory(path.join(directory, "f"))).toThrow(/EEXIST/);
  });

  it("is never what a symbolic link leads to, though links on the way are followed", () => {
    const directory = fresh();
    for (const name of ["a", "b"]) mkdirSync(path.join(directory, name), { mode: 0o755 });
    symlinkSync("a", path.join(directory, "link"));
    expect(() => files.makePrivateDirectory(path.join(directory, "link"))).toThrow(
      expect.objectContaining({ code: "ELOOP", path: path.join(directory, "link") }),
    );
    files.makePrivateDirectory(path.join(directory, "link", "below"));
    expect([mode(path.join(directory, "a")), mode(path.join(directory, "a", "below"))]).toEqual([0o755, 0o700]);
  });
});

describe("reading", () => {
  it("gives the bytes, or undefined where there is no file", () => {
    const directory = fresh();
    writeFileSync(path.join(directory, "f"), "abc");
    writeFileSync(path.join(directory, "empty"), "");
    expect(Buffer.from(files.read(path.join(directory, "f")) ?? []).toString()).toBe("abc");
    expect(files.read(path.join(directory, "empty"))).toHaveLength(0);
    expect(files.read(path.join(directory, "none"))).toBeUndefined();
    expect(files.read(path.join(directory, "f", "below"))).toBeUndefined();
    expect(files.stat(path.join(directory, "none"))).toBeUndefined();
    expect(files.list(path.join(directory, "none"))).toEqual([]);
  });

  it.each([
    [10, 10, undefined],
    [11, 10, "EFBIG"],
    [100_000, 10, "EFBIG"],
  ])("%i bytes with a limit of %i", (length, limit, code) => {
    const file = path.join(fresh(), "f");
    writeFileSync(file, Buffer.alloc(length));
    if (code === undefined) expect(files.read(file, limit)).toHaveLength(length);
    else expect(() => files.read(file, limit)).toThrow(expect.objectContaining({ code }));
  });

  it("refuses what would block or never end", () => {
    for (const file of ["/dev/zero", "/dev/null", root])
      expect(() => files.read(file)).toThrow(expect.objectContaining({ code: "EINVAL" }));
    expect(() => files.read("/proc/self/status")).not.toThrow();
  });

  it("tells owner, mode, size and time", () => {
    const file = path.join(fresh(), "f");
    writeFileSync(file, "abc", { mode: 0o640 });
    chmodSync(file, 0o640);
    utimesSync(file, 1_000, 1_000);
    expect(files.stat(file)).toEqual({
      uid: process.getuid?.() ?? 0,
      mode: 0o640,
      size: 3,
      modifiedAtMs: 1_000_000,
      isFile: true,
      isDirectory: false,
    });
  });

  it("tells of a symbolic link itself where asked to", () => {
    const directory = fresh();
    writeFileSync(path.join(directory, "f"), "abc");
    symlinkSync("f", path.join(directory, "link"));
    symlinkSync("none", path.join(directory, "dangling"));
    expect(files.stat(path.join(directory, "link"))).toMatchObject({ size: 3, isFile: true });
    expect(files.stat(path.join(directory, "dangling"))).toBeUndefined();
    for (const name of ["link", "dangling"])
      expect(files.stat(path.join(directory, name), "as they are")).toMatchObject({
        isFile: false,
        isDirectory: false,
      });
  });

  it("lists names in order, and removes without complaint", () => {
    const directory = fresh();
    for (const name of ["b", "a"]) writeFileSync(path.join(directory, name), "");
    expect(files.list(directory)).toEqual(["a", "b"]);
    files.remove(path.join(directory, "a"));
    files.remove(path.join(directory, "a"));
    expect(files.list(directory)).toEqual(["b"]);
  });
});
