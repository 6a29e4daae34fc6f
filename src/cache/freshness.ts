export type Freshness = "fresh" | "renew-soon" | "expired";

/** Nothing is handed out that ends before a caller could use it. */
const USABLE_MS = 5_000;
/** A clock that was set back by more than this makes every expiry doubtful. */
const SET_BACK_MS = 60_000;

export interface Lifetime {
  readonly mintedAtMs: number;
  readonly skewMs: number;
  readonly expiresAtMs: number;
}

/**
 * The renewal window: the last half to the last quarter of the lifetime, so 30 to 15 minutes of an hour, by the entry's phase. Machines
 * that renewed together, after an outage or because cron started them all, come back apart. It never opens later than 15 minutes before
 * an hour's end: from there on botocore asks again on every request.
 */
export function renewalWindowMs(entry: Lifetime): number {
  return lifetimeMs(entry) * (0.25 + 0.25 * phaseOf(entry));
}

/** What was left when it was made: by the clock, ours or AWS's, that is ahead, so that no new entry is in its window already. */
export function lifetimeMs({ mintedAtMs, skewMs, expiresAtMs }: Lifetime): number {
  return Math.max(0, expiresAtMs - (mintedAtMs + Math.max(0, skewMs)));
}

/**
 * The entry's place among all others, from 0 up to but not including 1. It comes from the entry alone, so all processes of a machine agree
 * on it, and from the millisecond it was made in, so two machines hardly ever share it, nor one machine's entries of different hours.
 *
 * @see https://github.com/aappleby/smhasher for the constants: MurmurHash3's last step
 */
export function phaseOf({ mintedAtMs, expiresAtMs }: Lifetime): number {
  let hash = Math.imul(expiresAtMs % 2 ** 32, 0x9e3779b1) ^ (mintedAtMs % 2 ** 32);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/**
 * The verdict at `nowMs` of our own clock. A clock known to be behind is corrected, one that is ahead is not: both err towards
 * renewing, never towards serving what has expired.
 */
export function freshness(entry: Lifetime, nowMs: number): Freshness {
  if (nowMs < entry.mintedAtMs - SET_BACK_MS) return "expired";
  const leftMs = entry.expiresAtMs - (nowMs + Math.max(0, entry.skewMs));
  if (leftMs <= USABLE_MS) return "expired";
  return leftMs <= renewalWindowMs(entry) ? "renew-soon" : "fresh";
}
