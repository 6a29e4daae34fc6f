import { describe, expect, it } from "vitest";
import { refreshAll } from "../../src/broker/refresh.ts";
import type { BrokerError } from "../../src/core/errors.ts";
import { entry } from "../cache/samples.ts";
import { fakeMachine } from "../support/fake-host.ts";
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

const LOCK = `${DIRECTORY}/locks/${KEY}`;
const HOUR = 60 * MIN;
/** How long a waiter may take to see that its turn has come. */
const ONE_LOOK_MS = 600;

describe("a lock whose holder is stopped", () => {
  it("is overtaken after 30 s, by one for all who wait", async () => {
    const machine = fakeMachine();
    await machine.host().locks.tryAcquire(LOCK);
    const source = minting(machine, { takesMs: 800 });
    const startMs = machine.clock.monotonicMs();
    const all = Array.from({ length: 50 }, () => ask(machine.host(), source.mint));
    expect(new Set((await machine.clock.run(Promise.all(all))).map(idOf))).toEqual(new Set(["ASIA1"]));
    expect(source.calls).toBe(1);
    const tookMs = machine.clock.monotonicMs() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(30 * S);
    expect(tookMs).toBeLessThanOrEqual(31 * S + ONE_LOOK_MS);
    expect(machine.locks.held).toEqual([LOCK]);
  });

  it("is given up after 45 s, by name, where whoever overtook it is stopped too", async () => {
    const machine = fakeMachine();
    const stopped = machine.host();
    for (const file of [LOCK, `${LOCK}.late`]) await stopped.locks.tryAcquire(file);
    machine.disk.file(`${LOCK}.holder`, JSON.stringify({ pid: 4242, atMs: machine.clock.nowMs() }));
    machine.disk.chmod(DIRECTORY, 0o700);
    const startMs = machine.clock.monotonicMs();
    const error = await machine.clock.run(ask(machine.host(), minting(machine).mint).catch((one: BrokerError) => one));
    expect(error).toMatchObject({
      code: "LOCK_TIMEOUT",
      exitCode: 5,
      message: "another sts-broker (process 4242) has been renewing for 45 s and has not ended",
      hint: expect.stringContaining("kill -CONT 4242"),
    });
    expect(machine.clock.monotonicMs() - startMs).toBeLessThanOrEqual(45 * S + ONE_LOOK_MS);
  });

  it("is taken in its turn while the holder is only slow: nobody overtakes it before", async () => {
    const machine = fakeMachine();
    const source = minting(machine, { takesMs: 29 * S });
    const all = Array.from({ length: 20 }, () => ask(machine.host(), source.mint));
    expect(new Set((await machine.clock.run(Promise.all(all))).map(idOf))).toEqual(new Set(["ASIA1"]));
    expect(source.calls).toBe(1);
  });

  it("does not cost the holder anything: continued too late, it answers with what the other one fetched", async () => {
    const machine = fakeMachine();
    const hang: Mint = () => new Promise(() => {});
    const stopped = machine.host();
    const continued = ask(stopped, hang);
    await machine.clock.advance(S);
    const other = ask(machine.host(), minting(machine).mint);
    expect((await machine.clock.run(Promise.all([continued, other]))).map(idOf)).toEqual(["ASIA1", "ASIA1"]);
    expect(machine.disk.exists(`${DIRECTORY}/failures/${KEY}`)).toBe(false);
    expect(machine.locks.held).toEqual([]);
  });

  it("is overtaken by a caller with valid credentials, too, once it has had the lock for more than a minute", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const stopped = machine.host();
    const hang: Mint = () => new Promise(() => {});
    const forgotten = refreshAll(stopped, [renewable(stopped, hang)], { spreadMs: 0, force: false });
    while (!machine.locks.held.includes(LOCK)) await machine.clock.advance(10);
    const source = minting(machine);
    // Its own clock stands still while it is stopped; the machine's goes on.
    machine.clock.setWall(machine.clock.nowMs() + 55 * S);
    expect(idOf(await ask(machine.host(), source.mint))).toBe("ASIAOLD");
    machine.clock.setWall(machine.clock.nowMs() + 6 * S);
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint)))).toBe("ASIA1");
    expect(source.calls).toBe(1);
    await machine.clock.run(forgotten);
    expect(machine.locks.held).toEqual([]);
    expect(machine.disk.below(`${DIRECTORY}/locks`).filter((file) => file.endsWith(".holder"))).toEqual([]);
  });

  it("does not put what it fetched before it was stopped in the place of what lasts longer", async () => {
    const machine = fakeMachine();
    const early = entry(machine.clock.nowMs(), { id: "ASIAEARLY" });
    const delayed: Mint = async () => {
      await machine.clock.sleep(44 * S);
      return early;
    };
    const stopped = ask(machine.host(), delayed);
    await machine.clock.advance(S);
    expect(idOf(await machine.clock.run(ask(machine.host(), minting(machine).mint)))).toBe("ASIA1");
    expect(idOf(await machine.clock.run(stopped))).toBe("ASIAEARLY");
    expect(idOf(await ask(machine.host(), minting(machine).mint))).toBe("ASIA1");
  });
});

describe("a lock in the abstract socket namespace, whose names anybody may take", () => {
  it("keeps nobody from credentials: they go on without it, and not all of them at once", async () => {
    const machine = fakeMachine();
    machine.locks.kind = "abstract socket (fs-native-extensions is not available)";
    const stranger = machine.host();
    for (const file of [LOCK, `${LOCK}.late`]) await stranger.locks.tryAcquire(file);
    const source = minting(machine, { takesMs: 200 });
    const startMs = machine.clock.monotonicMs();
    const all = Array.from({ length: 50 }, () => ask(machine.host(), source.mint));
    for (const one of await machine.clock.run(Promise.all(all))) expect(idOf(one)).toMatch(/^ASIA\d+$/);
    expect(machine.clock.monotonicMs() - startMs).toBeLessThan(40 * S);
    expect(source.calls).toBeLessThan(25);
    expect(idOf(await ask(machine.host(), source.mint))).toMatch(/^ASIA\d+$/);
  });

  it("is waited for as long as any other, while its holder may be only slow", async () => {
    const machine = fakeMachine();
    machine.locks.kind = "abstract socket (fs-native-extensions is not available)";
    const source = minting(machine, { takesMs: 29 * S });
    const all = Array.from({ length: 20 }, () => ask(machine.host(), source.mint));
    expect(new Set((await machine.clock.run(Promise.all(all))).map(idOf))).toEqual(new Set(["ASIA1"]));
    expect(source.calls).toBe(1);
  });
});

describe("a clock that jumps within a call", () => {
  it("forward by an hour during an early renewal (suspend and resume): the ended credentials are not served", async () => {
    const machine = await machineWithEntry(50 * MIN);
    const source = minting(machine);
    let asked = 0;
    const asleep: Mint = (context) => {
      asked += 1;
      if (asked > 1) return source.mint(context);
      machine.clock.setWall(machine.clock.nowMs() + HOUR);
      return Promise.reject(DOWN);
    };
    const host = machine.host();
    expect(idOf(await machine.clock.run(ask(host, asleep)))).toBe("ASIA1");
    expect([asked, host.warnings, machine.locks.held]).toEqual([2, [], []]);
  });

  it("forward by an hour while others wait: one renewal, and all get it", async () => {
    const machine = fakeMachine();
    const source = minting(machine, { takesMs: 3 * S });
    const all = Array.from({ length: 20 }, () => ask(machine.host(), source.mint));
    await machine.clock.advance(S);
    machine.clock.setWall(machine.clock.nowMs() + HOUR);
    expect(new Set((await machine.clock.run(Promise.all(all))).map(idOf))).toEqual(new Set(["ASIA1"]));
    expect(source.calls).toBe(1);
  });

  it("back by ten minutes while others wait for a renewal that fails: they end, and within the deadline", async () => {
    const machine = fakeMachine();
    const source = minting(machine, { fails: DOWN, takesMs: 3 * S });
    const all = Array.from({ length: 5 }, () => ask(machine.host(), source.mint).catch((error: BrokerError) => error));
    await machine.clock.advance(S);
    machine.clock.setWall(machine.clock.nowMs() - 10 * MIN);
    const startMs = machine.clock.monotonicMs();
    for (const error of await machine.clock.run(Promise.all(all))) expect(error).toMatchObject({ code: DOWN.code });
    expect(machine.clock.monotonicMs() - startMs).toBeLessThanOrEqual(45 * S);
  });

  it("back by ten minutes after a failure: the failure is not everybody's until the clock is there again", async () => {
    const machine = fakeMachine();
    const source = minting(machine, { fails: DOWN });
    await machine.clock.run(ask(machine.host(), source.mint)).catch(() => {});
    machine.clock.setWall(machine.clock.nowMs() - 10 * MIN);
    source.fails = undefined;
    expect(idOf(await machine.clock.run(ask(machine.host(), source.mint)))).toBe("ASIA2");
  });
});

describe("a failure record that was not written by us", () => {
  const whole = { atMs: 0, untilMs: 0, count: 1, code: "UNREACHABLE", message: "down", exitCode: 5 };
  it.each([
    ["without a code", { code: undefined }],
    ["with an exit code that is none", { exitCode: "5" }],
    ["with an exit code of success", { exitCode: 0 }],
    ["with a hint that is no text", { hint: { a: 1 } }],
    ["with a message that is no text", { message: ["down"] }],
    ["from the future", { atMs: 9e15, untilMs: 9e15 }],
  ])("%s is nobody's failure", async (_, change) => {
    const machine = fakeMachine();
    const nowMs = machine.clock.nowMs();
    machine.disk.directory(`${DIRECTORY}/failures`, { mode: 0o700 });
    machine.disk.chmod(DIRECTORY, 0o700);
    const record = { ...whole, atMs: nowMs, untilMs: nowMs + MIN, ...change };
    machine.disk.file(`${DIRECTORY}/failures/${KEY}`, JSON.stringify(record));
    expect(idOf(await machine.clock.run(ask(machine.host(), minting(machine).mint)))).toBe("ASIA1");
  });
});
