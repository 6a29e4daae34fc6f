import { describe, expect, it } from "vitest";
import { openCache } from "../../src/cache/cache.ts";
import { credentialsCodec } from "../../src/cache/entry.ts";
import { loginKey } from "../../src/cache/key.ts";
import { loginMarkReader, writeLoginMark } from "../../src/cache/login-mark.ts";
import { type Login, openVault } from "../../src/cache/vault.ts";
import { Secret } from "../../src/core/secret.ts";
import { type FakeMachine, fakeMachine } from "../support/fake-host.ts";
import { entry } from "./samples.ts";

const KEY = "a".repeat(64);
const H = 3_600_000;

const login = (nowMs: number): Login => ({
  refreshToken: new Secret("R0"),
  issuer: "https://idp.corp.example",
  subject: "ana",
  loggedInAtMs: nowMs,
  rotatedAtMs: nowMs,
});

function machine(): FakeMachine {
  const made = fakeMachine();
  made.disk.directory("/run/user/1000", { uid: 1000, mode: 0o700 });
  made.disk.mount("/run/user/1000", "tmpfs");
  return made;
}

async function read(one: FakeMachine, store: string): Promise<string | undefined> {
  const found = await openVault(one.host(), store, KEY).read();
  return found.ok ? found.value?.refreshToken.reveal() : undefined;
}

const loginFiles = ({ disk }: FakeMachine): string[] =>
  [...disk.below("/home/ana"), ...disk.below("/run/user/1000")].filter((path) => path.includes("login-"));

describe("the vault", () => {
  it.each(["keychain", "kernel", "runtime", "file"])("keeps a login in %s, and nowhere else", async (store) => {
    const one = machine();
    expect((await openVault(one.host(), store, KEY).write(login(one.clock.nowMs()))).ok).toBe(true);
    expect(await read(one, store)).toBe("R0");
    for (const other of ["keychain", "kernel", "runtime", "file"].filter((name) => name !== store))
      expect(await read(one, other)).toBeUndefined();
    expect(loginFiles(one)).toHaveLength(store === "keychain" ? 0 : 1);
    await openVault(one.host(), store, KEY).remove();
    expect(await read(one, store)).toBeUndefined();
  });

  it.each(["kernel", "file"])("is safe from a power cut in %s, which entries need not be", async (store) => {
    const one = machine();
    await openCache(one.host(), store, "b".repeat(64), credentialsCodec).write(entry(one.clock.nowMs()));
    expect(one.disk.flushed.size).toBe(0);
    await openVault(one.host(), store, KEY).write(login(one.clock.nowMs()));
    expect([...one.disk.flushed]).toEqual(loginFiles(one));
  });

  it.each(["kernel", "runtime", "file"])("outlives in %s the tidying of entries that nobody touched", async (store) => {
    const one = machine();
    await openVault(one.host(), store, KEY).write(login(one.clock.nowMs()));
    const cache = openCache(one.host(), store, "b".repeat(64), credentialsCodec);
    await cache.write(entry(one.clock.nowMs()));
    await one.clock.advance(72 * H);
    await openCache(one.host(), store, "c".repeat(64), credentialsCodec).write(entry(one.clock.nowMs()));
    expect(await cache.read()).toBeUndefined();
    expect(await read(one, store)).toBe("R0");
  });

  it("keeps nothing where it is told so", async () => {
    const one = machine();
    expect(await openVault(one.host(), "none", KEY).write(login(1))).toMatchObject({ ok: false });
    expect(await read(one, "none")).toBeUndefined();
  });

  it.each([
    ["torn", '{"version":1,"kind":"login"'],
    [
      "of another version",
      '{"version":2,"kind":"login","refreshToken":"R","issuer":"i","subject":"s","loggedInAtMs":1,"rotatedAtMs":1}',
    ],
    [
      "of another kind",
      '{"version":1,"kind":"credentials","refreshToken":"R","issuer":"i","subject":"s","loggedInAtMs":1,"rotatedAtMs":1}',
    ],
    [
      "without a refresh token",
      '{"version":1,"kind":"login","refreshToken":"","issuer":"i","subject":"s","loggedInAtMs":1,"rotatedAtMs":1}',
    ],
    ["null", "null"],
  ])("takes what is %s for nothing", async (_, text) => {
    const one = machine();
    one.keychain.items.set(`sts-broker/login-${KEY}`, text);
    expect(await read(one, "keychain")).toBeUndefined();
  });

  it("says why its store cannot be used, and uses no other", async () => {
    const one = machine();
    one.keychain.state = "locked";
    expect(await openVault(one.host(), undefined, KEY).write(login(1))).toMatchObject({
      ok: false,
      problem: { detail: expect.stringContaining("locked") },
    });
    expect(loginFiles(one)).toEqual([]);
  });
});

describe("the mark of who logged in", () => {
  const identity = { name: "corp", kind: "oidc-browser", settings: { issuer: "https://idp.corp.example" } };
  const mark = { issuer: "https://idp.corp.example", subject: "ana", atMs: 1_000 };

  it("is found by every process of the user", () => {
    const one = machine();
    const key = loginKey(identity, one.host()) ?? "";
    expect(writeLoginMark(one.host(), key, mark)).toBeUndefined();
    expect(loginMarkReader(one.host(), identity)?.()).toEqual(mark);
  });

  it.each(["", "{", "null", '{"issuer":1,"subject":"ana","atMs":1}', '{"issuer":"i","subject":"s"}'])(
    "is none when it reads %s",
    (text) => {
      const one = machine();
      const key = loginKey(identity, one.host()) ?? "";
      one.disk.directory("/home/ana/.cache/sts-broker", { mode: 0o700 });
      one.disk.file(`/home/ana/.cache/sts-broker/logins/${key}`, text);
      expect(loginMarkReader(one.host(), identity)?.()).toBeUndefined();
    },
  );

  it("is not looked for where nobody logs in", () => {
    const host = machine().host();
    for (const kind of ["oidc-client-credentials", "saml-kerberos", "token-file"])
      expect(loginMarkReader(host, { ...identity, kind })).toBeUndefined();
    const stated = { username: "svc", password: { env: "P" } };
    expect(loginMarkReader(host, { ...identity, kind: "saml-password", settings: stated })).toBeUndefined();
    expect(loginMarkReader(host, { ...identity, kind: "saml-password", settings: {} })).toBeDefined();
  });

  it("that cannot be written says why", () => {
    const one = machine();
    one.disk.fail("EROFS");
    expect(writeLoginMark(one.host(), KEY, mark)).toMatchObject({
      ok: false,
      detail: expect.stringContaining("EROFS"),
    });
  });
});
