import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { document } from "../docs/documents.ts";
import { runProgram } from "../support/program.ts";
import { describeSystem } from "../system/servers/requirements.ts";
import { ROOT, temporaryFolder } from "./release.ts";

const MISSING = "the kerberos addon is missing: node test/setup.mjs fetches and builds it\n";

/** As `npm ci` leaves a clone: the addon's install script is denied. */
describeSystem("a clone without the Kerberos addon", ["npm"], () => {
  const folder = temporaryFolder();
  const script = (file: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) =>
    runProgram([process.execPath, path.join(folder.path, ".ci", file), ...args], {
      PATH: "/usr/bin:/bin",
      HOME: folder.path,
      ...env,
    });

  beforeAll(() => {
    for (const one of [".ci", "package.json", "package-lock.json"])
      cpSync(path.join(ROOT, one), path.join(folder.path, one), { recursive: true });
    mkdirSync(path.join(folder.path, "test/bin"), { recursive: true });
    const packages = path.join(ROOT, "node_modules");
    const its = path.join(folder.path, "node_modules");
    mkdirSync(its);
    for (const one of readdirSync(packages).filter((name) => !name.startsWith(".") && name !== "kerberos"))
      symlinkSync(path.join(packages, one), path.join(its, one));
  });
  afterAll(() => folder.remove());

  it("has it compiled before the executable or a release is built", () => {
    const { scripts } = JSON.parse(document("package.json")) as { scripts: Record<string, string> };
    for (const one of ["build:standalone", "release:dry"])
      expect(scripts[one]).toMatch(/^node test\/setup\.mjs --npm && /);
  });

  it.each([
    ["build-standalone.mjs", "build:standalone: "],
    ["release.mjs", "release: "],
  ])("is told so in one line by %s", async (file, who) => {
    expect(await script(file)).toMatchObject({ status: 1, stdout: "", stderr: `${who}${MISSING}` });
    expect(existsSync(path.join(folder.path, "release"))).toBe(false);
  });

  it("goes without the executable in the matrix, but on CI", async () => {
    const args = ["standalone"];
    const skipped = `\nmatrix: standalone\n\nmatrix: standalone: skipped: ${MISSING}`;
    expect(await script("matrix.mjs", args)).toMatchObject({ status: 0, stdout: skipped, stderr: "" });
    const failed = skipped.replace("skipped", "FAILED");
    expect(await script("matrix.mjs", args, { CI: "true" })).toMatchObject({ status: 1, stdout: failed, stderr: "" });
  });
});
