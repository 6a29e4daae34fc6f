import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openBackoff, restMs } from "../../src/broker/backoff.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { fakeMachine } from "../support/fake-host.ts";
import { DIRECTORY, DOWN, KEY, MIN, S } from "./renewing.ts";

const random = fc.double({ min: 0, max: 0.999_999, noNaN: true });

describe("the rest after a failure", () => {
  it("ends while something is valid, wherever more than half a minute is left", () => {
    fc.assert(
      fc.property(fc.integer({ min: 40 * S, max: 12 * 60 * MIN }), random, (leftMs, at) => {
        expect(restMs(leftMs, at)).toBeLessThan(leftMs);
        expect(restMs(leftMs, at)).toBeGreaterThanOrEqual(Math.min(leftMs, 60 * MIN) * 0.4);
      }),
    );
  });

  it("is at least 24 s, and at most 54 minutes, whatever is left", () => {
    fc.assert(
      fc.property(
        fc.option(fc.integer({ min: -MIN, max: 48 * 60 * MIN }), { nil: undefined }),
        random,
        (leftMs, at) => {
          expect(restMs(leftMs, at)).toBeGreaterThanOrEqual(24 * S);
          expect(restMs(leftMs, at)).toBeLessThanOrEqual(54 * MIN);
        },
      ),
    );
  });

  it("brings those who failed together back over the whole of their time", () => {
    const perMinute = new Array<number>(30).fill(0);
    for (let machine = 0; machine < 10_000; machine++) {
      const minute = Math.floor(restMs(30 * MIN, machine / 10_000) / MIN);
      perMinute[minute] = (perMinute[minute] ?? 0) + 1;
    }
    expect(Math.max(...perMinute)).toBeLessThan(700);
    expect(perMinute.filter((count) => count > 600)).toHaveLength(15);
  });
});

describe("a remembered failure", () => {
  it("lets who renews ahead of time try again after half of the rest, and everybody else after all of it", async () => {
    const machine = fakeMachine();
    const backoff = openBackoff(machine.host(), DIRECTORY, KEY, machine.clock.nowMs() + 30 * MIN);
    backoff.remember(DOWN);
    const { atMs = 0, untilMs = 0 } = backoff.current() ?? {};
    expect(untilMs - atMs).toBeGreaterThanOrEqual(12 * MIN);
    expect(untilMs - atMs).toBeLessThanOrEqual(27 * MIN);
    await machine.clock.advance((untilMs - atMs) / 2 - S);
    expect(backoff.currentAhead(45 * S)?.untilMs).toBe(atMs + (untilMs - atMs) / 2);
    await machine.clock.advance(2 * S);
    expect([backoff.currentAhead(45 * S), backoff.current()?.untilMs]).toEqual([undefined, untilMs]);
    await machine.clock.advance((untilMs - atMs) / 2);
    expect([backoff.current(), backoff.last()?.message]).toEqual([undefined, DOWN.message]);
  });

  it("with nothing valid rests half a minute", () => {
    const machine = fakeMachine();
    const backoff = openBackoff(machine.host(), DIRECTORY, KEY);
    backoff.remember(DOWN);
    const { atMs = 0, untilMs = 0 } = backoff.current() ?? {};
    expect(untilMs - atMs).toBeLessThanOrEqual(36 * S);
  });

  it("for want of time counts for those who have no more of it, and not for who has twice as much", () => {
    const machine = fakeMachine();
    const sinceMs = machine.clock.nowMs();
    const late = new BrokerError("TIMEOUT", "had not answered at the deadline");
    const backoff = openBackoff(machine.host(), DIRECTORY, KEY, sinceMs + 30 * MIN);
    backoff.remember(late, 2 * S);
    expect(backoff.current()?.message).toBe(late.message);
    expect([backoff.currentAhead(45 * S), backoff.failureSince(sinceMs, 44 * S)]).toEqual([undefined, undefined]);
    expect(backoff.failureSince(sinceMs, 3 * S)?.message).toBe(late.message);
    backoff.remember(late, 44 * S);
    expect([backoff.currentAhead(45 * S)?.message, backoff.failureSince(sinceMs, 44.5 * S)?.message]).toEqual([
      late.message,
      late.message,
    ]);
    backoff.remember(DOWN, 2 * S);
    expect(backoff.currentAhead(45 * S)?.message).toBe(DOWN.message);
  });

  it.each(["SECRET_UNAVAILABLE", "SECRET_EXPOSED", "ADDON_MISSING", "COMMAND_FAILED"] as const)(
    "in which no server was asked (%s) rests half a minute for callers, and not at all for who renews ahead of time",
    (code) => {
      const machine = fakeMachine();
      const backoff = openBackoff(machine.host(), DIRECTORY, KEY, machine.clock.nowMs() + 30 * MIN);
      backoff.remember(new BrokerError(code, "out of order"));
      const { atMs = 0, untilMs = 0 } = backoff.current() ?? {};
      expect(untilMs - atMs).toBe(30 * S);
      expect(backoff.currentAhead(45 * S)).toBeUndefined();
    },
  );

  it.each(["CONFIG_INVALID", "LOGIN_REQUIRED", "STORE_UNUSABLE", "AUDIT_FAILED"] as const)(
    "that is mended on this machine (%s) keeps nobody who renews ahead of time",
    (code) => {
      const machine = fakeMachine();
      const backoff = openBackoff(machine.host(), DIRECTORY, KEY, machine.clock.nowMs() + 30 * MIN);
      backoff.remember(new BrokerError(code, "out of order"));
      expect([backoff.current()?.code, backoff.currentAhead(45 * S)]).toEqual([code, undefined]);
    },
  );

  it("of a store is not shared with those who wait for credentials: they can be fetched", () => {
    const machine = fakeMachine();
    const backoff = openBackoff(machine.host(), DIRECTORY, KEY);
    backoff.remember(new BrokerError("STORE_UNUSABLE", "no space left"));
    expect(backoff.failureSince(0, 45 * S)).toBeUndefined();
  });
});
