import { describe, expect, it } from "vitest";
import { within } from "../../src/broker/deadline.ts";
import { openSession } from "../../src/broker/session.ts";
import { loginKey } from "../../src/cache/key.ts";
import { writeLoginMark } from "../../src/cache/login-mark.ts";
import { openVault } from "../../src/cache/vault.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import type { Profile, TomlTable } from "../../src/core/types.ts";
import type { Redemption } from "../../src/identity/source.ts";
import { type FakeHost, type FakeMachine, fakeMachine } from "../support/fake-host.ts";

const DIRECTORY = "/home/ana/.cache/sts-broker";
const S = 1000;

const profile = (settings: TomlTable = {}, name = "billing"): Profile => ({
  name,
  role: { arn: "arn:aws:iam::123456789012:role/billing", sessionName: "ana" },
  sts: { region: "eu-west-1", regionStated: true, useFips: false, useDualstack: false },
  identity: { name: "corp", kind: "oidc-browser", settings: { issuer: "https://idp.corp.example", ...settings } },
  store: "file",
});

const vaultOf = (host: FakeHost, one = profile()) => openVault(host, "keychain", loginKey(one.identity, host) ?? "");

async function loggedIn(machine: FakeMachine = fakeMachine(), token = "R0", subject = "ana"): Promise<FakeMachine> {
  const nowMs = machine.clock.nowMs();
  const written = await vaultOf(machine.host()).write({
    refreshToken: new Secret(token),
    issuer: "https://idp.corp.example",
    subject,
    loggedInAtMs: nowMs,
    rotatedAtMs: nowMs,
  });
  expect(written.ok).toBe(true);
  return machine;
}

/** A provider that rotates, and revokes everything when a token comes twice. */
function rotating(machine: FakeMachine, takesMs = 100) {
  const provider = { good: "R0", redeemed: [] as string[], revoked: false };
  const send = async (token: Secret, onItsWay = async () => {}): Promise<Redemption<string>> => {
    await onItsWay();
    const sent = token.reveal();
    await machine.clock.sleep(takesMs);
    if (provider.revoked || sent !== provider.good) {
      provider.revoked = true;
      return { outcome: "refused", detail: "invalid_grant" };
    }
    provider.redeemed.push(sent);
    provider.good = `R${provider.redeemed.length}`;
    return { outcome: "redeemed", value: `T${provider.redeemed.length}`, refreshToken: new Secret(provider.good) };
  };
  return Object.assign(provider, { send });
}

const sessionOf = (host: FakeHost, one = profile(), signal = new AbortController().signal) => {
  const session = openSession(host, one, { signal, deadlineMs: Number.POSITIVE_INFINITY, hold: () => {} });
  if (session === undefined) throw new Error("no session");
  return session;
};

const tokenOf = async (machine: FakeMachine): Promise<string | undefined> => {
  const found = await vaultOf(machine.host()).read();
  return found.ok ? found.value?.refreshToken.reveal() : undefined;
};

describe("a session", () => {
  it("is of nobody where the configuration alone says who we are", () => {
    const { identity, ...rest } = profile();
    const machineIdentity = { ...rest, identity: { ...identity, kind: "oidc-client-credentials" } };
    expect(
      openSession(fakeMachine().host(), machineIdentity, {
        signal: new AbortController().signal,
        deadlineMs: 0,
        hold: () => {},
      }),
    ).toBeUndefined();
  });

  it("sends nothing where nobody logged in, and takes no lock for it", async () => {
    const machine = fakeMachine();
    machine.locks.unavailable = "EROFS";
    const provider = rotating(machine);
    expect(await sessionOf(machine.host()).redeem(provider.send)).toBeUndefined();
    expect(provider.redeemed).toEqual([]);
  });

  it("redeems one refresh token after the other for many processes of many profiles, none twice", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    const work = Array.from({ length: 12 }, (_, index) =>
      sessionOf(machine.host(), profile({}, `p${index % 4}`)).redeem(provider.send),
    );
    const values = await machine.clock.run(Promise.all(work));
    expect(new Set(values).size).toBe(12);
    expect(provider.redeemed).toEqual(Array.from({ length: 12 }, (_, index) => `R${index}`));
    expect(await tokenOf(machine)).toBe("R12");
    expect(machine.locks.held).toEqual([]);
  });

  it("shares one lock with processes whose cache is somewhere else", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    machine.disk.directory("/srv/unit", { uid: 1000, mode: 0o700 });
    const unit = machine.host({ env: { CACHE_DIRECTORY: "/srv/unit" } });
    const work = [sessionOf(machine.host()).redeem(provider.send), sessionOf(unit).redeem(provider.send)];
    expect(await machine.clock.run(Promise.all(work))).toEqual(["T1", "T2"]);
    expect(provider.revoked).toBe(false);
  });

  it("keeps the new refresh token before it hands over the tokens", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    machine.keychain.beforeSet = () => expect(provider.redeemed).toEqual(["R0"]);
    await machine.clock.run(sessionOf(machine.host()).redeem(provider.send));
    expect(await tokenOf(machine)).toBe("R1");
  });

  it("holds signals back from when the refresh token is on its way until its successor is kept, and no longer", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    const held: [string, number][] = [];
    const note = (when: string): void => void held.push([when, machine.signalsHeld.count]);
    machine.keychain.beforeSet = () => note("written");
    const work = sessionOf(machine.host()).redeem(async (token, onItsWay) => {
      note("discovery");
      await onItsWay();
      note("sent");
      return provider.send(token);
    });
    expect(await machine.clock.run(work)).toBe("T1");
    expect(held).toEqual([
      ["discovery", 0],
      ["sent", 1],
      ["written", 1],
    ]);
    const failing = sessionOf(machine.host()).redeem(async (_, onItsWay) => {
      await onItsWay();
      throw new BrokerError("UNREACHABLE", "no");
    });
    await expect(failing).rejects.toMatchObject({ code: "UNREACHABLE" });
    expect(machine.signalsHeld.count).toBe(0);
  });

  it("is free for the next process when its holder is killed before anything was sent", async () => {
    const machine = await loggedIn();
    const dying = machine.host();
    void sessionOf(dying)
      .redeem(() => new Promise<never>(() => {}))
      .catch(() => {});
    await expect.poll(() => machine.locks.held.length).toBe(1);
    dying.die();
    const provider = rotating(machine);
    expect(await machine.clock.run(sessionOf(machine.host()).redeem(provider.send))).toBe("T1");
  });

  it("costs a login, and nothing worse, when its holder is killed between the provider's answer and the write", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    machine.keychain.beforeSet = () => {
      machine.keychain.beforeSet = undefined;
      throw new Error("killed");
    };
    const dying = machine.host();
    await expect(machine.clock.run(sessionOf(dying).redeem(provider.send))).rejects.toThrow("killed");
    dying.die();
    await expect(machine.clock.run(sessionOf(machine.host()).redeem(provider.send))).rejects.toMatchObject({
      code: "LOGIN_REQUIRED",
      hint: "sts-broker login --profile billing",
    });
    expect(await tokenOf(machine)).toBeUndefined();
    await loggedIn(machine, "N0");
    expect(await tokenOf(machine)).toBe("N0");
  });

  it("waits for a stopped process only so long, and never sends what that one may have sent", async () => {
    const machine = await loggedIn();
    const stopped = machine.host();
    void sessionOf(stopped).redeem(() => new Promise<never>(() => {}));
    await expect.poll(() => machine.locks.held.length).toBe(1);
    const provider = rotating(machine);
    const startMs = machine.clock.monotonicMs();
    await expect(machine.clock.run(sessionOf(machine.host()).redeem(provider.send))).rejects.toMatchObject({
      code: "LOCK_TIMEOUT",
    });
    expect(machine.clock.monotonicMs() - startMs).toBeLessThan(31 * S);
    expect(provider.redeemed).toEqual([]);
  });

  it("is not used at all where there is no lock", async () => {
    const machine = await loggedIn();
    machine.locks.unavailable = "EROFS";
    const provider = rotating(machine);
    await expect(sessionOf(machine.host()).redeem(provider.send)).rejects.toMatchObject({
      code: "STORE_UNUSABLE",
      message: "the refresh token is not used without a lock, and there is none: EROFS",
    });
    expect(provider.redeemed).toEqual([]);
  });

  it("leaves a refused refresh token alone when a login has replaced it meanwhile", async () => {
    const machine = await loggedIn();
    const work = sessionOf(machine.host()).redeem(async () => {
      await loggedIn(machine, "N0");
      return { outcome: "refused", detail: "invalid_grant" };
    });
    await expect(work).rejects.toMatchObject({ code: "LOGIN_REQUIRED" });
    expect(await tokenOf(machine)).toBe("N0");
  });

  it("leaves a login alone that did not wait for its turn, whoever redeems what was there before", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    const work = sessionOf(machine.host()).redeem(async (token) => {
      await loggedIn(machine, "N0", "bob");
      return provider.send(token);
    });
    await machine.clock.run(work);
    expect(provider.redeemed).toEqual(["R0"]);
    expect(await tokenOf(machine)).toBe("N0");
  });

  it("waits longer for its turn than a discovery and a redemption may take", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine, 25 * S);
    const work = [sessionOf(machine.host()).redeem(provider.send), sessionOf(machine.host()).redeem(provider.send)];
    expect(await machine.clock.run(Promise.all(work))).toEqual(["T1", "T2"]);
  });

  it("is over when somebody else has logged in since, wherever that one's refresh token is kept", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    const host = machine.host();
    const key = loginKey(profile().identity, host) ?? "";
    const atMs = machine.clock.nowMs() + 1;
    const ana = { issuer: "https://idp.corp.example", subject: "ana", atMs };
    expect(writeLoginMark(host, key, { ...ana, subject: "bob" })).toBeUndefined();
    expect(await sessionOf(host).redeem(provider.send)).toBeUndefined();
    expect(provider.redeemed).toEqual([]);
    expect(writeLoginMark(host, key, ana)).toBeUndefined();
    expect(await machine.clock.run(sessionOf(host).redeem(provider.send))).toBe("T1");
  });

  it.each(["rotated", "kept"])("removes the refresh token of somebody else, %s, and only that one", async (how) => {
    const machine = await loggedIn();
    const next = how === "rotated" ? new Secret("R1") : undefined;
    const session = sessionOf(machine.host());
    await session.redeem(async () => ({ outcome: "redeemed", value: "T", refreshToken: next }));
    const ana = { issuer: "https://idp.corp.example", subject: "ana" };
    await session.checkSubject(ana);
    expect(await tokenOf(machine)).toBe(next?.reveal() ?? "R0");
    const refused = { code: "LOGIN_REQUIRED", exitCode: 3, hint: "sts-broker login --profile billing" };
    await expect(session.checkSubject({ ...ana, subject: "eve" })).rejects.toMatchObject(refused);
    expect(await tokenOf(machine)).toBeUndefined();
    await loggedIn(machine, "N0");
    await expect(session.checkSubject({ ...ana, subject: "eve" })).rejects.toMatchObject(refused);
    expect(await tokenOf(machine)).toBe("N0");
  });

  it("keeps the refresh token after every other failure", async () => {
    const machine = await loggedIn();
    for (const code of ["UNREACHABLE", "TIMEOUT", "THROTTLED", "IDP_REFUSED", "IDP_INVALID_ANSWER"] as const) {
      const failing = async (): Promise<never> => {
        throw new BrokerError(code, "no");
      };
      await expect(sessionOf(machine.host()).redeem(failing)).rejects.toMatchObject({ code });
    }
    expect(await tokenOf(machine)).toBe("R0");
    expect(machine.locks.held).toEqual([]);
  });

  it("writes nothing when the provider does not rotate", async () => {
    const machine = await loggedIn();
    machine.keychain.beforeSet = () => expect.fail("written");
    const same = async (token: Secret): Promise<Redemption<string>> => ({
      outcome: "redeemed",
      value: "T",
      refreshToken: token,
    });
    expect(await sessionOf(machine.host()).redeem(same)).toBe("T");
    const none = async (): Promise<Redemption<string>> => ({
      outcome: "redeemed",
      value: "T",
      refreshToken: undefined,
    });
    expect(await sessionOf(machine.host()).redeem(none)).toBe("T");
  });

  it.each(["locked", "absent", "not-answering", "addon-missing"] as const)(
    "names a keychain that is %s, and looks nowhere else",
    async (state) => {
      const machine = await loggedIn();
      machine.keychain.state = state;
      const provider = rotating(machine);
      await expect(machine.clock.run(sessionOf(machine.host()).redeem(provider.send))).rejects.toMatchObject({
        code: "LOGIN_REQUIRED",
        message: expect.stringMatching(/^the refresh token cannot be read, keychain: /),
      });
      expect(provider.redeemed).toEqual([]);
    },
  );

  it("waits for a keychain that is slow, rather than ask for a login", async () => {
    const machine = await loggedIn();
    Object.assign(machine.keychain, { state: "slow", slowMs: 2.5 * S });
    const provider = rotating(machine);
    expect(await machine.clock.run(sessionOf(machine.host()).redeem(provider.send))).toBe("T1");
    machine.keychain.state = "ready";
    expect(await tokenOf(machine)).toBe("R1");
  });

  it("is not left behind at a caller's two seconds once something was sent", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine, 5 * S);
    const host = machine.host();
    const deadlineMs = machine.clock.monotonicMs() + 2 * S;
    const work = within(host, 2 * S, (signal, hold) => {
      const session = openSession(host, profile(), { signal, deadlineMs, hold });
      return session?.redeem(provider.send) ?? Promise.reject(new Error("no session"));
    });
    await expect(machine.clock.run(work)).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(await tokenOf(machine)).toBe("R1");
    expect(machine.locks.held).toEqual([]);
  });

  it("keeps nobody longer than its two seconds while nothing has been sent", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    const redeemedWithin2s = (host: FakeHost, send: typeof provider.send): Promise<unknown> => {
      const deadlineMs = machine.clock.monotonicMs() + 2 * S;
      return machine.clock.run(
        within(host, 2 * S, async (signal, hold) =>
          openSession(host, profile(), { signal, deadlineMs, hold })?.redeem(send),
        ).catch((error: unknown) => error),
      );
    };
    const startMs = machine.clock.monotonicMs();
    // What came between the turn and the sending took all the time there was.
    const slowly: typeof provider.send = async (token, onItsWay) => {
      await machine.clock.sleep(4 * S);
      return provider.send(token, onItsWay);
    };
    expect(await redeemedWithin2s(machine.host(), slowly)).toMatchObject({ code: "TIMEOUT" });
    expect(machine.clock.monotonicMs() - startMs).toBe(2 * S);
    await machine.clock.run(machine.clock.sleep(3 * S));
    expect(provider.redeemed).toEqual([]);
    machine.keychain.state = "hanging";
    for (const detail of ["keychain: ", "a moment ago"])
      expect(await redeemedWithin2s(machine.host(), provider.send)).toMatchObject({
        code: "TIMEOUT",
        message: expect.stringContaining(detail),
      });
    // Whoever has more time finds one that was only slow.
    Object.assign(machine.keychain, { state: "slow", slowMs: 2.5 * S });
    expect(await machine.clock.run(sessionOf(machine.host()).redeem(provider.send))).toBe("T1");
  });

  it("sends nothing when the caller's time is over before its turn", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine, 5 * S);
    const first = sessionOf(machine.host()).redeem(provider.send);
    const host = machine.host();
    const deadlineMs = machine.clock.monotonicMs() + 2 * S;
    const late = within(host, 2 * S, (signal, hold) => {
      const session = openSession(host, profile(), { signal, deadlineMs, hold });
      return session?.redeem(provider.send) ?? Promise.reject(new Error("no session"));
    });
    await expect(machine.clock.run(late)).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    await machine.clock.run(first);
    expect(provider.redeemed).toEqual(["R0"]);
  });

  it("notes who logged in for caches that do not know it yet", async () => {
    const machine = await loggedIn();
    const provider = rotating(machine);
    await machine.clock.run(sessionOf(machine.host()).redeem(provider.send));
    const [mark = ""] = machine.disk.below(`${DIRECTORY}/logins`);
    expect(JSON.parse(machine.disk.text(mark) ?? "")).toMatchObject({ subject: "ana" });
  });

  it("is the same for profiles and identities that log in to the same client with the same wishes, and for no others", () => {
    const host = fakeMachine().host();
    const keyOf = (settings: TomlTable, kind = "oidc-browser") =>
      loginKey({ name: "x", kind, settings: { issuer: "https://idp", client_id: "c", ...settings } }, host);
    const key = keyOf({});
    for (const same of [
      keyOf({}, "oidc-device"),
      keyOf({ redirect_uri: "http://127.0.0.1:8400/x" }),
      keyOf({ ca_file: "/ca" }),
      keyOf({ refresh_token_store: "file" }),
    ])
      expect(same).toBe(key);
    const others = [
      { issuer: "https://other" },
      { client_id: "d" },
      { scope: "openid x" },
      { audience: "a" },
      { resource: "r" },
      { parameters: { a: "b" } },
      { assertion: "access_token" },
    ].map((settings) => keyOf(settings));
    expect(new Set([key, ...others]).size).toBe(others.length + 1);
  });
});
