import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { credentialsOf, NOBODY } from "../bin/black-box.ts";
import { runProgram } from "../support/program.ts";
import { describeSystem, needed } from "../system/servers/requirements.ts";
import { expectCompletions, expectManPages, expectProgram, expectUnits, LOOKING } from "./installed.ts";
import { midCall } from "./mid-call.ts";
import {
  BUILDING,
  BUILDING_MS,
  built,
  expectReproducible,
  filesBelow,
  type Standalone,
  sha256,
  standIn,
  succeed,
  temporaryFolder,
  theStandalone,
} from "./release.ts";

// A hundred megabytes are copied, packed and read while other tests want the same processors.
vi.setConfig({ testTimeout: BUILDING_MS });

describeSystem("the archive", ["tar", "dash", "readelf", "root", "setpriv", "umount", ...LOOKING, ...BUILDING], () => {
  const folder = temporaryFolder();
  let standalone: Standalone;
  let archive = "";
  let unpacked = "";
  /** The same with a program that is a thousand times smaller. */
  let small = "";
  let count = 0;
  const home = path.join(folder.path, "home");

  beforeAll(async () => {
    mkdirSync(home);
    standalone = await theStandalone();
    archive = await built("tarball", folder.path, standalone);
    await succeed(["tar", "--extract", "--file", archive, "--directory", folder.path]);
    unpacked = archive.replace(/\.tar\.gz$/, "");
    const beside = path.join(folder.path, "small");
    mkdirSync(beside);
    const other = await built("tarball", beside, standIn(standalone));
    await succeed(["tar", "--extract", "--file", other, "--directory", beside]);
    small = other.replace(/\.tar\.gz$/, "");
  }, BUILDING_MS);
  afterAll(() => folder.remove());

  const newPrefix = (): string => {
    count += 1;
    return path.join(folder.path, `prefix-${count}`);
  };

  /** install.sh by a shell that is no bash. */
  const install = (args: readonly string[], env: Readonly<Record<string, string>> = {}, from = small) =>
    runProgram([needed("dash"), path.join(from, "install.sh"), ...args], {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: home,
      ...env,
    });

  /** A folder for the front of PATH, in which a program says something else. */
  const pretending = (program: string, script: string): string => {
    count += 1;
    const bin = path.join(folder.path, `bin-${count}`);
    mkdirSync(bin);
    writeFileSync(path.join(bin, program), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return `${bin}:/usr/bin:/bin`;
  };

  it("is made of the same bytes by every build of the same sources", () => expectReproducible("tarball", standalone));

  it("has one folder at its top, whose name says what it is for", async () => {
    const names = (await succeed(["tar", "--list", "--file", archive])).trim().split("\n");
    expect([...new Set(names.map((name) => name.split("/")[0]))]).toEqual([path.basename(unpacked)]);
    expect(path.basename(unpacked)).toMatch(/^sts-broker-\d+\.\d+\.\d+-linux-(x64|arm64)$/);
  });

  it("installs below a prefix what works there, and says what it does", async () => {
    const prefix = newPrefix();
    const result = await install(["--prefix", prefix], {}, unpacked);
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(result.stdout).toMatch(
      /^installing sts-broker \S+ below \/\S+\ndone\. To remove it: .*\nnote: .* is not in PATH\n$/,
    );
    await expectProgram(path.join(prefix, "bin/sts-broker"), standalone);
    await expectManPages(path.join(prefix, "share/man"));
    await expectCompletions(prefix, "zsh/site-functions");
    const units = path.join(prefix, "lib/systemd");
    await expectUnits({ system: `${units}/system`, user: `${units}/user` }, `${prefix}/bin/sts-broker`);
  });

  it("removes all of it, by the script that was installed with it", async () => {
    const prefix = newPrefix();
    await install(["--prefix", prefix]);
    writeFileSync(path.join(prefix, "bin/other"), "");
    expect(await install(["--prefix", prefix])).toMatchObject({ status: 0, stderr: "" });
    const { stdout } = await install(["--uninstall"], {}, path.join(prefix, "share/doc/sts-broker"));
    expect(stdout).toContain(`sts-broker is removed from ${prefix}`);
    expect(filesBelow(prefix)).toEqual(["bin/other"]);
    expect(await install(["--prefix", prefix, "--uninstall"])).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^install\.sh: nothing is installed below [^\n]+\n$/),
    });
  });

  it("installs what everybody can read, whatever the umask was under which it was unpacked", async () => {
    const [prefix, closed] = [newPrefix(), newPrefix()];
    await succeed(["cp", "-r", small, closed]);
    await succeed(["chmod", "-R", "go=", closed]);
    expect(await install(["--prefix", prefix], {}, closed)).toMatchObject({ status: 0, stderr: "" });
    const modes = filesBelow(prefix).map((file) => [file, statSync(path.join(prefix, file)).mode & 0o777] as const);
    expect(modes.filter(([, mode]) => mode !== 0o644)).toEqual([
      ["bin/sts-broker", 0o755],
      ["share/doc/sts-broker/install.sh", 0o755],
    ]);
    expect(modes.length).toBeGreaterThan(20);
  });

  it("replaces a symbolic link, and leaves alone what it leads to", async () => {
    const prefix = newPrefix();
    const other = path.join(folder.path, "other");
    writeFileSync(other, "mine", { mode: 0o600 });
    const links = ["bin/sts-broker", "lib/systemd/user/sts-broker-refresh.service", "share/man/man1/sts-broker.1"];
    for (const link of [...links, "share/doc/sts-broker/installed-files"]) {
      mkdirSync(path.dirname(path.join(prefix, link)), { recursive: true });
      symlinkSync(other, path.join(prefix, link));
    }
    expect(await install(["--prefix", prefix])).toMatchObject({ status: 0, stderr: "" });
    expect(readFileSync(other, "utf8")).toBe("mine");
    expect(statSync(other).mode & 0o777).toBe(0o600);
    for (const link of links) expect(lstatSync(path.join(prefix, link)).isFile(), link).toBe(true);
  });

  it("can be removed after it failed half-way", async () => {
    const prefix = newPrefix();
    const inTheWay = path.join(prefix, "share/man/man1/sts-broker.1");
    mkdirSync(inTheWay, { recursive: true });
    expect((await install(["--prefix", prefix])).status).toBe(1);
    expect(filesBelow(prefix)).toContain("bin/sts-broker");
    rmdirSync(inTheWay);
    expect(await install(["--prefix", prefix, "--uninstall"])).toMatchObject({ status: 0, stderr: "" });
    expect(filesBelow(prefix)).toEqual([]);
  });

  it("installs into the home of a user, with the units that a user has", async () => {
    const home = newPrefix();
    mkdirSync(home);
    await succeed(["chown", String(NOBODY), home]);
    chmodSync(folder.path, 0o755);
    const nobody = [needed("setpriv"), `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
    const argv = [...nobody, "sh", path.join(small, "install.sh")];
    const env = { PATH: "/usr/bin:/bin", HOME: home };
    expect(await runProgram(argv, env)).toMatchObject({
      status: 0,
      stderr: "",
      stdout: expect.stringContaining(`\nnote: zsh completes it with fpath+=${home}/.local/share/zsh/site-functions `),
    });
    const installed = filesBelow(path.join(home, ".local"));
    expect(installed.filter((file) => file.includes("systemd"))).toEqual([
      "share/systemd/user/sts-broker-refresh.service",
      "share/systemd/user/sts-broker-refresh.timer",
    ]);
    const unit = readFileSync(path.join(home, ".local/share/systemd/user/sts-broker-refresh.service"), "utf8");
    expect(unit).toContain(`\nExecStart=${home}/.local/bin/sts-broker refresh\n`);
    const program = path.join(home, ".local/bin/sts-broker");
    expect(await runProgram([...nobody, program, "--version"], env)).toMatchObject({ status: 0 });
    expect(await runProgram([...argv, "--prefix", "/usr/local"], env)).toMatchObject({
      status: 1,
      stderr: "install.sh: /usr/local/bin cannot be written to: run it as root, or with --prefix\n",
    });
  });

  it("puts DESTDIR in front of the prefix, and does not look at this machine then", async () => {
    const destination = newPrefix();
    const PATH = pretending("uname", "echo Plan9");
    expect(await install(["--prefix=/usr"], { DESTDIR: destination, PATH })).toMatchObject({ status: 0, stderr: "" });
    const unit = readFileSync(path.join(destination, "usr/lib/systemd/user/sts-broker-refresh.service"), "utf8");
    expect(unit).toContain("\nExecStart=/usr/bin/sts-broker refresh\n");
  });

  it.each([
    [
      "another processor",
      "uname",
      "[ $1 = -s ] && echo Linux || echo riscv64",
      /^install\.sh: this archive is for Linux on \w+, and this is Linux on riscv64\n$/,
    ],
    [
      "another system",
      "uname",
      "[ $1 = -s ] && echo FreeBSD || /usr/bin/uname -m",
      /^install\.sh: this archive is for Linux on \w+, and this is FreeBSD on /,
    ],
    [
      "a C library that is too old",
      "getconf",
      "echo glibc 2.12",
      /^install\.sh: this system has glibc 2\.12, and sts-broker needs 2\.\d+ or newer: use the npm package\n$/,
    ],
    [
      "musl",
      "getconf",
      "exit 1",
      /^install\.sh: this system has no glibc \(musl, as in Alpine\?\), which sts-broker needs: use the npm package\n$/,
    ],
  ])("refuses %s with one line, and installs nothing", async (_, program, script, says) => {
    const prefix = newPrefix();
    mkdirSync(prefix);
    const result = await install(["--prefix", prefix], { PATH: pretending(program, script) });
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(says);
    expect(filesBelow(prefix)).toEqual([]);
  });

  it("notes that a C library is too old for Kerberos alone", async () => {
    const PATH = pretending("getconf", "echo glibc 2.28");
    const result = await install(["--prefix", newPrefix()], { PATH }, unpacked);
    expect(result).toMatchObject({ status: 0, stderr: "" });
    expect(result.stdout).toMatch(
      /^note: glibc is 2\.28, and identities with Kerberos need 2\.\d+ or newer; everything else works$/m,
    );
  });

  it("refuses a place from which programs cannot be run, and leaves nothing there", async () => {
    const prefix = newPrefix();
    mkdirSync(prefix);
    const script =
      'mount -t tmpfs -o noexec,mode=755 none "$1" && sh "$2" --prefix "$1"; code=$?; find "$1" -type f; exit $code';
    const argv = ["unshare", "--mount", "sh", "-c", script, "sh", prefix, path.join(small, "install.sh")];
    const result = await runProgram(argv, { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: home });
    expect(result).toMatchObject({
      status: 1,
      stderr: `install.sh: programs cannot be run from ${prefix}/bin: is it mounted noexec? --prefix names another place\n`,
    });
    expect(result.stdout).not.toContain("/bin/");
  });

  it("replaces a program that runs, which goes on, and drops what the new version does not have", async () => {
    const prefix = newPrefix();
    await install(["--prefix", prefix], {}, unpacked);
    const program = path.join(prefix, "bin/sts-broker");
    const list = path.join(prefix, "share/doc/sts-broker/installed-files");
    const old = path.join(prefix, "share/man/man1/sts-broker-old.1");
    copyFileSync(path.join(unpacked, "README.md"), old);
    writeFileSync(list, `${readFileSync(list, "utf8")}share/man/man1/sts-broker-old.1\n`);
    const before = statSync(program).ino;
    const result = await midCall([program], async () => {
      expect(await install(["--prefix", prefix], {}, unpacked)).toMatchObject({ status: 0, stderr: "" });
    });
    credentialsOf(result);
    expect(statSync(program).ino).not.toBe(before);
    expect(sha256(program)).toBe(sha256(standalone.executable));
    expect(readdirSync(path.dirname(program))).toEqual(["sts-broker"]);
    expect(filesBelow(prefix)).not.toContain("share/man/man1/sts-broker-old.1");
  });

  it.each([
    [["--prefix", "relative"], "install.sh: the prefix has to be an absolute path, and not / itself\n"],
    [["--prefix", "/"], "install.sh: the prefix has to be an absolute path, and not / itself\n"],
    [["--prefix", ""], "install.sh: --prefix needs a directory\n"],
    [["--prefix="], "install.sh: --prefix needs a directory\n"],
    [
      ["--prefix", "/opt/with blank"],
      /^install\.sh: the prefix .* has characters that a systemd unit does not take\n$/,
    ],
    [["--prefix"], "install.sh: --prefix needs a directory\n"],
    [["--force"], /^install\.sh: unknown argument --force \(--help\)\n$/],
  ])("takes no %j", async (args, says) => {
    // Whatever it took for the prefix would lie in here.
    const DESTDIR = newPrefix();
    expect(await install(args, { DESTDIR })).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(says),
    });
  });
});
