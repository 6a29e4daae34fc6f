import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { files } from "../../src/host/files.ts";

const source = path.join(path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url)))), "src/host/files.ts");
const root = mkdtempSync(path.join(tmpdir(), "sts-broker-append-"));
const child = path.join(root, "child.mjs");
afterAll(() => rmSync(root, { recursive: true, force: true }));

beforeAll(async () => {
  const contents = `
import { files } from ${JSON.stringify(source)};
const [file, letter, lines, bytes] = process.argv.slice(2);
const line = Buffer.from(letter.repeat(Number(bytes) - 1) + "\\n");
for (let count = 0; count < Number(lines); count++) files.appendLine(file, line);
`;
  await build({
    stdin: { contents, resolveDir: root, loader: "ts" },
    outfile: child,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "error",
  });
});

let count = 0;
const fresh = (): string => {
  const directory = path.join(root, String(++count));
  mkdirSync(directory);
  return directory;
};
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const mode = (file: string): string => (statSync(file).mode & 0o7777).toString(8);

describe("appending", () => {
  it("adds to the end, and opens without adding where there is nothing to add", () => {
    const file = path.join(fresh(), "f");
    for (const text of ["", "one\n", "two\n"]) files.appendLine(file, bytes(text));
    expect(readFileSync(file, "utf8")).toBe("one\ntwo\n");
  });

  it("begins a new line below one that was cut short", () => {
    const file = path.join(fresh(), "f");
    writeFileSync(file, "one\ntw");
    for (const text of ["", "three\n", "four\n"]) files.appendLine(file, bytes(text));
    expect(readFileSync(file, "utf8")).toBe("one\ntw\nthree\nfour\n");
  });

  it.each(["0000", "0022", "0777"])("creates a file with mode 0600 under the umask %s", (umask) => {
    const file = path.join(fresh(), "f");
    execFileSync("sh", ["-c", `umask ${umask}; exec "$@"`, "sh", process.execPath, child, file, "a", "2", "4"]);
    expect([mode(file), readFileSync(file, "utf8")]).toEqual(["600", "aaa\naaa\n"]);
  });

  it("leaves the mode of a file that was there, since others may have to write to it", () => {
    const file = path.join(fresh(), "f");
    writeFileSync(file, "");
    chmodSync(file, 0o660);
    files.appendLine(file, bytes("x"));
    expect(mode(file)).toBe("660");
  });

  it("does not follow a symbolic link", () => {
    const directory = fresh();
    writeFileSync(path.join(directory, "target"), "mine");
    symlinkSync("target", path.join(directory, "f"));
    expect(() => files.appendLine(path.join(directory, "f"), bytes("x"))).toThrow(
      expect.objectContaining({ code: "ELOOP" }),
    );
    expect(readFileSync(path.join(directory, "target"), "utf8")).toBe("mine");
  });

  it("refuses a pipe and a device without waiting for anybody", () => {
    const pipe = path.join(fresh(), "pipe");
    execFileSync("mkfifo", [pipe]);
    expect(() => files.appendLine(pipe, bytes("x"))).toThrow(expect.objectContaining({ code: "EINVAL" }));
    expect(() => files.appendLine("/dev/full", bytes("x"))).toThrow(expect.objectContaining({ code: "EINVAL" }));
    expect(() => files.appendLine(root, bytes("x"))).toThrow(expect.objectContaining({ code: "EISDIR" }));
    expect(() => files.appendLine(path.join(root, "none", "f"), bytes("x"))).toThrow(
      expect.objectContaining({ code: "ENOENT" }),
    );
  });

  it("never mixes the lines of many processes", async () => {
    const file = path.join(fresh(), "f");
    const letters = [..."abcdefgh"];
    await Promise.all(
      letters.map(async (letter) => {
        const writer = spawn(process.execPath, [child, file, letter, "200", "4096"], { stdio: "ignore" });
        expect(await once(writer, "exit")).toEqual([0, null]);
      }),
    );
    const lines = readFileSync(file, "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(letters.length * 200);
    expect(lines.filter((line) => line.length !== 4095 || new Set(line).size !== 1)).toEqual([]);
  });
});
