import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isDue, placeInSpread, spreadDelayMs } from "../../src/broker/schedule.ts";
import { freshness } from "../../src/cache/freshness.ts";
import { crypto } from "../../src/host/crypto.ts";
import { entry, NOW_MS } from "../cache/samples.ts";

const MIN = 60_000;
const sha256Hex = (text: string) => crypto.sha256Hex(text);

describe("an entry is due", () => {
  it.each([
    [60, 14, false],
    [60, 25, true],
    [15, 3, false],
    [15, 7, true],
    [720, 179, false],
    [720, 289, true],
  ])("of %i minutes after %i: %s", (lastsMin, ageMin, due) => {
    expect(isDue(entry(NOW_MS, { lastsMs: lastsMin * MIN }), NOW_MS + ageMin * MIN)).toBe(due);
  });

  it("before any caller would renew it, by AWS's clock as well as by ours", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 900, max: 43_200 }),
        fc.integer({ min: -3600, max: 3600 }),
        fc.integer({ min: 0, max: 43_200 }),
        (lastsSeconds, skewSeconds, ageSeconds) => {
          const one = entry(NOW_MS, { lastsMs: lastsSeconds * 1000, skewMs: skewSeconds * 1000 });
          const nowMs = NOW_MS + ageSeconds * 1000;
          return isDue(one, nowMs) || freshness(one, nowMs) === "fresh";
        },
      ),
    );
  });

  it("so early that a run every ten minutes which waits five keeps an hour's session out of the callers' window", () => {
    const one = entry(NOW_MS);
    for (let phaseMin = 0; phaseMin < 10; phaseMin++) {
      let runMin = phaseMin;
      while (!isDue(one, NOW_MS + runMin * MIN)) runMin += 10;
      expect(freshness(one, NOW_MS + (runMin + 5) * MIN - 1)).toBe("fresh");
    }
  });
});

describe("the spread", () => {
  it("gives a machine the same place in every run, and machines, users and profiles places that are far apart", () => {
    expect(placeInSpread(["id", "web1", "1000", "key"], sha256Hex)).toBe(
      placeInSpread(["id", "web1", "1000", "key"], sha256Hex),
    );
    const places = [
      ["id", "web2", "1000", "key"],
      ["id", "web1", "1001", "key"],
      ["id", "web1", "1000", "yek"],
      ["di", "web1", "1000", "key"],
    ].map((identity) => placeInSpread(identity, sha256Hex));
    expect(new Set([...places, placeInSpread(["id", "web1", "1000", "key"], sha256Hex)]).size).toBe(5);
  });

  it("puts ten thousand machines evenly over five minutes", () => {
    const perSlot = new Array<number>(30).fill(0);
    for (let machine = 0; machine < 10_000; machine++) {
      const place = placeInSpread([`machine-${machine}`, "1000", "key"], sha256Hex);
      const slot = Math.floor(spreadDelayMs(place, 300_000, undefined) / 10_000);
      perSlot[slot] = (perSlot[slot] ?? 0) + 1;
    }
    expect(perSlot).toHaveLength(30);
    expect(Math.max(...perSlot)).toBeLessThan(1.3 * (10_000 / 30));
    expect(Math.min(...perSlot)).toBeGreaterThan(0.7 * (10_000 / 30));
  });

  it("leaves a minute of what is valid, and waits not at all where less is left", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.999_999, noNaN: true }),
        fc.integer({ min: 0, max: 3_600_000 }),
        fc.integer({ min: 0, max: 43_200_000 }),
        (place, spreadMs, leftMs) => {
          const waitMs = spreadDelayMs(place, spreadMs, leftMs);
          return waitMs >= 0 && waitMs <= spreadMs && (waitMs === 0 || waitMs <= leftMs - 60_000);
        },
      ),
    );
    expect(spreadDelayMs(0.9, 300_000, 59_000)).toBe(0);
    expect(spreadDelayMs(0.5, 300_000, 160_000)).toBe(50_000);
  });
});
