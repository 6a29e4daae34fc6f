import { describe, expect, it } from "vitest";
import { openCache } from "../../src/cache/cache.ts";
import { credentialsCodec } from "../../src/cache/entry.ts";
import { runtimeStore } from "../../src/cache/stores/runtime.ts";
import { Secret } from "../../src/core/secret.ts";
import { type FakeHost, fakeMachine } from "../support/fake-host.ts";
import { entry } from "./samples.ts";

const KEY = "a".repeat(64);
const RUN = "/run/user/1000";

interface Where {
  readonly env?: Record<string, string>;
  readonly path?: string;
  readonly uid?: number;
  readonly mode?: number;
  readonly fileSystem?: string;
}

function session({ env = { XDG_RUNTIME_DIR: RUN }, path = RUN, uid = 1000, mode = 0o700, fileSystem }: Where = {}) {
  const machine = fakeMachine();
  machine.disk.directory("/run", { uid: 0, mode: 0o755 });
  machine.disk.directory("/run/user", { uid: 0, mode: 0o755 });
  machine.disk.mount("/run", "tmpfs");
  machine.disk.directory(path, { uid, mode });
  machine.disk.mount(path, fileSystem ?? "tmpfs");
  return machine.host({ env });
}

async function problemOf(host: FakeHost): Promise<string> {
  const written = await runtimeStore.open(host).write(KEY, new Secret("x"));
  const checked = await runtimeStore.open(host).check();
  expect(checked).toEqual(written);
  return written.ok ? "none" : written.problem.detail;
}

describe("the runtime store", () => {
  it("gives back what it took from private files, and leaves the home alone", async () => {
    const host = session();
    const store = runtimeStore.open(host);
    expect(await store.write(KEY, new Secret("payload"))).toEqual({ ok: true, value: undefined });
    const read = await store.read(KEY);
    expect(read.ok && read.value?.reveal()).toBe("payload");
    const { disk } = host.machine;
    expect(disk.below("/home")).toEqual([]);
    expect(disk.below(RUN)).toEqual([`${RUN}/sts-broker/entries/${KEY}`]);
    expect(disk.mode(`${RUN}/sts-broker`)).toBe(0o700);
    expect(disk.mode(`${RUN}/sts-broker/entries/${KEY}`)).toBe(0o600);
  });

  it.each([
    ["a unit's own directory before the session's", { RUNTIME_DIRECTORY: "/run/billing:/run/b", XDG_RUNTIME_DIR: RUN }],
    ["a unit's own directory alone", { RUNTIME_DIRECTORY: "/run/billing" }],
  ])("uses %s", async (_, env) => {
    const host = session({ env, path: "/run/billing", mode: 0o755 });
    host.machine.disk.directory(RUN, { mode: 0o700 });
    expect(await problemOf(host)).toBe("none");
    expect(host.machine.disk.exists("/run/billing/sts-broker")).toBe(true);
  });

  it("finds /run/user/UID where the environment names none, as in cron", async () => {
    const host = session({ env: {} });
    expect(await problemOf(host)).toBe("none");
    expect(host.machine.disk.exists(`${RUN}/sts-broker`)).toBe(true);
  });

  it("leaves somebody else's directory, which su kept in the environment, for its own", async () => {
    const host = session({ env: { XDG_RUNTIME_DIR: "/run/user/7" } });
    host.machine.disk.directory("/run/user/7", { uid: 7, mode: 0o755 });
    expect(await problemOf(host)).toBe("none");
    expect(host.machine.disk.exists(`${RUN}/sts-broker`)).toBe(true);
  });

  it.each([
    ["on a disk", { fileSystem: "ext4" }, `${RUN} is on ext4, and this store keeps nothing on a disk`],
    ["on whatever it does not know", { fileSystem: "another" }, `${RUN} is on a file system that is not tmpfs`],
    ["of another user", { uid: 7 }, `${RUN} belongs to another user (uid 7)`],
    ["that others can write to", { mode: 0o777 }, `${RUN} can be written by others (mode 777)`],
    ["that is not there", { env: { XDG_RUNTIME_DIR: "/run/user/9" }, path: "/run/x" }, "/run/user/9 is not there"],
  ])("refuses a directory %s", async (_, where, said) => {
    expect(await problemOf(session(where))).toContain(said);
  });

  it("refuses its own directory when others can enter it", async () => {
    const host = session();
    host.machine.disk.directory(`${RUN}/sts-broker`, { mode: 0o755 });
    expect(await problemOf(host)).toContain("is open to others");
    expect(await runtimeStore.open(host).read(KEY)).toMatchObject({ ok: false });
  });

  it("misses a torn entry", async () => {
    const host = session();
    const cache = openCache(host, "runtime", KEY, credentialsCodec);
    await cache.write(entry());
    const file = `${RUN}/sts-broker/entries/${KEY}`;
    const whole = host.machine.disk.bytes(file);
    for (const length of [0, 1, whole.length >> 1, whole.length - 1]) {
      host.machine.disk.file(file, whole.subarray(0, length));
      expect(await cache.read()).toBeUndefined();
    }
  });

  it("says that there is none on Windows", async () => {
    const host = fakeMachine().host({ platform: "win32" });
    expect(await runtimeStore.open(host).check()).toMatchObject({ ok: false });
  });
});
