import { describe, expect, it } from "vitest";
import { type Refreshed, refreshAll } from "../../src/broker/refresh.ts";
import { openCache } from "../../src/cache/cache.ts";
import { credentialsCodec } from "../../src/cache/entry.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { entry } from "../cache/samples.ts";
import { type FakeHost, type FakeMachine, fakeMachine } from "../support/fake-host.ts";
import {
  ask,
  DIRECTORY,
  DOWN,
  idOf,
  KEY,
  MIN,
  type Mint,
  machineWithEntry,
  minting,
  renewable,
  S,
} from "./renewing.ts";

/** One run of `refresh` for one entry. */
async function refresh(host: FakeHost, mint: Mint, spreadSeconds = 0, force = false): Promise<Refreshed | undefined> {
  const options = { spreadMs: spreadSeconds * S, force };
  const [refreshed] = await host.clock.run(refreshAll(host, [renewable(host, mint)], options));
  return refreshed;
}

/** A token endpoint that takes 3 s, as the one HTTP stack has it: interrupted, it says who had not answered. */
function slowEndpoint(machine: FakeMachine) {
  const source = minting(machine, { takesMs: 3 * S });
  const mint: Mint = async (context) => {
    const minted = await source.mint(context);
    if (context.signal.aborted) throw new BrokerError("TIMEOUT", "idp.corp.example had not answered at the deadline");
    return minted;
  };
  return {
    mint,
    get calls() {
      return source.calls;
    },
  };
}

async function cachedId(machine: FakeMachine): Promise<string | undefined> {
  const found = await openCache(machine.host(), "file", KEY, credentialsCodec).read();
  return found?.entry.value.accessKeyId;
}

describe("what is due", () => {
  it.each([
    ["in the first quarter of its life", 14 * MIN, "fresh", 0],
    ["past two fifths", 25 * MIN, "renewed", 1],
    ["in the callers' renewal window", 50 * MIN, "renewed", 1],
    ["expired", 61 * MIN, "renewed", 1],
  ])("an entry %s", async (_, agoMs, outcome, calls) => {
    const machine = await machineWithEntry(agoMs);
    const source = minting(machine);
    expect(await refresh(machine.host(), source.mint)).toMatchObject({ outcome });
    expect(source.calls).toBe(calls);
    expect(await cachedId(machine)).toBe(calls === 0 ? "ASIAOLD" : "ASIA1");
  });

  it("an entry that is missing", async () => {
    const machine = fakeMachine();
    const expiresAtMs = machine.clock.nowMs() + 100 + 60 * MIN;
    expect(await refresh(machine.host(), minting(machine).mint)).toEqual({
      outcome: "renewed",
      expiresAtMs,
      store: "file",
    });
  });

  it("is not what a profile without a store fetches", async () => {
    const host = fakeMachine().host();
    const source = minting(host.machine);
    expect(
      await refreshAll(host, [renewable(host, source.mint, { store: "none" })], { spreadMs: 0, force: false }),
    ).toEqual([{ outcome: "skipped" }]);
    expect(source.calls).toBe(0);
  });
});

describe("renewing ahead", () => {
  it("has the whole 45 s, where a caller gives it 2 s", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const slow = minting(machine, { takesMs: 40 * S });
    expect(await refresh(machine.host(), slow.mint)).toMatchObject({ outcome: "renewed" });
    expect(slow.deadlines[0]).toBeGreaterThan(44 * S);
  });

  it("keeps nobody waiting who asks meanwhile", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const slow = minting(machine, { takesMs: 40 * S });
    const host = machine.host();
    const running = refreshAll(host, [renewable(host, slow.mint)], { spreadMs: 0, force: false });
    await machine.clock.advance(S);
    const startMs = machine.clock.monotonicMs();
    expect(idOf(await ask(machine.host(), slow.mint))).toBe("ASIAOLD");
    expect([machine.clock.monotonicMs() - startMs, slow.calls]).toEqual([0, 1]);
    expect(await machine.clock.run(running)).toMatchObject([{ outcome: "renewed" }]);
  });

  it("renews once for two runs at the same time, and both report what the one brought", async () => {
    const machine = await machineWithEntry(40 * MIN);
    const source = minting(machine, { takesMs: 3 * S });
    const hosts = [machine.host(), machine.host()];
    const all = await machine.clock.run(
      Promise.all(hosts.map((host) => refreshAll(host, [renewable(host, source.mint)], { spreadMs: 0, force: false }))),
    );
    expect(source.calls).toBe(1);
    expect(all.flat().map(({ outcome }) => outcome)).toEqual(["renewed", "renewed"]);
  });

  it("renews once for profiles that share an entry, and apart what lies in different stores", async () => {
    const machine = fakeMachine();
    const source = minting(machine);
    const host = machine.host();
    const shared = [renewable(host, source.mint), renewable(host, source.mint)];
    expect(await machine.clock.run(refreshAll(host, shared, { spreadMs: 0, force: false }))).toMatchObject([
      { outcome: "renewed" },
      { outcome: "renewed" },
    ]);
    expect(source.calls).toBe(1);
    const elsewhere = [renewable(host, source.mint), renewable(host, source.mint, { store: "keychain" })];
    expect(await machine.clock.run(refreshAll(host, elsewhere, { spreadMs: 0, force: false }))).toMatchObject([
      { outcome: "fresh" },
      { outcome: "renewed" },
    ]);
  });

  it("renews once for profiles that share an entry even where no lock can be had", async () => {
    const machine = fakeMachine();
    machine.locks.unavailable = "ENOLCK";
    const source = minting(machine);
    const host = machine.host();
    await machine.clock.run(
      refreshAll(host, [renewable(host, source.mint), renewable(host, source.mint)], { spreadMs: 0, force: false }),
    );
    expect(source.calls).toBe(1);
  });

  it("does all of them though some fail, four at a time, and reports in the order asked for", async () => {
    const machine = fakeMachine();
    const host = machine.host();
    let atOnce = 0;
    let most = 0;
    const mintOf =
      (index: number): Mint =>
      async ({ signal }) => {
        most = Math.max(most, ++atOnce);
        await machine.clock.sleep((12 - index) * S, signal);
        atOnce -= 1;
        if (index % 3 === 0) throw index === 0 ? new TypeError("a bug") : DOWN;
        return entry(machine.clock.nowMs(), { id: `ASIA${index}` });
      };
    const all = Array.from({ length: 12 }, (_, index) => renewable(host, mintOf(index), { key: `key-${index}` }));
    const refreshed = await machine.clock.run(refreshAll(host, all, { spreadMs: 0, force: false }));
    expect(refreshed.map(({ outcome }) => outcome)).toEqual(
      all.map((_, index) => (index % 3 === 0 ? "failed" : "renewed")),
    );
    const codes = refreshed.flatMap((one) => (one.outcome === "failed" ? [one.error.code] : []));
    expect(codes).toEqual(["UNEXPECTED", "UNREACHABLE", "UNREACHABLE", "UNREACHABLE"]);
    expect(most).toBe(4);
    expect(machine.locks.held).toEqual([]);
  });
});

describe("a failure", () => {
  it("is reported with what is still valid, and is remembered for the callers", async () => {
    const machine = await machineWithEntry(40 * MIN);
    const source = minting(machine, { fails: DOWN });
    const refreshed = await refresh(machine.host(), source.mint);
    expect(refreshed).toMatchObject({ outcome: "failed", error: DOWN });
    expect(refreshed).toHaveProperty("expiresAtMs");
    expect(await cachedId(machine)).toBe("ASIAOLD");
    expect(machine.disk.exists(`${DIRECTORY}/failures/${KEY}`)).toBe(true);
  });

  it("that rests is not tried again while something is valid, and is reported as it was", async () => {
    const machine = await machineWithEntry(40 * MIN);
    const source = minting(machine, { fails: DOWN });
    await refresh(machine.host(), source.mint);
    await machine.clock.advance(10 * S);
    expect(await refresh(machine.host(), source.mint)).toMatchObject({
      outcome: "failed",
      error: {
        code: DOWN.code,
        exitCode: 5,
        hint: `${DOWN.hint}; sts-broker refresh --force billing tries it now`,
        message: expect.stringMatching(/^not tried again for \d+ (s|min): idp\.corp\.example refuses connections$/),
      },
    });
    expect(source.calls).toBe(1);
  });

  it("that rests, or is fresh, is tried all the same where somebody forces it", async () => {
    const machine = await machineWithEntry(40 * MIN);
    const source = minting(machine, { fails: DOWN });
    await refresh(machine.host(), source.mint);
    await machine.clock.advance(10 * S);
    source.fails = undefined;
    expect(await refresh(machine.host(), source.mint, 0, true)).toMatchObject({ outcome: "renewed" });
    await machine.clock.advance(10 * S);
    expect(await refresh(machine.host(), source.mint, 0, false)).toMatchObject({ outcome: "fresh" });
    expect(await refresh(machine.host(), source.mint, 0, true)).toMatchObject({ outcome: "renewed" });
    expect(source.calls).toBe(3);
  });

  it("that rests is tried again once nothing valid is left, and after its rest", async () => {
    const machine = await machineWithEntry(59 * MIN + 50 * S);
    const source = minting(machine, { fails: DOWN });
    await refresh(machine.host(), source.mint);
    await machine.clock.advance(10 * S);
    source.fails = undefined;
    expect(await refresh(machine.host(), source.mint)).toMatchObject({ outcome: "renewed" });

    const rested = await machineWithEntry(40 * MIN);
    const second = minting(rested, { fails: DOWN });
    await refresh(rested.host(), second.mint);
    await rested.clock.advance(12 * MIN);
    second.fails = undefined;
    expect(await refresh(rested.host(), second.mint)).toMatchObject({ outcome: "renewed" });
  });

  it("with nothing valid is reported without an expiry", async () => {
    const machine = await machineWithEntry(61 * MIN);
    const error = new BrokerError("LOGIN_REQUIRED", "there is no ticket");
    const refreshed = await refresh(machine.host(), minting(machine, { fails: error }).mint);
    expect(refreshed).toEqual({ outcome: "failed", error });
  });

  it("of a caller's two seconds does not keep from trying who has the whole 45 s", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const slow = slowEndpoint(machine);
    const early = machine.host();
    expect(idOf(await machine.clock.run(ask(early, slow.mint)))).toBe("ASIAOLD");
    expect(early.warnings).toHaveLength(1);
    await machine.clock.advance(S);
    expect(await refresh(machine.host(), slow.mint)).toMatchObject({ outcome: "renewed" });
    expect(slow.calls).toBe(2);
  });

  it("of a caller's two seconds is not shared with who has waited for its lock", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const slow = slowEndpoint(machine);
    const early = ask(machine.host(), slow.mint);
    await machine.clock.advance(400);
    expect(await refresh(machine.host(), slow.mint)).toMatchObject({ outcome: "renewed" });
    expect([idOf(await early), slow.calls]).toEqual(["ASIAOLD", 2]);
  });

  it("whose cause lies on this machine is tried again as soon as somebody has mended it", async () => {
    const machine = await machineWithEntry(40 * MIN);
    const source = minting(machine, { fails: new BrokerError("SECRET_UNAVAILABLE", "there is no billing.secret") });
    await refresh(machine.host(), source.mint);
    await machine.clock.advance(S);
    source.fails = undefined;
    expect(await refresh(machine.host(), source.mint)).toMatchObject({ outcome: "renewed" });
  });

  it("is what it is that no store would take new credentials: nobody is asked for them", async () => {
    const machine = await machineWithEntry(40 * MIN);
    const source = minting(machine);
    machine.disk.fail("ENOSPC");
    for (const force of [false, true]) {
      expect(await refresh(machine.host(), source.mint, 0, force)).toMatchObject({
        outcome: "failed",
        error: { code: "STORE_UNUSABLE", exitCode: 2, message: expect.stringContaining("no space left") },
      });
    }
    expect(source.calls).toBe(0);
    machine.disk.mend();
    expect(await refresh(machine.host(), source.mint)).toMatchObject({ outcome: "renewed" });
  });

  it("is what credentials are that no store took, though it seemed that one would; the line says why", async () => {
    const machine = await machineWithEntry(40 * MIN);
    const source = minting(machine);
    const mint: Mint = async (context) => {
      machine.disk.fail("EDQUOT", `${DIRECTORY}/entries`);
      return source.mint(context);
    };
    expect(await refresh(machine.host(), mint)).toMatchObject({
      outcome: "failed",
      error: {
        code: "STORE_UNUSABLE",
        message: expect.stringMatching(/^new credentials were fetched, and no store took them: file: .*no space left$/),
      },
    });
    machine.disk.mend();
    await machine.clock.advance(8 * MIN);
    expect(idOf(await ask(machine.host(), source.mint))).toBe("ASIAOLD");
    expect(source.calls).toBe(1);
  });

  it("of a strong store does not make it fetch again what a weaker one has taken", async () => {
    const machine = fakeMachine();
    const options = { env: { XDG_RUNTIME_DIR: "/run/user/1000" } };
    machine.keychain.state = "absent";
    machine.disk.directory("/run/user/1000", { mode: 0o700 });
    machine.disk.mount("/run/user", "tmpfs");
    const source = minting(machine);
    const run = (): Promise<Refreshed[]> => {
      const host = machine.host(options);
      return machine.clock.run(
        refreshAll(host, [renewable(host, source.mint, { store: "auto" })], { spreadMs: 0, force: false }),
      );
    };
    expect(await run()).toMatchObject([{ outcome: "renewed", store: "kernel" }]);
    await machine.clock.advance(25 * MIN);
    machine.disk.fail("ENOSPC", DIRECTORY, ["write", "mkdir"]);
    expect(await run()).toMatchObject([{ outcome: "renewed", store: "runtime" }]);
    expect(await run()).toMatchObject([{ outcome: "fresh", store: "runtime" }]);
    expect(source.calls).toBe(2);
  });

  it("of a hanging provider ends after 45 s, and leaves no lock", async () => {
    const machine = await machineWithEntry(40 * MIN);
    const startMs = machine.clock.monotonicMs();
    const refreshed = await refresh(machine.host(), () => new Promise(() => {}));
    expect(refreshed).toMatchObject({ outcome: "failed", error: { code: "TIMEOUT" } });
    expect(machine.clock.monotonicMs() - startMs).toBeLessThanOrEqual(45 * S);
    expect(machine.locks.held).toEqual([]);
  });
});

describe("the spread", () => {
  /** When a machine of this name renews, in milliseconds after its run started. */
  async function renewedAfterMs(hostname: string, { agoMs = 40 * MIN, spreadSeconds = 300, uid = 1000 } = {}) {
    const machine = await machineWithEntry(agoMs, { uid });
    const startMs = machine.clock.monotonicMs();
    let atMs: number | undefined;
    const mint: Mint = async () => {
      atMs ??= machine.clock.monotonicMs() - startMs;
      return entry(machine.clock.nowMs());
    };
    await refresh(machine.host({ hostname, uid }), mint, spreadSeconds);
    return Math.round(atMs ?? -1);
  }

  it("is the same in every run of a machine, and another one for other machines", async () => {
    const web1 = await renewedAfterMs("web1.corp.example");
    expect(await renewedAfterMs("web1.corp.example")).toBe(web1);
    const others = await Promise.all(["web2", "web3", "web4", "web5"].map((name) => renewedAfterMs(name)));
    expect(new Set([web1, ...others]).size).toBe(5);
    for (const waitMs of [web1, ...others]) expect(waitMs).toBeLessThan(300 * S);
  });

  it("tells machines of one name apart by their machine-id", async () => {
    const waitMs = async (id: string) => {
      const machine = fakeMachine();
      machine.disk.file("/etc/machine-id", `${id}\n`);
      const startMs = machine.clock.monotonicMs();
      await refresh(machine.host(), minting(machine, { takesMs: 0 }).mint, 300);
      return Math.round(machine.clock.monotonicMs() - startMs);
    };
    expect(await waitMs("a".repeat(32))).not.toBe(await waitMs("b".repeat(32)));
  });

  it("counts as time that passes: what is due when the wait is over is renewed by this run, not by the next", async () => {
    const place = (await renewedAfterMs("web1", { spreadSeconds: 540 })) / (540 * S);
    const machine = await machineWithEntry(24 * MIN - place * 540 * S + S);
    const source = minting(machine);
    const host = machine.host({ hostname: "web1", uid: 1000 });
    const [refreshed] = await machine.clock.run(
      refreshAll(host, [renewable(host, source.mint)], { spreadMs: 540 * S, force: false }),
    );
    expect([refreshed?.outcome, source.calls]).toEqual(["renewed", 1]);
  });

  it("is none unless it is asked for, and none for what is fresh", async () => {
    expect(await renewedAfterMs("web1", { spreadSeconds: 0 })).toBe(0);
    const machine = await machineWithEntry(5 * MIN);
    const startMs = machine.clock.monotonicMs();
    await refresh(machine.host(), minting(machine).mint, 300);
    expect(machine.clock.monotonicMs()).toBe(startMs);
  });

  it("never lets valid credentials end, and is none for those about to", async () => {
    expect(await renewedAfterMs("web1", { agoMs: 58 * MIN, spreadSeconds: 3600 })).toBeLessThan(60 * S);
    expect(await renewedAfterMs("web1", { agoMs: 59 * MIN + 10 * S })).toBe(0);
  });

  it("holds no lock, and what somebody else renewed meanwhile is left alone", async () => {
    const machine = await machineWithEntry(46 * MIN);
    const source = minting(machine);
    const host = machine.host({ hostname: "web3" });
    const running = refreshAll(host, [renewable(host, source.mint)], { spreadMs: 300 * S, force: false });
    await machine.clock.advance(1);
    expect([machine.locks.held, source.calls]).toEqual([[], 0]);
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint)))).toBe("ASIA1");
    expect(await machine.clock.run(running)).toMatchObject([{ outcome: "fresh" }]);
    expect(source.calls).toBe(1);
  });
});
