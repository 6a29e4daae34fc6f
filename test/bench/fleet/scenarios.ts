import { freshness, type Lifetime, renewalWindowMs } from "../../../src/cache/freshness.ts";

const MIN = 60_000;

/** Who asks a machine's broker for credentials. */
export interface Callers {
  readonly name: string;
  /** The first time from `fromMs` on that somebody asks and does not find the entry fresh; with no entry, that somebody asks. */
  nextAskMs(fromMs: number, entry: Lifetime | undefined, offset: number): number;
}

/** A job every so often, at the same time on all machines or each at its own. */
function job(name: string, everyMs: number, together: boolean): Callers {
  return {
    name,
    nextAskMs(fromMs, entry, offset) {
      const phaseMs = together ? 0 : offset * everyMs;
      const tick = (ms: number): number => Math.ceil((ms - phaseMs) / everyMs) * everyMs + phaseMs;
      if (entry === undefined) return tick(fromMs);
      let askMs = tick(Math.max(fromMs, entry.expiresAtMs - renewalWindowMs(entry) - Math.max(0, entry.skewMs)));
      while (freshness(entry, askMs) === "fresh") askMs += everyMs;
      return askMs;
    },
  };
}

/** A service that is busy all the time, whose SDK asks again on every request once less than 15 minutes are left. */
export const SERVICE: Callers = {
  name: "a service by botocore",
  nextAskMs(fromMs, entry) {
    if (entry === undefined) return fromMs + 1000;
    let askMs = Math.max(fromMs + 1000, entry.expiresAtMs - 15 * MIN);
    while (freshness(entry, askMs) === "fresh") askMs += 1000;
    return askMs;
  },
};

export const EVERY_MINUTE = job("a job a minute", MIN, false);
export const CRON_10 = job("cron, */10", 10 * MIN, true);
export const CRON_HOURLY = job("cron, hourly", 60 * MIN, true);

/** `refresh`, every ten minutes. */
export interface Timer {
  readonly name: string;
  /** By so much of ten minutes the runs of all machines are spread, as the systemd timer does it. */
  readonly startMs: number;
  /** `--spread`: how long a run waits at most. */
  readonly spreadMs: number;
}

export const TIMER_EVERY_MS = 10 * MIN;
export const SYSTEMD: Timer = { name: "timer", startMs: 10 * MIN, spreadMs: 0 };
export const CRON_SPREAD: Timer = { name: "cron --spread 540", startMs: 0, spreadMs: 9 * MIN };

export interface Scenario {
  readonly callers: Callers;
  readonly refresh: Timer | undefined;
  readonly outageMs: number;
  /** All machines were started in the same minute. */
  readonly herd?: boolean;
  /** Its callers ask at a fixed age, so that a wave comes back as wide as it was: held to the peak alone. */
  readonly fixedAge?: boolean;
  /** Whether the goals are held to: at most 3 times the mean, nobody without credentials, no second wave. Else it shows what `refresh` is for. */
  readonly goal: boolean;
}

export const SCENARIOS: readonly Scenario[] = [
  { callers: EVERY_MINUTE, refresh: undefined, outageMs: 14 * MIN, goal: true },
  { callers: EVERY_MINUTE, refresh: undefined, outageMs: 20 * MIN, goal: false },
  { callers: SERVICE, refresh: undefined, outageMs: 10 * MIN, fixedAge: true, goal: true },
  { callers: SERVICE, refresh: undefined, outageMs: 14 * MIN, fixedAge: true, goal: false },
  { callers: CRON_HOURLY, refresh: undefined, outageMs: 20 * MIN, goal: false },
  { callers: EVERY_MINUTE, refresh: SYSTEMD, outageMs: 20 * MIN, goal: true },
  { callers: SERVICE, refresh: SYSTEMD, outageMs: 20 * MIN, goal: true },
  { callers: CRON_10, refresh: SYSTEMD, outageMs: 20 * MIN, goal: true },
  { callers: CRON_HOURLY, refresh: SYSTEMD, outageMs: 20 * MIN, goal: true },
  { callers: CRON_10, refresh: CRON_SPREAD, outageMs: 20 * MIN, goal: true },
  { callers: EVERY_MINUTE, refresh: undefined, outageMs: 14 * MIN, herd: true, goal: true },
  { callers: CRON_HOURLY, refresh: SYSTEMD, outageMs: 20 * MIN, herd: true, goal: true },
];
