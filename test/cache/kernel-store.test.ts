import { describe, expect, it } from "vitest";
import { kernelStore } from "../../src/cache/stores/kernel.ts";
import { Secret } from "../../src/core/secret.ts";
import { type FakeHost, fakeHost, fakeMachine } from "../support/fake-host.ts";

const KEY = "a".repeat(64);
const DIRECTORY = "/home/ana/.cache/sts-broker";
const FILE = `${DIRECTORY}/kernel/${KEY}`;
const SEALING_KEY = "sts-broker:sealing-key";

async function readBack(host: FakeHost): Promise<string | undefined> {
  const read = await kernelStore.open(host).read(KEY);
  if (!read.ok) throw new Error(read.problem.detail);
  return read.value?.reveal();
}

describe("the kernel store", () => {
  it("gives back what it took, to another process too", async () => {
    const machine = fakeMachine();
    expect(await kernelStore.open(machine.host()).write(KEY, new Secret("payload-marker"))).toMatchObject({ ok: true });
    expect(await readBack(machine.host())).toBe("payload-marker");
  });

  it("keeps sealed private files and no key on the disk", async () => {
    const host = fakeHost();
    await kernelStore.open(host).write(KEY, new Secret("payload-marker"));
    const { disk } = host.machine;
    expect(disk.below("/home")).toEqual([FILE]);
    expect(disk.text(FILE)).not.toContain("payload-marker");
    expect([disk.mode(FILE), disk.mode(`${DIRECTORY}/kernel`)]).toEqual([0o600, 0o700]);
    expect(host.keyring.keys.get(SEALING_KEY)).toHaveLength(32);
  });

  it("misses everything after a reboot, and starts again with another key", async () => {
    const host = fakeHost();
    await kernelStore.open(host).write(KEY, new Secret("before"));
    const before = host.keyring.keys.get(SEALING_KEY);
    host.keyring.reboot();
    expect(await readBack(host)).toBeUndefined();
    await kernelStore.open(host).write(KEY, new Secret("after"));
    expect(await readBack(host)).toBe("after");
    expect(host.keyring.keys.get(SEALING_KEY)).not.toEqual(before);
  });

  it("removes what a reboot left unreadable, once it is two days old", async () => {
    const host = fakeHost();
    const { disk } = host.machine;
    disk.file(`${DIRECTORY}/kernel/old`, "sealed");
    disk.chmod(DIRECTORY, 0o700);
    disk.touch(`${DIRECTORY}/kernel/old`, host.clock.nowMs() - 48 * 3_600_000 - 1);
    await kernelStore.open(host).write(KEY, new Secret("new"));
    expect(disk.below(DIRECTORY)).toEqual([FILE]);
  });

  it("seals with the key of whoever added it first", async () => {
    const machine = fakeMachine();
    const theirs = new Uint8Array(32).fill(9);
    machine.keyring.beforeAdd = () => void machine.keyring.keys.set(SEALING_KEY, theirs);
    await kernelStore.open(machine.host()).write(KEY, new Secret("payload"));
    expect(machine.keyring.keys.get(SEALING_KEY)).toEqual(theirs);
    expect(await readBack(machine.host())).toBe("payload");
  });

  it("asks the kernel for nothing where there is no entry", async () => {
    const host = fakeHost();
    expect(await readBack(host)).toBeUndefined();
    expect(await kernelStore.open(host).remove(KEY)).toMatchObject({ ok: true });
    expect([host.keyring.asked, host.machine.disk.exists(DIRECTORY)]).toEqual([0, false]);
  });

  it.each([
    ["addon-missing", "npm install"],
    ["not-available", "runtime"],
    ["quota", "maxkeys"],
    ["failed", undefined],
  ] as const)("answers with a problem where the keyring is %s", async (state, hint) => {
    const host = fakeHost();
    await kernelStore.open(host).write(KEY, new Secret("payload"));
    host.keyring.state = state;
    const store = kernelStore.open(host);
    const said = { detail: `the kernel keyring is ${state}`, hint: hint && expect.stringContaining(hint) };
    for (const result of [await store.read(KEY), await store.write(KEY, new Secret("x")), await store.check()])
      expect(result).toEqual({ ok: false, problem: said });
    host.keyring.state = "ready";
    expect(await readBack(host)).toBe("payload");
  });

  it("reads on where the quota is used up", async () => {
    const host = fakeHost();
    await kernelStore.open(host).write(KEY, new Secret("payload"));
    host.keyring.writeState = "quota";
    expect(await readBack(host)).toBe("payload");
    expect(await kernelStore.open(host).write(KEY, new Secret("newer"))).toMatchObject({ ok: true });
    host.keyring.reboot();
    expect(await kernelStore.open(host).write(KEY, new Secret("newer"))).toMatchObject({ ok: false });
  });

  it("neither uses nor replaces a key of that name that is not one of its own", async () => {
    const host = fakeHost();
    host.keyring.keys.set(SEALING_KEY, new Uint8Array(16));
    for (const result of [
      await kernelStore.open(host).write(KEY, new Secret("x")),
      await kernelStore.open(host).check(),
    ])
      expect(result).toMatchObject({ ok: false, problem: { hint: expect.stringContaining("keyctl purge") } });
    expect(host.keyring.keys.get(SEALING_KEY)).toHaveLength(16);
    expect(host.machine.disk.exists(FILE)).toBe(false);
  });

  it("is checked without making a key", async () => {
    const host = fakeHost();
    expect(await kernelStore.open(host).check()).toEqual({ ok: true, value: undefined });
    expect(host.keyring.keys.size).toBe(0);
  });
});
