import { describe, expect, it } from "vitest";
import { openCache } from "../../src/cache/cache.ts";
import { credentialsCodec } from "../../src/cache/entry.ts";
import type { BrokerError } from "../../src/core/errors.ts";
import { entry } from "../cache/samples.ts";
import { fakeMachine } from "../support/fake-host.ts";
import { ask, DIRECTORY, DOWN, idOf, KEY, MIN, type Mint, machineWithEntry, minting, S } from "./renewing.ts";

/** How long a waiter may take to see that its turn has come, or that its time is up. */
const ONE_LOOK_MS = 600;
/** What the one that renews keeps for telling the others. */
const TELLING_MS = 500;

describe("with nothing valid in the cache", () => {
  it("mints once when two hundred processes ask together, and all get the same", async () => {
    const machine = fakeMachine();
    const source = minting(machine, { takesMs: 800 });
    const all = Array.from({ length: 200 }, () => ask(machine.host(), source.mint));
    const ids = (await machine.clock.run(Promise.all(all))).map(idOf);
    expect([source.calls, new Set(ids)]).toEqual([1, new Set(["ASIA1"])]);
    expect(machine.locks.held).toEqual([]);
  });

  it("goes on when the one that renews is killed", async () => {
    const machine = fakeMachine();
    const source = minting(machine);
    const doomed = machine.host();
    ask(doomed, () => new Promise(() => {})).catch(() => {});
    await machine.clock.advance(1);
    const others = Promise.all(Array.from({ length: 5 }, () => ask(machine.host(), source.mint)));
    await machine.clock.advance(3 * S);
    expect(source.calls).toBe(0);
    doomed.die();
    expect(new Set((await machine.clock.run(others)).map(idOf))).toEqual(new Set(["ASIA1"]));
    expect(source.calls).toBe(1);
  });

  it("shares the holder's failure with everybody who waited for it, as the error it was", async () => {
    const machine = fakeMachine();
    const source = minting(machine, { fails: DOWN });
    const all = Array.from({ length: 20 }, () => ask(machine.host(), source.mint).catch((error: BrokerError) => error));
    const errors = (await machine.clock.run(Promise.all(all))) as BrokerError[];
    expect(source.calls).toBe(1);
    for (const { code, message, hint, exitCode } of errors)
      expect([code, message, hint, exitCode]).toEqual([DOWN.code, DOWN.message, DOWN.hint, 5]);
  });

  it("tries again for whoever comes after a failure", async () => {
    const machine = fakeMachine();
    const source = minting(machine, { fails: DOWN });
    await machine.clock.run(ask(machine.host(), source.mint)).catch(() => {});
    await machine.clock.advance(10);
    source.fails = undefined;
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint)))).toBe("ASIA2");
  });

  it("ends within 45 s when nobody answers, the waiters too, and leaves no lock", async () => {
    const machine = fakeMachine();
    const hang: Mint = () => new Promise(() => {});
    const startMs = machine.clock.monotonicMs();
    const all = Array.from({ length: 10 }, () => ask(machine.host(), hang).catch((error: BrokerError) => error.code));
    expect(new Set(await machine.clock.run(Promise.all(all)))).toEqual(new Set(["TIMEOUT"]));
    expect(machine.clock.monotonicMs() - startMs).toBeLessThanOrEqual(45_000 + ONE_LOOK_MS);
    expect(machine.locks.held).toEqual([]);
  });

  it("tells the exchange what is left of the 45 s after waiting", async () => {
    const machine = fakeMachine();
    const stuck = await machine.host().locks.tryAcquire(`${DIRECTORY}/locks/${KEY}`);
    const source = minting(machine);
    const waiting = ask(machine.host(), source.mint);
    await machine.clock.advance(20 * S);
    stuck?.release();
    await machine.clock.run(waiting);
    expect(source.deadlines[0]).toBeLessThanOrEqual(25 * S);
    expect(source.deadlines[0]).toBeGreaterThanOrEqual(25 * S - ONE_LOOK_MS - TELLING_MS);
  });

  it.each(["ENOLCK", "EROFS"])("mints without a lock where none can be had (%s)", async (code) => {
    const machine = fakeMachine();
    machine.locks.unavailable = code;
    const host = machine.host();
    expect(idOf(await machine.clock.run(ask(host, minting(machine).mint)))).toBe("ASIA1");
    expect(host.debugLines.join()).toContain(`none to be had (${code})`);
  });

  it.each(["EROFS", "ENOSPC"])("works without a cache (%s), and warns in one line", async (code) => {
    const machine = fakeMachine();
    machine.disk.fail(code);
    const host = machine.host();
    expect(idOf(await machine.clock.run(ask(host, minting(machine).mint)))).toBe("ASIA1");
    expect(host.warnings).toHaveLength(1);
    expect(host.warnings[0]).toMatch(/^credentials not cached, the next call fetches them again: file: /);
  });

  it("works without a home", async () => {
    const machine = fakeMachine();
    const host = machine.host({ home: null });
    expect(idOf(await machine.clock.run(ask(host, minting(machine).mint)))).toBe("ASIA1");
    expect(host.warnings.join()).toContain("there is no home directory");
  });

  it("prints what was minted even where the keychain hangs and takes its 5 s, and releases the lock", async () => {
    const machine = fakeMachine();
    machine.keychain.writeState = "hanging";
    const host = machine.host();
    const source = minting(machine, { takesMs: 44 * S });
    expect(idOf(await machine.clock.run(ask(host, source.mint, "auto")))).toBe("ASIA1");
    expect(machine.locks.held).toEqual([]);
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint, "auto")))).toBe("ASIA1");
  });

  it("does not wait patiently for a keychain when its time is over", async () => {
    const machine = fakeMachine();
    const source = minting(machine, { takesMs: 60 * S, fails: DOWN });
    const startMs = machine.clock.monotonicMs();
    void machine.clock.sleep(40 * S).then(() => {
      machine.keychain.state = "hanging";
    });
    await expect(machine.clock.run(ask(machine.host(), source.mint, "keychain"))).rejects.toMatchObject({
      code: DOWN.code,
    });
    expect(machine.clock.monotonicMs() - startMs).toBeLessThanOrEqual(45.5 * S);
  });

  it("mints once when sixty processes meet a keychain that answers after seconds, and is all they have", async () => {
    const machine = fakeMachine();
    Object.assign(machine.keychain, { state: "slow", slowMs: 3 * S });
    const source = minting(machine);
    const hosts = Array.from({ length: 60 }, () => machine.host());
    const all = Promise.all(hosts.map((host) => ask(host, source.mint, "keychain")));
    expect(new Set((await machine.clock.run(all)).map(idOf))).toEqual(new Set(["ASIA1"]));
    expect([source.calls, hosts.flatMap(({ warnings }) => warnings)]).toEqual([1, []]);
  });

  it("serves sixty processes within the deadline where the keychain is all they have, and hangs", async () => {
    const machine = fakeMachine();
    machine.keychain.state = "hanging";
    const source = minting(machine);
    const startMs = machine.clock.monotonicMs();
    await machine.clock.run(
      Promise.all(Array.from({ length: 60 }, () => ask(machine.host(), source.mint, "keychain"))),
    );
    expect(machine.clock.monotonicMs() - startMs).toBeLessThanOrEqual(45_000);
    const laterMs = machine.clock.monotonicMs();
    await machine.clock.run(ask(machine.host(), source.mint, "keychain"));
    expect(machine.clock.monotonicMs() - laterMs).toBe(source.takesMs);
    expect(machine.locks.held).toEqual([]);
  });

  it("takes a truncated entry for none and replaces it", async () => {
    const machine = await machineWithEntry(0);
    const file = `${DIRECTORY}/entries/${KEY}`;
    machine.disk.file(file, machine.disk.bytes(file).subarray(0, 40));
    const source = minting(machine);
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint)))).toBe("ASIA1");
    expect(idOf(await ask(machine.host(), source.mint))).toBe("ASIA1");
  });

  it("keeps an unexpected error unexpected, and releases the lock", async () => {
    const machine = fakeMachine();
    const bug: Mint = async () => {
      throw new TypeError("a bug");
    };
    await expect(machine.clock.run(ask(machine.host(), bug))).rejects.toThrow(TypeError);
    expect(machine.locks.held).toEqual([]);
  });
});

describe("with credentials that are valid and should be renewed soon", () => {
  it("renews once when forty processes ask together; whoever finds the lock taken answers at once", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const source = minting(machine, { takesMs: 500 });
    const startMs = machine.clock.monotonicMs();
    let endedLast = 0;
    const all = Array.from({ length: 40 }, async () => {
      const id = idOf(await ask(machine.host(), source.mint));
      if (id === "ASIAOLD") endedLast = Math.max(endedLast, machine.clock.monotonicMs());
      return id;
    });
    const ids = await machine.clock.run(Promise.all(all));
    expect([source.calls, ids.filter((id) => id === "ASIA1").length]).toEqual([1, 1]);
    expect(endedLast - startMs).toBe(0);
  });

  it("waits no longer than 2 s for an identity provider that hangs, and then not at all", async () => {
    const machine = await machineWithEntry(50 * MIN);
    let asked = 0;
    const hang: Mint = () => {
      asked += 1;
      return new Promise(() => {});
    };
    const first = machine.host();
    const startMs = machine.clock.monotonicMs();
    expect(idOf(await machine.clock.run(ask(first, hang)))).toBe("ASIAOLD");
    expect(machine.clock.monotonicMs() - startMs).toBe(2 * S);
    expect(first.warnings).toEqual([
      expect.stringMatching(/^credentials not renewed, the cached ones are valid for 10 min more: /),
    ]);
    const later = machine.host();
    expect(idOf(await machine.clock.run(ask(later, hang)))).toBe("ASIAOLD");
    expect([machine.clock.monotonicMs() - startMs, asked, later.warnings]).toEqual([2 * S, 1, []]);
    expect(later.debugLines.join()).toContain("not tried again for");
    expect(machine.locks.held).toEqual([]);
  });

  it("keeps what it renewed where the keychain hangs on writing", async () => {
    const machine = await machineWithEntry(50 * MIN);
    machine.keychain.writeState = "hanging";
    const source = minting(machine);
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint, "auto")))).toBe("ASIA1");
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint, "auto")))).toBe("ASIA1");
    expect(source.calls).toBe(1);
  });

  it("rests after a failure for four to nine tenths of what is left, and never for less than 24 s", async () => {
    const machine = await machineWithEntry(45 * MIN + S);
    const endsMs = Date.parse("2026-01-01T01:00:00Z");
    const source = minting(machine, { fails: DOWN, takesMs: 0 });
    const triedWithLeftMs: number[] = [];
    while (machine.clock.nowMs() < endsMs - 10 * S) {
      await machine.clock.run(ask(machine.host(), source.mint));
      if (source.calls > triedWithLeftMs.length) triedWithLeftMs.push(endsMs - machine.clock.nowMs());
      await machine.clock.advance(500);
    }
    expect(triedWithLeftMs.length).toBeGreaterThanOrEqual(2);
    for (const [index, leftMs] of triedWithLeftMs.slice(1).entries()) {
      const beforeMs = triedWithLeftMs[index] ?? 0;
      expect(beforeMs - leftMs).toBeGreaterThanOrEqual(Math.max(24 * S, 0.4 * beforeMs));
      expect(beforeMs - leftMs).toBeLessThanOrEqual(Math.max(36 * S, 0.9 * beforeMs) + S);
    }
  });

  it("does not rest endlessly because the clock was set back", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const source = minting(machine, { fails: DOWN });
    await machine.clock.run(ask(machine.host(), source.mint));
    machine.clock.setWall(machine.clock.nowMs() - 4 * MIN);
    source.fails = undefined;
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint)))).toBe("ASIA2");
  });

  it("forgets the outage once it renewed", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const source = minting(machine, { fails: DOWN });
    await machine.clock.run(ask(machine.host(), source.mint));
    await machine.clock.advance(9 * MIN);
    source.fails = undefined;
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint)))).toBe("ASIA2");
    expect(idOf(await ask(machine.host(), source.mint))).toBe("ASIA2");
  });

  it.each(["garbage", "", "null", "[]", '{"atMs":"x"}', '{"atMs":1,"untilMs":1e999,"count":1,"message":"x"}'])(
    "takes a remembered failure that cannot be read for none: %s",
    async (text) => {
      const machine = await machineWithEntry(50 * MIN);
      machine.disk.directory(`${DIRECTORY}/failures`, { mode: 0o700 });
      machine.disk.file(`${DIRECTORY}/failures/${KEY}`, text);
      expect(idOf(await machine.clock.run(ask(machine.host(), minting(machine).mint)))).toBe("ASIA1");
    },
  );

  it("is renewed by the first caller after sleep and resume, once", async () => {
    const machine = await machineWithEntry(MIN);
    const source = minting(machine);
    machine.clock.setWall(machine.clock.nowMs() + 8 * 60 * MIN);
    const all = Array.from({ length: 20 }, () => ask(machine.host(), source.mint));
    expect(new Set((await machine.clock.run(Promise.all(all))).map(idOf))).toEqual(new Set(["ASIA1"]));
    expect(source.calls).toBe(1);
  });

  it("is served although somebody else's lock is stuck", async () => {
    const machine = await machineWithEntry(50 * MIN);
    await machine.host().locks.tryAcquire(`${DIRECTORY}/locks/${KEY}`);
    expect(idOf(await ask(machine.host(), minting(machine).mint))).toBe("ASIAOLD");
  });

  it("asks nobody for new ones that no store would take, call after call, until one does", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const source = minting(machine);
    machine.disk.fail("ENOSPC");
    for (let call = 0; call < 3; call++) {
      const host = machine.host();
      expect(idOf(await machine.clock.run(ask(host, source.mint)))).toBe("ASIAOLD");
      expect(host.warnings).toEqual([expect.stringMatching(/^credentials not renewed, .* file: .*no space left$/)]);
    }
    expect(source.calls).toBe(0);
    machine.disk.mend();
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint)))).toBe("ASIA1");
  });

  it("does not fetch again and again what a store takes only in appearance", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const source = minting(machine);
    machine.disk.fail("EDQUOT", `${DIRECTORY}/entries/`, ["write"]);
    const first = machine.host();
    expect(idOf(await machine.clock.run(ask(first, source.mint)))).toBe("ASIA1");
    expect(first.warnings).toEqual([expect.stringMatching(/^credentials not cached.*no space left$/)]);
    const later = machine.host();
    expect(idOf(await machine.clock.run(ask(later, source.mint)))).toBe("ASIAOLD");
    expect([source.calls, later.warnings]).toEqual([1, []]);
  });

  it("are said to last as long as they do by AWS's clock, where ours is behind", async () => {
    const machine = fakeMachine();
    const old = entry(machine.clock.nowMs(), { id: "ASIAOLD", skewMs: 5 * MIN });
    await openCache(machine.host(), "file", KEY, credentialsCodec).write(old);
    await machine.clock.advance(50 * MIN);
    const host = machine.host();
    await machine.clock.run(ask(host, minting(machine, { fails: DOWN }).mint));
    expect(host.warnings.join()).toContain("valid for 10 min more");
  });

  it("keeps failures and locks private", async () => {
    const machine = await machineWithEntry(50 * MIN);
    await machine.clock.run(ask(machine.host(), minting(machine, { fails: DOWN }).mint));
    expect(machine.disk.mode(`${DIRECTORY}/failures/${KEY}`)).toBe(0o600);
    for (const room of ["failures", "locks"]) expect(machine.disk.mode(`${DIRECTORY}/${room}`)).toBe(0o700);
  });
});
