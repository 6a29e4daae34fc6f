import { type Lifetime, lifetimeMs, phaseOf } from "../cache/freshness.ts";

/** Kept of a valid entry for the renewal itself, which may take its whole deadline of 45 s. */
const RENEWAL_MS = 60_000;

/**
 * Whether `refresh` renews an entry at `nowMs`: from a quarter to two fifths of its lifetime on, by its phase. An hour's session is due
 * after 15 to 24 minutes, and 15 minutes or more before a caller finds it in the renewal window, which has the same phase. Renewed by a run
 * every ten minutes it has half an hour left, and after two runs more that failed ten minutes: so an outage may last 20 minutes.
 */
export function isDue(entry: Lifetime, nowMs: number): boolean {
  const leftMs = entry.expiresAtMs - (nowMs + Math.max(0, entry.skewMs));
  return leftMs <= lifetimeMs(entry) * (0.6 + 0.15 * phaseOf(entry));
}

/**
 * This machine's place among all of them, from 0 up to but not including 1: the same in every run, so that two runs are never further
 * apart than they were meant to be, and evenly spread over machines, users and profiles.
 *
 * @param identity what tells this machine, user and profile from others
 */
export function placeInSpread(identity: readonly string[], sha256Hex: (text: string) => string): number {
  return Number.parseInt(sha256Hex(JSON.stringify(identity)).slice(0, 12), 16) / 16 ** 12;
}

/**
 * How long to wait before a renewal, in milliseconds. Never into the end of what is valid: the spread shrinks to the time that is left.
 *
 * @param leftMs of the valid entry; undefined when there is none, and whoever needs one fetches it without us
 */
export function spreadDelayMs(place: number, spreadMs: number, leftMs: number | undefined): number {
  return place * Math.max(0, Math.min(spreadMs, leftMs === undefined ? spreadMs : leftMs - RENEWAL_MS));
}
