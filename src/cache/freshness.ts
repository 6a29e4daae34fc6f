export type Freshness = "fresh" | "renew-soon" | "expired";

const MAX_WINDOW_MS = 15 * 60_000;
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
 * The renewal window: min(15 min, a quarter of the lifetime) before expiry. botocore asks again on every request once less than
 * 15 minutes are left, so that is the longest window worth having; short sessions get a shorter one.
 */
export function renewalWindowMs({ mintedAtMs, skewMs, expiresAtMs }: Lifetime): number {
  return Math.min(MAX_WINDOW_MS, Math.max(0, expiresAtMs - (mintedAtMs + skewMs)) / 4);
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
