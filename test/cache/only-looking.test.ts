import { describe, expect, it } from "vitest";
import { onlyLooking } from "../../src/cache/only-looking.ts";
import { fileStore } from "../../src/cache/stores/file.ts";
import { STORES } from "../../src/cache/stores/registry.ts";
import { fakeHost } from "../support/fake-host.ts";

const DIRECTORY = "/home/ana/.cache/sts-broker";

describe("a store that is only looked at", () => {
  it.each(STORES.map((kind) => [kind.name, kind] as const))("%s leaves nothing behind", async (_, kind) => {
    const host = fakeHost();
    const before = host.machine.disk.below("/");
    await kind.open(onlyLooking(host)).check();
    expect(host.machine.disk.below("/")).toEqual(before);
    expect(host.machine.disk.exists("/home/ana/.cache")).toBe(false);
    expect(host.keychain.items.size).toBe(0);
  });

  it("works where it could be created", async () => {
    expect(await fileStore.open(onlyLooking(fakeHost())).check()).toMatchObject({ ok: true });
  });

  it.each(["EROFS", "EACCES"])("does not work on a disk that answers %s, before or after it was used", async (code) => {
    const host = fakeHost();
    const check = () => fileStore.open(onlyLooking(host)).check();
    host.machine.disk.fail(code);
    expect(await check()).toMatchObject({ ok: false, problem: { detail: expect.stringContaining(code) } });
    host.machine.disk.mend();
    await fileStore.open(host).check();
    expect(await check()).toMatchObject({ ok: true });
    host.machine.disk.fail(code);
    expect(await check()).toMatchObject({ ok: false });
  });

  it("does not work in a home that belongs to somebody else", async () => {
    const host = fakeHost();
    host.machine.disk.chown("/home/ana", 0);
    expect(await fileStore.open(onlyLooking(host)).check()).toMatchObject({ ok: false });
  });

  it("does not work where a file is in the way", async () => {
    const host = fakeHost();
    host.machine.disk.file("/home/ana/.cache", "a file");
    expect(await fileStore.open(onlyLooking(host)).check()).toMatchObject({ ok: false });
  });

  it("keeps the key that is there, and judges a damaged one by whether it could be replaced", async () => {
    const host = fakeHost();
    await fileStore.open(host).check();
    host.machine.disk.file(`${DIRECTORY}/sealing-key`, "short");
    expect(await fileStore.open(onlyLooking(host)).check()).toMatchObject({ ok: true });
    expect(host.machine.disk.text(`${DIRECTORY}/sealing-key`)).toBe("short");
  });
});
