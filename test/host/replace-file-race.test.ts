import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { replaceFile } from "../../src/host/replace-file.ts";

let onClose: () => void = () => undefined;
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const closeSync: typeof fs.closeSync = (fd) => {
    fs.closeSync(fd);
    onClose();
  };
  return { ...fs, closeSync };
});

let directory: string;
const at = (name: string): string => path.join(directory, name);
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), "sts-broker-race-"));
});
afterEach(() => {
  onClose = () => undefined;
  rmSync(directory, { recursive: true, force: true });
});

it("changes no other file where a link takes the place of the temporary one", () => {
  writeFileSync(at("victim"), "", { mode: 0o600 });
  writeFileSync(at("config"), "old", { mode: 0o644 });
  let swapped = false;
  onClose = () => {
    const temporary = readdirSync(directory).find((name) => name.endsWith(".tmp"));
    if (temporary === undefined || swapped) return;
    swapped = true;
    rmSync(at(temporary));
    symlinkSync(at("victim"), at(temporary));
  };
  replaceFile(at("config"), Buffer.from("new"));
  expect(swapped).toBe(true);
  expect(statSync(at("victim")).mode & 0o777).toBe(0o600);
});
