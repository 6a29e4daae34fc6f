import { describe, expect, it } from "vitest";
import { figuresOf } from "./fleet/figures.ts";
import { CRON_10, CRON_HOURLY, CRON_SPREAD, EVERY_MINUTE, type Scenario, SERVICE, SYSTEMD } from "./fleet/scenarios.ts";
import { simulate } from "./fleet/simulate.ts";

const MIN = 60_000;
const HOUR = 60 * MIN;
const RUN = {
  machines: 2_000,
  settleMs: 2 * HOUR,
  lastsMs: 6 * HOUR,
  outageAtMs: 2 * HOUR + MIN,
  sessionMs: HOUR,
  quota: 12,
  seed: 7,
};

/** Small fleets come by the minute: in ten seconds chance alone makes three times the mean. */
function day(scenario: Omit<Scenario, "goal">) {
  const outcome = simulate({ ...scenario, goal: true }, RUN);
  const { peaks, mean, secondWave } = figuresOf(outcome, RUN.sessionMs);
  return { peak: peaks.get(60) ?? Number.NaN, mean, secondWave, without: outcome.without, outcome };
}

describe("a fleet of two thousand machines", () => {
  it.each([
    ["whose jobs come every minute, over 14 minutes of outage", EVERY_MINUTE, undefined, 14],
    ["of services that refreshes by timer, over 20 minutes of outage", SERVICE, SYSTEMD, 20],
    ["that refreshes by timer, over 20 minutes of outage", EVERY_MINUTE, SYSTEMD, 20],
    ["whose cron jobs all come at the same second, and that refreshes by timer", CRON_10, SYSTEMD, 20],
    ["whose hourly jobs all come at the same second, and that refreshes by timer", CRON_HOURLY, SYSTEMD, 20],
    ["whose cron starts the jobs and refresh --spread 540 in the same second", CRON_10, CRON_SPREAD, 20],
  ])(
    "%s, stays below 3 times the mean, always has credentials, and has no second wave",
    (_, callers, refresh, outageMin) => {
      const { peak, secondWave, without } = day({ callers, refresh, outageMs: outageMin * MIN });
      expect(without).toBe(0);
      expect(peak).toBeLessThanOrEqual(3);
      expect(secondWave).toBeLessThanOrEqual(2.5);
    },
  );

  it("that was started within a minute has spread after two hours", () => {
    const { peak, without } = day({ callers: EVERY_MINUTE, refresh: undefined, outageMs: 0, herd: true });
    expect([without, peak < 3]).toEqual([0, true]);
  });

  it("has machines without credentials where an outage is longer than the window and nobody refreshes", () => {
    expect(day({ callers: EVERY_MINUTE, refresh: undefined, outageMs: 20 * MIN }).without).toBeGreaterThan(0);
  });

  it("whose SDKs ask at a fixed age has a second wave no higher than three times the mean, and none without credentials", () => {
    const { peak, secondWave, without } = day({ callers: SERVICE, refresh: undefined, outageMs: 10 * MIN });
    expect(without).toBe(0);
    expect(peak).toBeLessThanOrEqual(3);
    expect(secondWave).toBeLessThanOrEqual(3);
  });

  it("is what it was with the same seed", () => {
    const [one, two] = [0, 1].map(() => {
      const { peak, mean, secondWave, without, outcome } = day({
        callers: CRON_10,
        refresh: CRON_SPREAD,
        outageMs: 20 * MIN,
      });
      return [peak, mean, secondWave, without, outcome.throttled, outcome.recoveryMs];
    });
    expect(one).toEqual(two);
  });
});
