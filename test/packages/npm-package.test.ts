import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { credentialsOf, expectFailure } from "../bin/black-box.ts";
import { runProgram } from "../support/program.ts";
import { describeSystem } from "../system/servers/requirements.ts";
import { expectManPages, expectToRun } from "./installed.ts";
import { midCall } from "./mid-call.ts";
import { BUILDING_MS, filesBelow, ROOT, release, sha256, succeed, temporaryFolder } from "./release.ts";

// A hundred megabytes are copied, packed and read while other tests want the same processors.
vi.setConfig({ testTimeout: BUILDING_MS });

const REPLACED =
  /^sts-broker: another version was installed while this one (ran|started)\n {2}hint: run it again; if that does not help, install it again\n$/;

type Pack = (folder: string, options: { readonly quick: boolean }) => string;

describeSystem("the npm package", ["npm", "man"], () => {
  const folder = temporaryFolder();
  const prefix = path.join(folder.path, "prefix");
  const installed = path.join(prefix, "lib/node_modules/sts-broker");
  let tarball = "";
  let pack: Pack;

  const npm = (...args: string[]) =>
    runProgram(["npm", ...args], definedEnv(), { cwd: folder.path, deadlineMs: 90_000 });
  const install = async (into: string, ...more: string[]) => {
    const result = await npm("install", "--global", "--prefix", into, "--ignore-scripts", ...more, tarball);
    expect(result, result.stderr).toMatchObject({ status: 0 });
  };
  /** No registry is asked, and npm has nothing at hand. */
  const installAlone = () => install(prefix, "--offline", "--cache", path.join(folder.path, "no-cache"));

  beforeAll(async () => {
    pack = (await release<{ packNpm: Pack }>("npm-package.mjs")).packNpm;
    tarball = pack(folder.path, { quick: true });
    await installAlone();
  });
  afterAll(() => folder.remove());

  it("is made of the same bytes by every build of the same sources", async () => {
    const again = temporaryFolder();
    try {
      expect(sha256(pack(again.path, { quick: true }))).toBe(sha256(tarball));
    } finally {
      again.remove();
    }
  });

  it("holds what runs, what is read and what is copied, and nothing else", async () => {
    const listed = await succeed(["tar", "--list", "--file", tarball]);
    const packed = listed
      .trim()
      .split("\n")
      .map((file) => file.replace("package/", ""));
    const kinds = [
      /^(package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
      /^dist\/([\w-]+\.cjs|ui\.mjs|LICENSES\.txt)$/,
      /^man\/[\w-]+\.[15]$/,
      /^completions\/sts-broker\.(bash|zsh|fish)$/,
      /^systemd\/(system|user)\/[\w@-]+\.(service|timer)$/,
    ];
    expect(packed.filter((file) => !kinds.some((kind) => kind.test(file)))).toEqual([]);
    for (const place of ["dist", "man", "completions", "systemd"]) {
      expect(
        packed.some((file) => file.startsWith(`${place}/`)),
        place,
      ).toBe(true);
    }
  });

  it("runs where it was installed, without any other package", async () => {
    expect(readdirSync(path.join(prefix, "lib/node_modules"))).toEqual(["sts-broker"]);
    expect(readdirSync(installed)).not.toContain("node_modules");
    await expectToRun([path.join(prefix, "bin/sts-broker")]);
    const help = await runProgram([path.join(prefix, "bin/sts-broker"), "--help"], {
      PATH: process.env.PATH ?? "",
      HOME: folder.path,
    });
    expect(help).toMatchObject({ status: 0, stderr: "", stdout: expect.stringContaining("credential-process") });
  });

  it("brings its man pages to where man looks", () => expectManPages(path.join(prefix, "share/man")));

  it("takes its optional packages along, where npm can get them", async () => {
    const other = path.join(folder.path, "with-optional");
    await install(other, "--prefer-offline");
    const { stdout } = await runProgram([path.join(other, "bin/sts-broker"), "doctor", "--offline"], {
      PATH: process.env.PATH ?? "",
      HOME: folder.path,
    });
    expect(stdout).toContain("keytar, koffi, fs-native-extensions can be loaded");
    const { npmSbom } = await release<{ npmSbom: (folder: string) => string }>("sbom.mjs");
    const bill = readFileSync(npmSbom(folder.path), "utf8");
    const its = path.join(other, "lib/node_modules/sts-broker/node_modules");
    const manifests = filesBelow(its).filter((file) => /^(@[^/]+\/)?[^/]+\/package\.json$/.test(file));
    const names = manifests.map((file) => JSON.parse(readFileSync(path.join(its, file), "utf8")).name as string);
    expect(names.length).toBeGreaterThan(3);
    expect(names.filter((name) => !bill.includes(`"pkg:npm/${name.replace("@", "%40")}@`))).toEqual([]);
  });

  it("goes without a trace", async () => {
    expect(await npm("uninstall", "--global", "--prefix", prefix, "sts-broker")).toMatchObject({ status: 0 });
    expect(readdirSync(path.join(prefix, "lib/node_modules"))).toEqual([]);
    expect(readdirSync(path.join(prefix, "bin"))).toEqual([]);
    await installAlone();
  });

  it("ends with one clear line, or works, where it is upgraded while it runs", async () => {
    const program = path.join(prefix, "bin/sts-broker");
    const result = await midCall([program], async () => {
      // What npm does: the whole folder goes, another one comes.
      rmSync(installed, { recursive: true });
      mkdirSync(installed);
    });
    if (result.status === 0) credentialsOf(result);
    else expect(result).toMatchObject({ status: 1, stdout: "", stderr: expect.stringMatching(REPLACED) });
    await installAlone();
    await expectToRun([program]);
  });
});

describe("a program of which npm has taken a part away", () => {
  const folder = temporaryFolder();
  const dist = path.join(folder.path, "dist");
  const run = (...args: string[]) =>
    runProgram([process.execPath, path.join(dist, "sts-broker.cjs"), ...args], {
      PATH: "/usr/bin:/bin",
      HOME: folder.path,
    });
  beforeAll(() => {
    cpSync(path.join(ROOT, "dist"), dist, { recursive: true });
    for (const file of readdirSync(dist)) if (file.startsWith("parse-")) rmSync(path.join(dist, file));
  });
  afterAll(() => folder.remove());

  it("says so in one line", async () => {
    expectFailure(await run("--help"), {
      status: 1,
      says: /another version was installed while this one ran/,
      hint: /run it again/,
    });
  });

  it("does not give exec the status of a command that never ran", async () => {
    expectFailure(await run("exec", "--unknown"), {
      status: 125,
      says: /another version was installed while this one ran/,
    });
  });

  it("says so, too, where it has not even begun", async () => {
    rmSync(path.join(dist, "hot.cjs"));
    expectFailure(await run("--version"), { status: 1, says: /another version was installed while this one started/ });
  });
});

function definedEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
