import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
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

describeSystem("the .deb", ["root", "dpkg-deb", "dpkg", "readelf", "lintian", ...LOOKING, ...BUILDING], () => {
  const folder = temporaryFolder();
  const system = path.join(folder.path, "system");
  let standalone: Standalone;
  let deb = "";

  const dpkg = (...args: string[]) =>
    succeed([
      needed("dpkg"),
      `--root=${system}`,
      `--log=${path.join(folder.path, "dpkg.log")}`,
      // There is no libc6 in this system, and no shell for the package's scripts.
      ...["--force-depends", "--force-script-chrootless", "--path-include=*"],
      ...args,
    ]);

  beforeAll(async () => {
    standalone = await theStandalone();
    deb = await built("deb", folder.path, standalone);
    for (const one of ["info", "updates"]) mkdirSync(path.join(system, "var/lib/dpkg", one), { recursive: true });
    writeFileSync(path.join(system, "var/lib/dpkg/status"), "");
    await dpkg("--install", deb);
  }, BUILDING_MS);
  afterAll(() => folder.remove());

  it("is made of the same bytes by every build of the same sources", () => expectReproducible("deb", standalone));

  it("leaves lintian nothing to say but what is overridden, and each override has its reason", async () => {
    expect(await succeed([needed("lintian"), "--no-cfg", "--display-info", "--fail-on", "none", deb])).toBe("");
    const lines = readFileSync(path.join(system, "usr/share/lintian/overrides/sts-broker"), "utf8").trim().split("\n");
    expect(lines[0]).toMatch(/^# /);
    expect(lines.filter((line) => !/^# |^sts-broker: /.test(line))).toEqual([]);
  });

  it("depends on the C library that the executable and its addons were linked for", async () => {
    const depends = await succeed([needed("dpkg-deb"), "--field", deb, "Depends"]);
    expect(depends).toMatch(/^libc6 \(>= 2\.\d+\)\n$/);
    const [, version = ""] = /2\.(\d+)/.exec(depends) ?? [];
    expect(Number(version)).toBeGreaterThanOrEqual(17);
  });

  it("installs a program that works", () => expectProgram(path.join(system, "usr/bin/sts-broker"), standalone));
  it("installs man pages where man finds them", () => expectManPages(path.join(system, "usr/share/man")));
  it("installs completions where bash, zsh and fish find them", () =>
    expectCompletions(path.join(system, "usr"), "zsh/vendor-completions"));
  it("installs units that start what is installed", () => {
    const units = path.join(system, "usr/lib/systemd");
    return expectUnits({ system: `${units}/system`, user: `${units}/user` }, "/usr/bin/sts-broker");
  });
  it("enables nothing", () => {
    expect(filesBelow(system).filter((file) => file.startsWith("etc/"))).toEqual([]);
  });

  it("leaves nothing when it is purged, a timer that somebody enabled included", async () => {
    const wants = path.join(system, "etc/systemd/system/timers.target.wants");
    mkdirSync(wants, { recursive: true });
    writeFileSync(path.join(wants, "sts-broker-refresh@billing.timer"), "");
    writeFileSync(path.join(wants, "other.timer"), "");
    await dpkg("--remove", "sts-broker");
    expect(filesBelow(system)).toHaveLength(2);
    await dpkg("--purge", "sts-broker");
    expect(filesBelow(system)).toEqual(["etc/systemd/system/timers.target.wants/other.timer"]);
  });
});
