import type { Found } from "../cache/cache.ts";
import { usableCacheDirectory } from "../cache/directory.ts";
import type { Entry } from "../cache/entry.ts";
import { freshness } from "../cache/freshness.ts";
import { BrokerError } from "../core/errors.ts";
import { posixQuote } from "../core/posix-quote.ts";
import { printable } from "../core/printable.ts";
import { spoken } from "../core/time.ts";
import type { Host } from "../host/host.ts";
import { type Backoff, openBackoff } from "./backoff.ts";
import { patienceFor, within } from "./deadline.ts";
import type { Wanted } from "./obtain.ts";
import { endTurn, OVERTAKING_MS, TOTAL_MS, turnAtOnce, waitForTurn } from "./turn.ts";

/** Kept of the total for telling those who started together with us what went wrong, before they give up by themselves. */
const TELLING_MS = 500;
/** What a caller with valid credentials may be kept waiting for better ones. */
const EARLY_MS = 2_000;

/** What a renewal brought, and the store that keeps it. */
export interface Renewed<T> {
  readonly entry: Entry<T>;
  /** Undefined: none. */
  readonly store: string | undefined;
  /** Why none does, one line. */
  readonly problem: string | undefined;
}

/** One entry, and what the processes of one user share about it. */
interface Renewal<T> {
  readonly host: Host;
  readonly wanted: Wanted<T>;
  /** What is still valid. */
  readonly valid: Entry<T> | undefined;
  /** Undefined where nothing is shared. */
  readonly lockFile: string | undefined;
  readonly backoff: Backoff;
}

/**
 * The cold path. One process for each key and user renews at a time; the others wait for it, or answer from the cache while their
 * entry is valid.
 */
export async function renew<T>(host: Host, wanted: Wanted<T>, found: Found<T> | undefined): Promise<Entry<T>> {
  const renewal = openRenewal(host, wanted, found);
  if (found?.verdict === "renew-soon") {
    const entry = await renewEarly(renewal, found.entry);
    if (entry !== undefined) return entry;
    host.log.debug("renew", "the cached ones ended while we were stopped or asleep");
  }
  return (await renewNow(renewal, isValid)).entry;
}

/**
 * Renews before a caller would have to, with the whole deadline instead of a caller's 2 s: nobody waits for it.
 *
 * @param isEnough whether what somebody else brought meanwhile makes ours unnecessary
 * @throws BrokerError STORE_UNUSABLE where no store would take it, before anybody is asked; what the renewal threw; while something valid
 *   is cached also what an earlier one threw, until its rest is over
 */
export async function renewAhead<T>(
  host: Host,
  wanted: Wanted<T>,
  found: Found<T> | undefined,
  isEnough: (found: Found<T>) => boolean,
  force = false,
): Promise<Renewed<T>> {
  const renewal = openRenewal(host, wanted, found);
  await checkStores(wanted);
  const failure = force || renewal.valid === undefined ? undefined : renewal.backoff.currentAhead(TOTAL_MS);
  if (failure !== undefined) {
    const line = `not tried again for ${spoken(failure.untilMs - host.clock.nowMs())}: ${failure.message}`;
    const anyway = `${forceCommand(wanted.profile)} tries it now`;
    const hint = failure.hint === undefined ? anyway : `${failure.hint}; ${anyway}`;
    throw new BrokerError(failure.code, line, { hint, exitCode: failure.exitCode });
  }
  return renewNow(renewal, isEnough);
}

function forceCommand(profile: string): string {
  return `sts-broker refresh --force ${profile.startsWith("-") ? "-- " : ""}${posixQuote(profile)}`;
}

function isValid({ verdict }: Found<unknown>): boolean {
  return verdict !== "expired";
}

function openRenewal<T>(host: Host, wanted: Wanted<T>, found: Found<T> | undefined): Renewal<T> {
  const directory = usableCacheDirectory(host);
  if (!directory.ok) host.log.debug("renew", `no lock and no memory of failures: ${directory.detail}`);
  const path = directory.ok ? directory.path : undefined;
  const lockFile = path === undefined || !wanted.cache.keeps ? undefined : `${path}/locks/${wanted.key}`;
  const valid = found !== undefined && isValid(found) ? found.entry : undefined;
  const backoff = openBackoff(host, path, wanted.key, found && endsAtMs(found.entry), wanted.loggedInAtMs);
  return { host, wanted, valid, lockFile, backoff };
}

/** By our clock: one that is behind must not make it last longer. */
function endsAtMs({ expiresAtMs, skewMs }: Entry<unknown>): number {
  return expiresAtMs - Math.max(0, skewMs);
}

/** What could not be kept would be fetched by every caller anew, while there is something that serves them all. @throws STORE_UNUSABLE */
async function checkStores({ cache, codec }: Wanted<unknown>): Promise<void> {
  const problem = await cache.check();
  if (problem !== undefined)
    throw new BrokerError("STORE_UNUSABLE", `new ${codec.kind} could not be kept, so none were fetched: ${problem}`);
}

/**
 * There is a valid entry: try to better it, at little cost to this caller and none to the others.
 * @returns undefined when it ended meanwhile, as over a suspended machine's sleep
 */
async function renewEarly<T>(renewal: Renewal<T>, valid: Entry<T>): Promise<Entry<T> | undefined> {
  const { host, wanted, lockFile, backoff } = renewal;
  const resting = (): boolean => {
    const failure = backoff.current();
    if (failure === undefined) return false;
    const leftMs = failure.untilMs - host.clock.nowMs();
    host.log.debug("renew", `not tried again for ${spoken(leftMs)}, served from the cache`);
    return true;
  };
  if (resting()) return valid;
  const lock = await turnAtOnce(host, lockFile);
  if (lock === undefined) {
    host.log.debug("renew", "somebody else is renewing, served from the cache");
    return valid;
  }
  try {
    const again = await wanted.cache.read();
    if (again?.verdict === "fresh") return again.entry;
    // Whoever held the lock a moment ago may have failed just now.
    if (resting()) return valid;
    await checkStores(wanted);
    return (await mintAndKeep(renewal, EARLY_MS)).entry;
  } catch (error) {
    const failure = asFailure(error);
    if (freshness(valid, host.clock.nowMs()) === "expired") return undefined;
    backoff.remember(failure, EARLY_MS);
    const leftMs = Math.max(0, endsAtMs(valid) - host.clock.nowMs());
    host.log.warn(
      `${wanted.codec.kind} not renewed, the cached ones are valid for ${spoken(leftMs)} more: ${failure.message}`,
    );
    return valid;
  } finally {
    lock.release();
  }
}

/** Even a bug of ours must not take valid credentials from a caller. */
export function asFailure(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return new BrokerError("UNEXPECTED", `unexpected error, this is a bug: ${printable(`${name}: ${message}`)}`, {
    cause: error,
  });
}

/** Wait for whoever renews, or do it, within the total deadline: nothing valid is left, or nobody waits for us. */
async function renewNow<T>(renewal: Renewal<T>, isEnough: (found: Found<T>) => boolean): Promise<Renewed<T>> {
  const { host, wanted, lockFile, backoff } = renewal;
  const deadlineMs = host.clock.monotonicMs() + TOTAL_MS;
  const sinceMs = host.clock.nowMs();
  const leftMs = (): number => deadlineMs - TELLING_MS - host.clock.monotonicMs();
  const brought = async (): Promise<Renewed<T> | undefined> => {
    const found = await wanted.cache.read(patienceFor(leftMs()));
    return found !== undefined && isEnough(found) ? { ...found, problem: undefined } : undefined;
  };
  const turn = await waitForTurn(host, lockFile, deadlineMs, async () => {
    const renewed = await brought();
    const failed = renewed === undefined ? backoff.failureSince(sinceMs, leftMs()) : undefined;
    if (failed !== undefined) throw failed;
    return renewed;
  });
  if ("brought" in turn) return turn.brought;
  const budgetMs = leftMs();
  try {
    return await mintAndKeep(renewal, budgetMs);
  } catch (error) {
    const overtaken = host.clock.monotonicMs() >= deadlineMs - OVERTAKING_MS ? await brought() : undefined;
    if (overtaken !== undefined) return overtaken;
    if (error instanceof BrokerError) backoff.remember(error, budgetMs);
    throw error;
  } finally {
    endTurn(host, lockFile, turn.lock);
  }
}

/**
 * Storing is outside the budget: every store has a deadline of its own, and what was minted must not be lost to a slow one.
 * @param budgetMs for the exchange, so that its retries end before the deadline
 */
async function mintAndKeep<T>(renewal: Renewal<T>, budgetMs: number): Promise<Renewed<T>> {
  const { host, wanted, valid, backoff } = renewal;
  const startedAtMs = host.clock.nowMs();
  const deadlineMs = host.clock.monotonicMs() + budgetMs;
  const entry = await within(host, budgetMs, (signal, hold) => wanted.mint({ host, signal, deadlineMs, hold }));
  const overtaker = await wanted.cache.read();
  if (overtaker !== undefined && isValid(overtaker) && isBetter(overtaker.entry, entry, startedAtMs)) {
    host.log.debug("renew", "somebody who overtook us keeps one that lasts longer");
    return { entry, store: overtaker.store, problem: undefined };
  }
  const { store, problem } = await wanted.cache.write(entry);
  if (problem !== undefined)
    host.log.warn(`${wanted.codec.kind} not cached, the next call fetches them again: ${problem}`);
  // With something valid the next caller need not try the same in vain.
  if (problem !== undefined && valid !== undefined) backoff.remember(notKept(wanted.codec.kind, problem), budgetMs);
  else backoff.forget();
  return { entry, store, problem };
}

/** Made while we were at it, and lasting longer. One from before does not count: sessions may have been made shorter since. */
function isBetter(there: Entry<unknown>, ours: Entry<unknown>, startedAtMs: number): boolean {
  return there.mintedAtMs >= startedAtMs && there.expiresAtMs > ours.expiresAtMs;
}

export function notKept(kind: string, problem: string): BrokerError {
  return new BrokerError("STORE_UNUSABLE", `new ${kind} were fetched, and no store took them: ${problem}`);
}
