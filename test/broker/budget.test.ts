import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  afterAnswer,
  afterRetry,
  afterThrottling,
  formatStanding,
  isRested,
  parseStanding,
  RECOVERY_MS,
  RETRIES,
  type Standing,
  standingAt,
} from "../../src/broker/budget.ts";
import { LONGEST_WAIT_MS } from "../../src/core/retry-after.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const rested = standingAt(NOW_MS, undefined);
const HOST = "idp.corp.example";

type Event = readonly ["throttled", number] | readonly ["retry"] | readonly ["answer"] | readonly ["time", number];
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.tuple(fc.constant("throttled" as const), fc.integer({ min: 0, max: 10 ** 9 })),
  fc.constant(["retry"] as const),
  fc.constant(["answer"] as const),
  fc.tuple(fc.constant("time" as const), fc.integer({ min: 0, max: 120_000 })),
);

/** What a run of events makes of a server nobody knows, and how many retries were granted in it. */
function run(events: readonly Event[]): { standing: Standing; granted: number; answers: number; tookMs: number } {
  let standing = rested;
  let [granted, answers, nowMs] = [0, 0, NOW_MS];
  for (const [what, value = 0] of events) {
    if (what === "time") nowMs += value;
    standing = standingAt(nowMs, standing);
    if (what === "throttled") standing = afterThrottling(standing, value);
    if (what === "answer") {
      standing = afterAnswer(standing);
      answers += 1;
    }
    const retried = what === "retry" ? afterRetry(standing) : undefined;
    if (retried !== undefined) {
      standing = retried;
      granted += 1;
    }
  }
  return { standing, granted, answers, tookMs: nowMs - NOW_MS };
}

describe("the retries of all processes together", () => {
  it("are twenty when the server never answers, and then one in five seconds", () => {
    const retries = Array.from({ length: 100 }, () => ["retry"] as const);
    expect(run(retries).granted).toBe(RETRIES);
    expect(run([...retries, ["time", RECOVERY_MS - 1], ...retries]).granted).toBe(RETRIES);
    expect(run([...retries, ["time", RECOVERY_MS], ...retries]).granted).toBe(RETRIES + 1);
  });

  it("are never more than what was there, came back with time, and was given back by answers", () => {
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const { standing, granted, answers, tookMs } = run(events);
        expect(granted).toBeLessThanOrEqual(RETRIES + answers + tookMs / RECOVERY_MS);
        expect(standing.retries).toBeGreaterThanOrEqual(0);
        expect(standing.retries).toBeLessThanOrEqual(RETRIES);
      }),
    );
  });
});

describe("the wait that a server asks for", () => {
  it("stands until it is over, whatever else happens, and never longer than a quarter of an hour", () => {
    fc.assert(
      fc.property(fc.array(event), fc.integer({ min: 0, max: 10 ** 9 }), (events, askedMs) => {
        const before = run(events).standing;
        const { notBeforeMs } = afterThrottling(before, askedMs);
        expect(notBeforeMs).toBeGreaterThanOrEqual(before.notBeforeMs);
        expect(notBeforeMs).toBeGreaterThanOrEqual(before.atMs + Math.min(askedMs, LONGEST_WAIT_MS));
        expect(notBeforeMs - before.atMs).toBeLessThanOrEqual(LONGEST_WAIT_MS);
        expect(afterAnswer(afterThrottling(before, askedMs)).notBeforeMs).toBe(notBeforeMs);
      }),
    );
  });

  it("is forgotten when the clock was set back: it could last for ever", () => {
    const busy = afterThrottling(rested, 60_000);
    expect(standingAt(NOW_MS - 600_000, busy)).toEqual(standingAt(NOW_MS - 600_000, undefined));
    expect(standingAt(NOW_MS - 500, busy).notBeforeMs).toBe(busy.notBeforeMs);
  });

  it("leaves nothing to remember once it is over and the budget is whole", () => {
    const busy = afterThrottling(rested, 60_000);
    expect(isRested(busy)).toBe(false);
    expect(isRested(standingAt(NOW_MS + 60_000, busy))).toBe(true);
    const spent = afterRetry(rested);
    expect(spent !== undefined && isRested(spent)).toBe(false);
  });
});

describe("a record", () => {
  it("is read as it was written", () => {
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const { standing } = run(events);
        expect(parseStanding(formatStanding(standing, HOST), HOST)).toEqual(standing);
      }),
    );
  });

  const good = JSON.parse(formatStanding(rested, HOST)) as Record<string, unknown>;
  it.each([
    ["nothing", ""],
    ["half of it", formatStanding(rested, HOST).slice(0, 30)],
    ["null", "null"],
    ["a list", "[]"],
    ["another version", JSON.stringify({ ...good, version: 2 })],
    ["another server's", JSON.stringify({ ...good, endpoint: "sts.amazonaws.com" })],
    ["a wait longer than any we write", JSON.stringify({ ...good, notBeforeMs: NOW_MS + LONGEST_WAIT_MS + 1 })],
    ["more retries than there are", JSON.stringify({ ...good, retries: RETRIES + 1 })],
    ["a debt", JSON.stringify({ ...good, retries: -1 })],
    ["a time that is none", JSON.stringify({ ...good, atMs: "now" })],
    ["no time", JSON.stringify({ ...good, notBeforeMs: undefined })],
  ])("that holds %s is none", (_, text) => {
    expect(parseStanding(text, HOST)).toBeUndefined();
  });

  it("of any content is one within bounds, or none", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(parseStanding(text, HOST)).toBeUndefined();
      }),
    );
  });
});
