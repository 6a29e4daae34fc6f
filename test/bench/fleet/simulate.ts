import { AHEAD_RESTS, restMs } from "../../../src/broker/backoff.ts";
import { isDue, spreadDelayMs } from "../../../src/broker/schedule.ts";
import { freshness, type Lifetime } from "../../../src/cache/freshness.ts";
import { decide } from "../../../src/exchange/retry.ts";
import { type Arrivals, countArrivals } from "./arrivals.ts";
import { openQueue } from "./queue.ts";
import { seeded } from "./random.ts";
import { type Scenario, TIMER_EVERY_MS } from "./scenarios.ts";

const S = 1000;
const HOUR = 3_600 * S;
/** What a caller with valid credentials gives a renewal, and what one without does. */
const EARLY_MS = 2 * S;
const TOTAL_MS = 45 * S;
const IDP_MS = 300;
const STS_MS = 200;
const THROTTLED = { kind: "refusal", code: "Throttling", message: "Rate exceeded", status: 400 } as const;

export interface Run {
  readonly machines: number;
  /** What is measured, after the hours in which the fleet settles. */
  readonly settleMs: number;
  readonly lastsMs: number;
  /** From the start of what is measured. */
  readonly outageAtMs: number;
  readonly sessionMs: number;
  /** What AWS STS answers in a second; beyond it: Throttling. */
  readonly quota: number;
  readonly seed: number;
}

export interface Outcome {
  /** At the identity provider, while it answers and while it does not. */
  readonly idp: Arrivals;
  readonly fromMs: number;
  readonly toMs: number;
  readonly outageMs: readonly [number, number];
  readonly throttled: number;
  /** Machines on which somebody asked and got an error. */
  readonly without: number;
  /** From the end of the outage until the last machine that had failed had renewed. */
  readonly recoveryMs: number;
}

const KINDS = 4;
const [ASK, TIMER, RUN, STS] = [0, 1, 2, 3] as const;

/** A renewal under way. */
interface Attempt {
  readonly deadlineMs: number;
  readonly asked: boolean;
  failed: number;
}

/** A fleet's day, event by event: when to renew, when to rest and when to try again are decided by the program's own functions. */
export function simulate(scenario: Scenario, run: Run): Outcome {
  const { machines, settleMs, sessionMs, quota } = run;
  const toMs = settleMs + run.lastsMs;
  const outageMs = [settleMs + run.outageAtMs, settleMs + run.outageAtMs + scenario.outageMs] as const;
  const random = seeded(run.seed);
  const queue = openQueue();
  const idp = countArrivals(toMs + TOTAL_MS);
  const sts = countArrivals(toMs + TOTAL_MS);

  // A wall clock's numbers, since the entry's phase comes from them.
  const epochMs = Date.UTC(2026, 0, 1);
  const entries: (Lifetime | undefined)[] = [];
  const attempts: (Attempt | undefined)[] = new Array(machines).fill(undefined);
  const restsUntilMs = new Float64Array(machines);
  const failedAtMs = new Float64Array(machines);
  const hasFailed = new Uint8Array(machines);
  const everWithout = new Uint8Array(machines);
  const asksAt = Float64Array.from({ length: machines }, random);
  const place = Float64Array.from({ length: machines }, random);
  let failing = 0;
  let recoveredMs = outageMs[1];
  let throttled = 0;

  const push = (atMs: number, machine: number, kind: number): void => queue.push(atMs, machine * KINDS + kind);
  const entryFrom = (nowMs: number): Lifetime => ({
    mintedAtMs: epochMs + Math.round(nowMs),
    skewMs: 0,
    // As AWS states it, in whole seconds.
    expiresAtMs: Math.floor((epochMs + nowMs + sessionMs) / S) * S,
  });
  const leftMs = (machine: number, nowMs: number): number => (entries[machine]?.expiresAtMs ?? 0) - epochMs - nowMs;
  const isExpired = (machine: number, nowMs: number): boolean => {
    const entry = entries[machine];
    return entry === undefined || freshness(entry, epochMs + nowMs) === "expired";
  };

  const askNext = (machine: number, fromMs: number): void => {
    const entry = entries[machine];
    const valid = entry !== undefined && freshness(entry, epochMs + fromMs) !== "expired" ? entry : undefined;
    const earliestMs = valid === undefined ? fromMs : Math.max(fromMs, restsUntilMs[machine] ?? 0);
    const nextMs = scenario.callers.nextAskMs(epochMs + earliestMs, entry, asksAt[machine] ?? 0) - epochMs;
    push(nextMs, machine, ASK);
  };
  const waitsMs = (machine: number, nowMs: number): number =>
    spreadDelayMs(
      place[machine] ?? 0,
      scenario.refresh?.spreadMs ?? 0,
      isExpired(machine, nowMs) ? undefined : leftMs(machine, nowMs),
    );
  /** The next run that finds the entry due when its wait is over, or missing. */
  const timerNext = (machine: number, fromMs: number): void => {
    if (scenario.refresh === undefined) return;
    const startMs = (place[machine] ?? 0) * scenario.refresh.startMs;
    let nextMs = Math.ceil((fromMs - startMs) / TIMER_EVERY_MS) * TIMER_EVERY_MS + startMs;
    const entry = entries[machine];
    while (entry !== undefined && !isDue(entry, epochMs + nextMs + waitsMs(machine, nextMs))) nextMs += TIMER_EVERY_MS;
    push(nextMs, machine, TIMER);
  };

  const fail = (machine: number, nowMs: number, asked: boolean): void => {
    attempts[machine] = undefined;
    failedAtMs[machine] = nowMs;
    if (isExpired(machine, nowMs)) {
      if (asked && nowMs >= settleMs) everWithout[machine] = 1;
      restsUntilMs[machine] = nowMs + restMs(undefined, random());
    } else restsUntilMs[machine] = nowMs + restMs(leftMs(machine, nowMs), random());
    if (hasFailed[machine] === 0) {
      hasFailed[machine] = 1;
      failing += 1;
    }
  };
  const succeed = (machine: number, nowMs: number): void => {
    attempts[machine] = undefined;
    entries[machine] = entryFrom(nowMs);
    restsUntilMs[machine] = 0;
    if (hasFailed[machine] === 0) return;
    hasFailed[machine] = 0;
    failing -= 1;
    if (failing === 0 && nowMs < outageMs[1] + 2 * HOUR) recoveredMs = Math.max(recoveredMs, nowMs);
  };
  const begin = (machine: number, nowMs: number, budgetMs: number, asked: boolean): void => {
    idp.add(nowMs);
    if (nowMs >= outageMs[0] && nowMs < outageMs[1]) return fail(machine, nowMs, asked);
    attempts[machine] = { deadlineMs: nowMs + budgetMs, asked, failed: 0 };
    push(nowMs + IDP_MS, machine, STS);
  };

  const happen = (kind: number, machine: number, nowMs: number): void => {
    const entry = entries[machine];
    if (kind === ASK) {
      const verdict = entry === undefined ? "expired" : freshness(entry, epochMs + nowMs);
      const rests = verdict === "renew-soon" && nowMs < (restsUntilMs[machine] ?? 0);
      if (attempts[machine] === undefined && verdict !== "fresh" && !rests)
        begin(machine, nowMs, verdict === "renew-soon" ? EARLY_MS : TOTAL_MS, true);
      else if (verdict === "expired" && attempts[machine] !== undefined)
        attempts[machine] = { ...(attempts[machine] as Attempt), asked: true };
      askNext(machine, nowMs + 1);
    } else if (kind === TIMER) {
      // Somebody else may have renewed it since this run was foreseen.
      const waitMs = waitsMs(machine, nowMs);
      if (entry === undefined || isDue(entry, epochMs + nowMs + waitMs)) push(nowMs + waitMs, machine, RUN);
      timerNext(machine, nowMs + 1);
    } else if (kind === RUN) {
      const [failedMs = 0, untilMs = 0] = [failedAtMs[machine], restsUntilMs[machine]];
      const rests = !isExpired(machine, nowMs) && nowMs < failedMs + AHEAD_RESTS * (untilMs - failedMs);
      if (attempts[machine] === undefined && !rests && (entry === undefined || isDue(entry, epochMs + nowMs)))
        begin(machine, nowMs, TOTAL_MS, false);
    } else {
      const attempt = attempts[machine] as Attempt;
      const isThrottled = sts.thisSecond(nowMs) >= quota;
      if (!isThrottled) {
        sts.add(nowMs);
        return succeed(machine, nowMs + STS_MS);
      }
      if (nowMs >= settleMs) throttled += 1;
      attempt.failed += 1;
      const decision = decide(THROTTLED, attempt.failed, random());
      if (!decision.again || nowMs + decision.delayMs > attempt.deadlineMs) fail(machine, nowMs, attempt.asked);
      else push(nowMs + decision.delayMs, machine, STS);
    }
  };

  for (let machine = 0; machine < machines; machine++) {
    entries.push(entryFrom(scenario.herd ? random() * 60 * S - 60 * S : -random() * 0.75 * sessionMs));
    askNext(machine, 0);
    timerNext(machine, 0);
  }
  for (let next = queue.pop(); next !== undefined && next.atMs < toMs; next = queue.pop())
    happen(next.event % KINDS, Math.floor(next.event / KINDS), next.atMs);

  const without = everWithout.reduce((sum, one) => sum + one, 0);
  return { idp, fromMs: settleMs, toMs, outageMs, throttled, without, recoveryMs: recoveredMs - outageMs[1] };
}
