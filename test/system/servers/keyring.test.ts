import { afterEach, expect, test } from "vitest";
import { KEYRING_PROGRAMS, type Keyring, type KeyringState, startKeyring } from "./keyring.ts";
import { runCommand } from "./process.ts";
import { describeSystem, needed } from "./requirements.ts";

describeSystem("gnome-keyring", KEYRING_PROGRAMS, () => {
  let keyring: Keyring | undefined;
  afterEach(async () => {
    await keyring?.stop();
    keyring = undefined;
  });
  const start = async (state?: KeyringState) => {
    keyring = await startKeyring(state);
    return keyring;
  };
  const ITEMS = { service: "sts-broker" };

  test("stores, finds, locks and unlocks", async () => {
    const ring = await start();
    await ring.store("first", { ...ITEMS, account: "a" }, "one\ntwo");
    await ring.store("second", { ...ITEMS, user: "b" }, "three");
    const expected = [
      { label: "first", secret: "one\ntwo", attributes: { service: "sts-broker", account: "a" } },
      { label: "second", secret: "three", attributes: { service: "sts-broker", user: "b" } },
    ];
    const sorted = async () => (await ring.search(ITEMS)).sort((a, b) => a.label.localeCompare(b.label));
    expect(await sorted()).toMatchObject(expected);
    expect(await ring.search({ service: "somebody else" })).toEqual([]);

    expect(await ring.isLocked()).toBe(false);
    await ring.lock();
    expect(await ring.isLocked()).toBe(true);
    expect((await sorted()).map(({ label, secret }) => [label, secret])).toEqual([
      ["first", undefined],
      ["second", undefined],
    ]);
    await ring.unlock();
    expect(await sorted()).toMatchObject(expected);
    expect(await ring.clientCount()).toBe(1);
  });

  test("hangs while it is frozen", async () => {
    const ring = await start();
    await ring.store("first", ITEMS, "one");
    ring.freeze();
    const lookup = () =>
      runCommand(needed("secret-tool"), ["lookup", "service", "sts-broker"], { env: ring.env, deadlineMs: 300 });
    expect(await lookup()).toMatchObject({ status: null, stdout: "" });
    ring.thaw();
    expect(await lookup()).toMatchObject({ status: 0, stdout: "one" });
    ring.freeze(); // A frozen daemon must not keep `stop` waiting.
  });

  test("answers without a login keyring when it was never unlocked", async () => {
    const ring = await start("never-unlocked");
    await expect(ring.isLocked()).rejects.toThrow("no login collection");
    await expect(ring.store("first", ITEMS, "one")).rejects.toThrow();
    expect(await ring.clientCount()).toBe(1);
  });

  test("can be a bus that nobody serves secrets on, and that starts nobody", async () => {
    const ring = await start("absent");
    await expect(ring.search(ITEMS)).rejects.toThrow(/org\.freedesktop\.secrets/);
    expect(await ring.clientCount()).toBe(0);
  });
});
