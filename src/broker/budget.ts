/**
 * What all processes of a user know in common of one busy server, and how it changes: pure, so that its arithmetic is tested by itself.
 *
 * The retry budget follows the token bucket of AWS SDKs' standard retry mode: a retry costs, an answer gives back. It is kept across
 * processes that live for a second, so it recovers with time, too.
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
 */
import { LONGEST_WAIT_MS } from "../core/retry-after.ts";

/** Retries that all processes together have at one server. First tries are free: without them nobody would learn that it is well again. */
export const RETRIES = 20;
/** With no answer at all one retry comes back in this time. */
export const RECOVERY_MS = 5_000;
/** By so much a clock may be set back without a record becoming one from the future. */
export const CLOCK_STEP_MS = 1_000;

/** At the wall clock's `atMs`. */
export interface Standing {
  readonly atMs: number;
  /** Wall clock; in the past when nothing was asked of us. At most 15 minutes after `atMs`. */
  readonly notBeforeMs: number;
  /** 0 to {@link RETRIES}; not whole, since it recovers with time. */
  readonly retries: number;
}

/** Where it stands now. A record from the future is a clock that was set back: it is forgotten, since it could last for ever. */
export function standingAt(nowMs: number, known: Standing | undefined): Standing {
  if (known === undefined || known.atMs > nowMs + CLOCK_STEP_MS)
    return { atMs: nowMs, notBeforeMs: 0, retries: RETRIES };
  const recovered = Math.max(0, nowMs - known.atMs) / RECOVERY_MS;
  return { ...known, atMs: nowMs, retries: Math.min(RETRIES, known.retries + recovered) };
}

/** The server asks to be left alone; a longer wish of before stands. */
export function afterThrottling(standing: Standing, retryAfterMs: number): Standing {
  const untilMs = standing.atMs + Math.min(LONGEST_WAIT_MS, retryAfterMs);
  return { ...standing, notBeforeMs: Math.max(standing.notBeforeMs, untilMs) };
}

/** Undefined when no whole retry is left. */
export function afterRetry(standing: Standing): Standing | undefined {
  return standing.retries < 1 ? undefined : { ...standing, retries: standing.retries - 1 };
}

export function afterAnswer(standing: Standing): Standing {
  return { ...standing, retries: Math.min(RETRIES, standing.retries + 1) };
}

/** Nothing to remember: as if the server had never been busy. */
export function isRested({ atMs, notBeforeMs, retries }: Standing): boolean {
  return retries >= RETRIES && notBeforeMs <= atMs;
}

/** A record as it was written. Undefined for whatever a disk, another version or another server's record may hold instead. */
export function parseStanding(text: string, endpoint: string): Standing | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof raw !== "object" || raw === null) return undefined;
  const { version, endpoint: of, atMs, notBeforeMs, retries } = raw as Record<string, unknown>;
  if (version !== 1 || of !== endpoint || !isTime(atMs) || !isTime(notBeforeMs)) return undefined;
  if (typeof retries !== "number" || !(retries >= 0 && retries <= RETRIES)) return undefined;
  return notBeforeMs > atMs + LONGEST_WAIT_MS ? undefined : { atMs, notBeforeMs, retries };
}

export function formatStanding(standing: Standing, endpoint: string): string {
  return JSON.stringify({ version: 1, endpoint, ...standing });
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
