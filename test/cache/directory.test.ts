import { describe, expect, it } from "vitest";
import { cacheDirectoryPath, existingCacheDirectory, usableCacheDirectory } from "../../src/cache/directory.ts";
import { type FakeHostOptions, fakeHost, fakeMachine } from "../support/fake-host.ts";

const DIRECTORY = "/home/ana/.cache/sts-broker";

describe("the cache directory", () => {
  it.each([
    [{}, DIRECTORY],
    [{ env: { XDG_CACHE_HOME: "/srv/x" } }, "/srv/x/sts-broker"],
    [{ env: { XDG_CACHE_HOME: "relative" } }, DIRECTORY],
    [{ env: { CACHE_DIRECTORY: "/var/cache/a:/var/cache/b", XDG_CACHE_HOME: "/srv/x" } }, "/var/cache/a/sts-broker"],
    [{ env: { CACHE_DIRECTORY: "" } }, DIRECTORY],
    [{ home: null }, undefined],
    [{ home: null, env: { XDG_CACHE_HOME: "/srv/x" } }, "/srv/x/sts-broker"],
    [{ platform: "win32", env: { LOCALAPPDATA: "C:\\L" } }, "C:\\L\\sts-broker\\cache"],
  ] as [FakeHostOptions, string | undefined][])("under %j is %s", (options, path) => {
    expect(cacheDirectoryPath(fakeHost(options))).toBe(path);
  });

  it("is not created by looking", () => {
    const host = fakeHost();
    expect(existingCacheDirectory(host)).toEqual({ ok: true, path: DIRECTORY });
    expect(host.machine.disk.exists(DIRECTORY)).toBe(false);
  });

  it("is created private, its missing parents too", () => {
    const host = fakeHost();
    expect(usableCacheDirectory(host)).toEqual({ ok: true, path: DIRECTORY });
    expect(host.machine.disk.mode(DIRECTORY)).toBe(0o700);
    expect(host.machine.disk.mode("/home/ana/.cache")).toBe(0o700);
  });

  it.each([0o755, 0o750, 0o701, 0o777])("is refused with the chmod that mends it at mode %o", (mode) => {
    const host = fakeHost();
    host.machine.disk.directory(DIRECTORY, { mode });
    for (const look of [existingCacheDirectory, usableCacheDirectory])
      expect(look(host)).toMatchObject({ ok: false, hint: `chmod 700 ${DIRECTORY}` });
  });

  it("of root is refused with the chown that mends it", () => {
    const host = fakeHost();
    host.machine.disk.directory(DIRECTORY, { uid: 0, mode: 0o755 });
    expect(usableCacheDirectory(host)).toMatchObject({ ok: false, hint: `sudo chown -R ana ${DIRECTORY}` });
  });

  it("of another user has to go: what lies in it may have been planted", () => {
    const host = fakeHost();
    host.machine.disk.directory(DIRECTORY, { uid: 1001, mode: 0o700 });
    expect(usableCacheDirectory(host)).toMatchObject({ ok: false, hint: `sudo rm -r ${DIRECTORY}` });
  });

  it("whose path a shell would take apart is quoted in what mends it", () => {
    const host = fakeHost({ env: { XDG_CACHE_HOME: "/home/ana/my cache" } });
    host.machine.disk.directory("/home/ana/my cache/sts-broker", { mode: 0o755 });
    expect(usableCacheDirectory(host)).toMatchObject({ hint: "chmod 700 '/home/ana/my cache/sts-broker'" });
  });

  it("is refused when it is a file", () => {
    const host = fakeHost();
    host.machine.disk.file(DIRECTORY, "");
    expect(usableCacheDirectory(host)).toMatchObject({ ok: false, hint: `rm ${DIRECTORY}` });
  });

  it("leaves nothing of root's in a home that is not root's (sudo once, then the user)", () => {
    const machine = fakeMachine();
    const sudo = machine.host({ uid: 0, username: "root" });
    expect(usableCacheDirectory(sudo)).toMatchObject({ ok: false, hint: "sudo -H, or run it as that user" });
    expect(machine.disk.exists("/home/ana/.cache")).toBe(false);
    expect(usableCacheDirectory(machine.host())).toMatchObject({ ok: true });
  });

  it("is root's own in root's home", () => {
    const machine = fakeMachine();
    machine.disk.directory("/root", { uid: 0, mode: 0o700 });
    expect(usableCacheDirectory(machine.host({ uid: 0, home: "/root" }))).toMatchObject({ ok: true });
  });

  it.each(["ENOSPC", "EDQUOT"])("on a full disk (%s) is a problem and not a crash", (code) => {
    const host = fakeHost();
    host.machine.disk.fail(code);
    expect(usableCacheDirectory(host)).toMatchObject({ ok: false, detail: `${DIRECTORY}: no space left` });
  });

  it.each(["EROFS", "EACCES"])("that cannot be created (%s) is a problem and not a crash", (code) => {
    const host = fakeHost();
    host.machine.disk.fail(code);
    const result = usableCacheDirectory(host);
    expect(result).toMatchObject({ ok: false, detail: `${DIRECTORY} cannot be created (${code})` });
  });

  it("on a file system without permissions (FAT) is refused with the setting that helps", () => {
    const host = fakeHost();
    host.machine.disk.fail("EPERM");
    expect(usableCacheDirectory(host)).toEqual({
      ok: false,
      detail: `${DIRECTORY} cannot be made private: its file system has no permissions (EPERM)`,
      hint: "set XDG_CACHE_HOME to a place on another file system",
    });
  });

  it("made by somebody else between looking and creating is refused", () => {
    const host = fakeHost({ env: { XDG_CACHE_HOME: "/tmp/x" } });
    const { files } = host;
    const raced = {
      ...host,
      files: {
        ...files,
        makePrivateDirectory: (path: string) => host.machine.disk.directory(path, { uid: 666, mode: 0o777 }),
      },
    };
    expect(usableCacheDirectory(raced)).toMatchObject({ ok: false });
  });

  it("behind a directory that may not be entered is a problem", () => {
    const host = fakeHost();
    host.machine.disk.directory("/home/ana/.cache", { uid: 0, mode: 0o700 });
    expect(existingCacheDirectory(host)).toMatchObject({
      ok: false,
      detail: `${DIRECTORY} cannot be entered (EACCES)`,
    });
  });
});
