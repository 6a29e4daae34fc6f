import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AHEAD_RESTS, openBackoff, restMs } from "../../src/broker/backoff.ts";
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
    expect(backoff.current(AHEAD_RESTS)?.untilMs).toBe(atMs + (untilMs - atMs) / 2);
    await machine.clock.advance(2 * S);
    expect([backoff.current(AHEAD_RESTS), backoff.current()?.untilMs]).toEqual([undefined, untilMs]);
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
});
