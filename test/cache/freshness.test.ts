import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Freshness, freshness, lifetimeMs, phaseOf, renewalWindowMs } from "../../src/cache/freshness.ts";
import { NOW_MS } from "./samples.ts";

const S = 1000;
const MIN = 60 * S;
const lifetime = (lastsMs: number, skewMs = 0) => ({
  mintedAtMs: NOW_MS,
  skewMs,
  expiresAtMs: NOW_MS + skewMs + lastsMs,
});

/** Sessions of 15 minutes to 12 hours, made by machines whose clocks are wrong by up to ten minutes. */
const sessions = fc
  .record({
    mintedAtMs: fc.integer({ min: NOW_MS, max: NOW_MS + 1000 * 24 * 60 * MIN }),
    skewMs: fc.integer({ min: -10 * MIN, max: 10 * MIN }),
    lastsMs: fc.integer({ min: 900 * S, max: 12 * 60 * MIN }),
  })
  .map(({ mintedAtMs, skewMs, lastsMs }) => ({ mintedAtMs, skewMs, expiresAtMs: mintedAtMs + skewMs + lastsMs }));

/** How many of the values from 0 to 1 lie in each tenth. */
function tenths(values: readonly number[]): number[] {
  const counts = new Array<number>(10).fill(0);
  for (const value of values) counts[Math.floor(value * 10)] = (counts[Math.floor(value * 10)] ?? 0) + 1;
  return counts;
}

describe("the renewal window", () => {
  it("opens between half and three quarters of the lifetime, whatever the clocks say", () => {
    fc.assert(
      fc.property(sessions, (one) => {
        const part = renewalWindowMs(one) / lifetimeMs(one);
        expect(part).toBeGreaterThanOrEqual(0.25);
        expect(part).toBeLessThan(0.5);
        const bornMs = one.expiresAtMs - Math.max(0, one.skewMs) - lifetimeMs(one);
        expect(freshness(one, bornMs + lifetimeMs(one) / 2)).toBe("fresh");
        expect(freshness(one, bornMs + lifetimeMs(one) * 0.75)).not.toBe("fresh");
      }),
    );
  });

  it("is open for a botocore that asks with less than 15 minutes of an hour left", () => {
    fc.assert(
      fc.property(fc.nat(1e10), (afterMs) => {
        const one = { mintedAtMs: NOW_MS + afterMs, skewMs: 0, expiresAtMs: NOW_MS + afterMs + 60 * MIN };
        expect(freshness(one, one.expiresAtMs - 15 * MIN)).toBe("renew-soon");
      }),
    );
  });

  it("of ten thousand machines opens evenly over a quarter of the lifetime, though all were started within a minute", () => {
    const phases = Array.from({ length: 10_000 }, (_, machine) => {
      const mintedAtMs = NOW_MS + machine * 6;
      return phaseOf({ mintedAtMs, skewMs: 0, expiresAtMs: Math.floor((mintedAtMs + 60 * MIN) / S) * S });
    });
    for (const count of tenths(phases)) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });

  it("opens elsewhere for the next entry of the same machine, so that two machines do not stay together", () => {
    let [mintedAtMs, together] = [NOW_MS, 0];
    const phases: number[] = [];
    for (let hour = 0; hour < 10_000; hour++) {
      phases.push(phaseOf({ mintedAtMs, skewMs: 0, expiresAtMs: mintedAtMs + 60 * MIN }));
      if (Math.abs((phases.at(-1) ?? 0) - (phases.at(-2) ?? 9)) < 0.01) together += 1;
      mintedAtMs += 45 * MIN;
    }
    for (const count of tenths(phases)) expect(Math.abs(count - 1000)).toBeLessThan(150);
    expect(together).toBeLessThan(400);
  });

  it("is the same for every process that reads the entry, and none of what was born expired", () => {
    fc.assert(fc.property(sessions, (one) => renewalWindowMs({ ...one }) === renewalWindowMs(one)));
    expect([renewalWindowMs(lifetime(0)), renewalWindowMs(lifetime(-5 * MIN))]).toEqual([0, 0]);
  });
});

describe("freshness", () => {
  it.each([
    ["an hour, just minted", 60 * MIN, 0, 0, "fresh"],
    ["an hour, at half of it", 60 * MIN, 0, 30 * MIN - 1, "fresh"],
    ["an hour, at three quarters of it", 60 * MIN, 0, 45 * MIN, "renew-soon"],
    ["an hour, as long as a caller could still use it", 60 * MIN, 0, 60 * MIN - 5001, "renew-soon"],
    ["an hour, with five seconds left", 60 * MIN, 0, 60 * MIN - 5000, "expired"],
    ["an hour, over", 60 * MIN, 0, 60 * MIN, "expired"],
    ["900 s, just minted", 900 * S, 0, 0, "fresh"],
    ["900 s, at half of it", 900 * S, 0, 450 * S - 1, "fresh"],
    ["900 s, at three quarters of it", 900 * S, 0, 675 * S, "renew-soon"],
    ["an hour, our clock 10 min behind, just minted", 60 * MIN, 10 * MIN, 0, "fresh"],
    ["an hour, our clock 10 min behind, at three quarters of it", 60 * MIN, 10 * MIN, 45 * MIN, "renew-soon"],
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
