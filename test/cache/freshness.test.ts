import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Freshness, freshness, renewalWindowMs } from "../../src/cache/freshness.ts";
import { NOW_MS } from "./samples.ts";

const S = 1000;
const MIN = 60 * S;
const lifetime = (lastsMs: number, skewMs = 0) => ({
  mintedAtMs: NOW_MS,
  skewMs,
  expiresAtMs: NOW_MS + skewMs + lastsMs,
});

describe("the renewal window", () => {
  it.each([
    [12 * 60 * MIN, 15 * MIN],
    [60 * MIN, 15 * MIN],
    [40 * MIN, 10 * MIN],
    [15 * MIN, 225 * S],
    [5 * MIN, 75 * S],
    [0, 0],
    [-5 * MIN, 0],
  ])("of a session of %i ms is %i ms", (lastsMs, windowMs) => {
    expect(renewalWindowMs(lifetime(lastsMs))).toBe(windowMs);
    expect(renewalWindowMs(lifetime(lastsMs, 10 * MIN))).toBe(windowMs);
    expect(renewalWindowMs(lifetime(lastsMs, -10 * MIN))).toBe(windowMs);
  });
});

describe("freshness", () => {
  it.each([
    ["an hour, just minted", 60 * MIN, 0, 0, "fresh"],
    ["an hour, one millisecond before the window", 60 * MIN, 0, 45 * MIN - 1, "fresh"],
    ["an hour, as the window opens", 60 * MIN, 0, 45 * MIN, "renew-soon"],
    ["an hour, as long as a caller could still use it", 60 * MIN, 0, 60 * MIN - 5001, "renew-soon"],
    ["an hour, with five seconds left", 60 * MIN, 0, 60 * MIN - 5000, "expired"],
    ["an hour, over", 60 * MIN, 0, 60 * MIN, "expired"],
    ["900 s, just minted", 900 * S, 0, 0, "fresh"],
    ["900 s, one millisecond before its window", 900 * S, 0, 675 * S - 1, "fresh"],
    ["900 s, as its window opens", 900 * S, 0, 675 * S, "renew-soon"],
    ["an hour, our clock 10 min behind, just minted", 60 * MIN, 10 * MIN, 0, "fresh"],
    ["an hour, our clock 10 min behind, as the window truly opens", 60 * MIN, 10 * MIN, 45 * MIN, "renew-soon"],
    ["an hour, our clock 10 min behind, truly over", 60 * MIN, 10 * MIN, 60 * MIN, "expired"],
    ["an hour, our clock 10 min ahead, just minted", 60 * MIN, -10 * MIN, 0, "fresh"],
    ["an hour, our clock 10 min ahead, ten minutes early", 60 * MIN, -10 * MIN, 50 * MIN, "expired"],
    ["900 s, our clock 10 min ahead, just minted", 900 * S, -10 * MIN, 0, "fresh"],
    ["an hour, the clock set back by a minute", 60 * MIN, 0, -MIN, "fresh"],
    ["an hour, the clock set back by more", 60 * MIN, 0, -MIN - 1, "expired"],
    ["an hour, the clock set forward past its end", 60 * MIN, 0, 999 * MIN, "expired"],
    ["born expired", -MIN, 0, 0, "expired"],
  ] as [string, number, number, number, Freshness][])("of %s", (_, lastsMs, skewMs, afterMs, verdict) => {
    expect(freshness(lifetime(lastsMs, skewMs), NOW_MS + afterMs)).toBe(verdict);
  });

  it("never serves what has truly expired, whatever the clocks say, as long as the skew is what it was", () => {
    const day = 24 * 60 * MIN;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: day }),
        fc.integer({ min: -day, max: day }),
        fc.integer({ min: 0, max: 2 * day }),
        (lastsMs, skewMs, afterMs) => {
          // Skew is how far the servers are ahead: true time is ours plus it.
          if (afterMs >= lastsMs) expect(freshness(lifetime(lastsMs, skewMs), NOW_MS + afterMs)).toBe("expired");
        },
      ),
    );
  });

  it("only ever goes from fresh to renew-soon to expired", () => {
    const order: Freshness[] = ["fresh", "renew-soon", "expired"];
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90_000_000 }), fc.array(fc.nat(90_000_000)), (lastsMs, times) => {
        const seen = times.sort((a, b) => a - b).map((at) => order.indexOf(freshness(lifetime(lastsMs), NOW_MS + at)));
        expect(seen).toEqual([...seen].sort());
      }),
    );
  });
});
