import path from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { describeSystem, needed } from "../system/servers/requirements.ts";
import { expectCompletions, expectManPages, expectProgram, expectUnits, LOOKING } from "./installed.ts";
import {
  BUILDING,
  BUILDING_MS,
  built,
  expectReproducible,
  filesBelow,
  type Standalone,
  succeed,
  temporaryFolder,
  theStandalone,
} from "./release.ts";

// A hundred megabytes are copied, packed and read while other tests want the same processors.
vi.setConfig({ testTimeout: BUILDING_MS });

describeSystem("the .rpm", ["root", "rpm", "rpmbuild", "readelf", ...LOOKING, ...BUILDING], () => {
  const folder = temporaryFolder();
  const system = path.join(folder.path, "system");
  let standalone: Standalone;
  let file = "";

  // A database of its own, and no shell in this system for the package's scripts.
  const rpm = (...args: string[]) =>
    succeed([needed("rpm"), "--root", system, "--dbpath", "/var/lib/rpm", "--noscripts", ...args]);
  const asked = (...args: string[]) => succeed([needed("rpm"), "--query", "--package", file, ...args]);

  beforeAll(async () => {
    standalone = await theStandalone();
    file = await built("rpm", folder.path, standalone);
    await succeed(["mkdir", system]);
    await rpm("--nodeps", "--install", file);
  }, BUILDING_MS);
  afterAll(() => folder.remove());

  it("is made of the same bytes by every build of the same sources", () => expectReproducible("rpm", standalone));

  it("requires the C library alone, and recommends the libraries that are loaded on use, by the names that every distribution knows", async () => {
    const requires = (await asked("--requires")).split("\n").filter((one) => !/^rpmlib|^\/bin\/sh$|^$/.test(one));
    expect(requires).toEqual([expect.stringMatching(/^libc\.so\.6\(GLIBC_2\.\d+\)\(64bit\)$/)]);
    expect(await asked("--recommends")).toBe(
      "libgssapi_krb5.so.2()(64bit)\nlibsecret-1.so.0()(64bit)\nlibstdc++.so.6()(64bit)\n",
    );
  });

  it("belongs to root, and marks its licences", async () => {
    const owners = await asked("--queryformat", "[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]");
    expect(new Set(owners.trim().split("\n"))).toEqual(new Set(["root:root"]));
    const licence = await asked("--queryformat", "%{LICENSE}");
    expect(licence).toMatch(/^Apache-2\.0( AND [\w.-]+( WITH [\w-]+)?)+$/);
    for (const one of ["MIT", "LGPL-2.1-or-later", "Apache-2.0 WITH LLVM-exception"]) expect(licence).toContain(one);
    expect(await asked("--licensefiles")).toContain("/usr/share/licenses/sts-broker/third-party-notices");
  });

  it("installs a program that works", () => expectProgram(path.join(system, "usr/bin/sts-broker"), standalone));
  it("installs man pages where man finds them", () => expectManPages(path.join(system, "usr/share/man")));
  it("installs completions where bash, zsh and fish find them", () =>
    expectCompletions(path.join(system, "usr"), "zsh/site-functions"));
  it("installs units that start what is installed", () => {
    const units = path.join(system, "usr/lib/systemd");
    return expectUnits({ system: `${units}/system`, user: `${units}/user` }, "/usr/bin/sts-broker");
  });

  it("leaves no file when it is removed", async () => {
    await rpm("--erase", "sts-broker");
    expect(filesBelow(system)).toEqual([]);
  });
});
