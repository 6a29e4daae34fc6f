import { describe, expect, it } from "vitest";
import { systemdStore } from "../../src/cache/stores/systemd.ts";
import { Secret } from "../../src/core/secret.ts";
import { type FakeHost, fakeMachine } from "../support/fake-host.ts";

const KEY = "a".repeat(64);
const CREDENTIALS = "/run/credentials/billing.service";
const FILE = `/home/ana/.cache/sts-broker/systemd/${KEY}`;

function unit(credential: string | Uint8Array | undefined, env = { CREDENTIALS_DIRECTORY: CREDENTIALS }): FakeHost {
  const machine = fakeMachine();
  if (credential !== undefined) machine.disk.file(`${CREDENTIALS}/sts-broker-key`, credential, { mode: 0o400 });
  return machine.host({ env });
}

describe("the systemd store", () => {
  it("seals with a key made of the unit's credential, of which nothing is written", async () => {
    const secret = "0123456789abcdef".repeat(2);
    const host = unit(secret);
    const store = systemdStore.open(host);
    expect(await store.write(KEY, new Secret("payload-marker"))).toEqual({ ok: true, value: undefined });
    expect((await store.read(KEY)) as unknown).toMatchObject({ ok: true });
    const { disk } = host.machine;
    expect(disk.below("/home")).toEqual([FILE]);
    for (const text of [secret, "payload-marker"]) expect(disk.text(FILE)).not.toContain(text);
    const sealed = disk.bytes(FILE);
    expect(await host.crypto.open(Buffer.from(secret), sealed, KEY)).toBeUndefined();
    const read = await store.read(KEY);
    expect(read.ok && read.value?.reveal()).toBe("payload-marker");
  });

  it("misses what another credential sealed", async () => {
    const host = unit("a".repeat(32));
    const store = systemdStore.open(host);
    await store.write(KEY, new Secret("payload"));
    host.machine.disk.file(`${CREDENTIALS}/sts-broker-key`, "b".repeat(32));
    expect(await store.read(KEY)).toEqual({ ok: true, value: undefined });
  });

  it.each([
    ["is too short", unit("k".repeat(31)), "31 bytes"],
    ["is empty", unit(""), "0 bytes"],
    ["is missing", unit(undefined), "the unit has no credential sts-broker-key"],
    [
      "has no directory",
      fakeMachine().host({ env: { CREDENTIALS_DIRECTORY: undefined } }),
      "CREDENTIALS_DIRECTORY is not set",
    ],
  ])("says how to make a credential when it %s", async (_, host, detail) => {
    const store = systemdStore.open(host);
    for (const result of [await store.write(KEY, new Secret("x")), await store.check()]) {
      expect(result).toMatchObject({ ok: false, problem: { detail: expect.stringContaining(detail) } });
      const hint = result.ok ? "" : result.problem.hint;
      expect(hint).toContain("systemd-creds encrypt --name=sts-broker-key");
      expect(hint).toContain("LoadCredentialEncrypted=sts-broker-key");
    }
    expect(host.machine.disk.exists(FILE)).toBe(false);
  });

  it("says so when the credential cannot be read", async () => {
    const host = unit("k".repeat(32));
    host.machine.disk.fail("EACCES", CREDENTIALS, ["read"]);
    expect(await systemdStore.open(host).check()).toMatchObject({
      ok: false,
      problem: { detail: "the credential sts-broker-key cannot be read (EACCES)" },
    });
  });
});
