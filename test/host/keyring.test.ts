import { describe, expect, it } from "vitest";
import { realKeyring } from "../../src/host/keyring.ts";
import type { Syscall } from "../../src/host/syscall.ts";

const EPERM = 1;
const EACCES = 13;
const EEXIST = 17;
const ENOSYS = 38;
const EOPNOTSUPP = 95;
const EDQUOT = 122;
const ENOKEY = 126;

const RING = 1000;

/** What keyctl(2) and add_key(2) do for one user, as far as we call them; `fail` is asked first. */
function kernel(fail: (call: string) => number | undefined = () => undefined) {
  const ring = new Map<string, number>();
  const keys = new Map<number, { description: string; payload: Uint8Array }>();
  const nameOf = (text: number | Uint8Array | undefined): string => {
    expect(text).toBeInstanceOf(Uint8Array);
    const bytes = Buffer.from(text as Uint8Array);
    expect(bytes.at(-1)).toBe(0);
    return bytes.toString("utf8", 0, bytes.length - 1);
  };
  const keyctl: Record<number, [string, (...values: (number | Uint8Array)[]) => number]> = {
    22: ["get_persistent", () => RING],
    10: ["search", (_ring, type, text) => (nameOf(type) === "user" ? (ring.get(nameOf(text)) ?? -ENOKEY) : -ENOKEY)],
    11: [
      "read",
      (id, buffer) => {
        const { payload = new Uint8Array() } = keys.get(id as number) ?? {};
        (buffer as Uint8Array).set(payload);
        return payload.length;
      },
    ],
    8: [
      "link",
      (id) => {
        ring.set(keys.get(id as number)?.description ?? "", id as number);
        return 0;
      },
    ],
    30: [
      "move",
      (id, _from, _to, exclusively) => {
        const { description = "" } = keys.get(id as number) ?? {};
        if (exclusively === 1 && ring.has(description)) return -EEXIST;
        ring.set(description, id as number);
        return 0;
      },
    ],
  };
  const syscall: Syscall = (name, ...values) => {
    if (name === "add_key") {
      const failed = fail("add_key");
      if (failed !== undefined) return -failed;
      const id = RING + keys.size + 1;
      keys.set(id, { description: nameOf(values[1]), payload: Uint8Array.from(values[2] as Uint8Array) });
      return id;
    }
    const [call, run] = keyctl[values[0] as number] ?? ["unknown", () => -ENOSYS];
    const failed = fail(call);
    return failed === undefined ? run(...values.slice(1)) : -failed;
  };
  return { ring, keys, keyring: realKeyring(async () => syscall) };
}

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const plain = (value: Uint8Array | undefined): number[] | undefined => value && [...value];

describe("the kernel's keyring", () => {
  it("gives back the key that was added", async () => {
    const { keyring } = kernel();
    expect(await keyring.get("a")).toEqual({ ok: true, value: undefined });
    await keyring.add("a", bytes(7));
    const got = await keyring.get("a");
    expect(got.ok && plain(got.value)).toEqual(plain(bytes(7)));
  });

  it("answers with the key of whoever was first", async () => {
    const { keyring } = kernel();
    await keyring.add("a", bytes(1));
    const second = await keyring.add("a", bytes(2));
    expect(second.ok && plain(second.value)).toEqual(plain(bytes(1)));
  });

  it("links where the kernel cannot move", async () => {
    const { keyring, ring } = kernel((call) => (call === "move" ? EOPNOTSUPP : undefined));
    const added = await keyring.add("a", bytes(3));
    expect(added.ok && plain(added.value)).toEqual(plain(bytes(3)));
    expect(ring.size).toBe(1);
  });

  it.each([
    ["EPERM, as in a container", EPERM, "not-available", /containers/],
    ["EACCES", EACCES, "not-available", /not available/],
    ["ENOSYS", ENOSYS, "not-available", /not available/],
    ["EOPNOTSUPP", EOPNOTSUPP, "not-available", /no persistent keyrings/],
    ["EDQUOT", EDQUOT, "quota", /quota/],
    ["EIO", 5, "failed", /errno 5/],
  ])("turns %s into a problem", async (_, errno, reason, detail) => {
    for (const call of ["get_persistent", "add_key"]) {
      const { keyring } = kernel((one) => (one === call ? errno : undefined));
      const added = await keyring.add("a", bytes(1));
      expect(added).toEqual({ ok: false, problem: { reason, detail: expect.stringMatching(detail) } });
    }
  });

  it("says that the addon is missing, or that the platform has no keyring", async () => {
    const missing = realKeyring(() => Promise.reject(new Error("not found")));
    expect(await missing.get("a")).toMatchObject({ ok: false, problem: { reason: "addon-missing" } });
    const elsewhere = realKeyring(async () => undefined);
    expect(await elsewhere.get("a")).toMatchObject({ ok: false, problem: { reason: "not-available" } });
  });
});
