import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { localTime, rfc3339, spoken } from "../../src/core/time.ts";

describe("rfc3339", () => {
  it("is UTC with whole seconds and a Z, cut and never rounded up", () => {
    expect(rfc3339(Date.parse("2026-01-01T00:59:59.999Z"))).toBe("2026-01-01T00:59:59Z");
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (timeMs) => {
        expect(rfc3339(timeMs)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        expect(Date.parse(rfc3339(timeMs))).toBe(Math.floor(timeMs / 1000) * 1000);
      }),
    );
  });
});

describe("a local time", () => {
  const zone = process.env.TZ;
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it.each([
    ["UTC", "2026-01-01 00:30:00 +00:00"],
    ["Europe/Berlin", "2026-01-01 01:30:00 +01:00"],
    ["America/St_Johns", "2025-12-31 21:00:00 -03:30"],
    ["Asia/Kolkata", "2026-01-01 06:00:00 +05:30"],
  ])("in %s is %s", (name, text) => {
    process.env.TZ = name;
    expect(localTime(Date.parse("2026-01-01T00:30:00.900Z"))).toBe(text);
  });
});

describe("a spoken duration", () => {
  it.each([
    [0, "0 s"],
    [45_400, "45 s"],
    [-45_400, "45 s"],
    [119_000, "119 s"],
    [120_000, "2 min"],
    [7_199_000, "2 h"],
    [11_100_000, "3 h 5 min"],
  ])("of %i ms is %s", (durationMs, text) => expect(spoken(durationMs)).toBe(text));
});
