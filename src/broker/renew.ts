import type { Found } from "../cache/cache.ts";
import { usableCacheDirectory } from "../cache/directory.ts";
import type { Entry } from "../cache/entry.ts";
import { freshness } from "../cache/freshness.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { spoken } from "../core/time.ts";
import type { Host, Lock } from "../host/host.ts";
import { AHEAD_RESTS, type Backoff, openBackoff } from "./backoff.ts";
import { within } from "./deadline.ts";
import type { Wanted } from "./obtain.ts";

/** Below botocore's and our users' patience, and Go's 60 s limit on a credential_process. */
const TOTAL_MS = 45_000;
/** Kept of it for telling those who started together with us what went wrong, before they give up by themselves. */
const TELLING_MS = 500;
/**
 * Of the total, what a waiter keeps for renewing by itself: the holder of a lock may be stopped (Ctrl-Z) for hours. Long enough for an
 * exchange, and so late that a slow holder is not overtaken.
 */
const OVERTAKING_MS = 15_000;
/** What a caller with valid credentials may be kept waiting for better ones. */
const EARLY_MS = 2_000;
/** Between two looks at a lock that somebody else holds; spread, so that two hundred waiters do not look together. */
const FIRST_POLL_MS = 30;
const LONGEST_POLL_MS = 400;

/**
 * The cold path. One process for each key and user renews at a time; the others wait for it, or answer from the cache while their
 * entry is valid.
 */
export async function renew<T>(host: Host, wanted: Wanted<T>, found: Found<T> | undefined): Promise<Entry<T>> {
  const { lockFile, backoff } = openShared(host, wanted, found);
  if (found?.verdict === "renew-soon") {
    const entry = await renewEarly(host, wanted, found.entry, lockFile, backoff);
    if (entry !== undefined) return entry;
    host.log.debug("renew", "the cached ones ended while we were stopped or asleep");
  }
  return renewNow(host, wanted, lockFile, backoff, isValid);
}

/**
 * Renews before a caller would have to, with the whole deadline instead of a caller's 2 s: nobody waits for it.
 *
 * @param isEnough whether what somebody else brought meanwhile makes ours unnecessary
 * @throws BrokerError what the renewal threw; while something valid is cached also what an earlier one threw, until its rest is over
 */
export async function renewAhead<T>(
  host: Host,
  wanted: Wanted<T>,
  found: Found<T> | undefined,
  isEnough: (found: Found<T>) => boolean,
  force = false,
): Promise<Entry<T>> {
  const { lockFile, backoff } = openShared(host, wanted, found);
  const failure = !force && found !== undefined && isValid(found) ? backoff.current(AHEAD_RESTS) : undefined;
  if (failure !== undefined) {
    const line = `not tried again for ${spoken(failure.untilMs - host.clock.nowMs())}: ${failure.message}`;
    throw new BrokerError(failure.code, line, { hint: failure.hint, exitCode: failure.exitCode });
  }
  return renewNow(host, wanted, lockFile, backoff, isEnough);
}

function isValid({ verdict }: Found<unknown>): boolean {
  return verdict !== "expired";
}

/** What the processes of one user share about one entry. */
function openShared<T>(
  host: Host,
  wanted: Wanted<T>,
  found: Found<T> | undefined,
): { readonly lockFile: string | undefined; readonly backoff: Backoff } {
  const directory = usableCacheDirectory(host);
  if (!directory.ok) host.log.debug("renew", `no lock and no memory of failures: ${directory.detail}`);
  const path = directory.ok ? directory.path : undefined;
  const lockFile = path === undefined || !wanted.cache.keeps ? undefined : `${path}/locks/${wanted.key}`;
  const validUntilMs = found && found.entry.expiresAtMs - Math.max(0, found.entry.skewMs);
  return { lockFile, backoff: openBackoff(host, path, wanted.key, validUntilMs, wanted.loggedInAtMs) };
}

/**
 * There is a valid entry: try to better it, at little cost to this caller and none to the others.
 * @returns undefined when it ended meanwhile, as over a suspended machine's sleep
 */
async function renewEarly<T>(
  host: Host,
  wanted: Wanted<T>,
  valid: Entry<T>,
  lockFile: string | undefined,
  backoff: Backoff,
): Promise<Entry<T> | undefined> {
  const resting = (): boolean => {
    const failure = backoff.current();
    if (failure === undefined) return false;
    const leftMs = failure.untilMs - host.clock.nowMs();
    host.log.debug("renew", `not tried again for ${spoken(leftMs)}, served from the cache`);
    return true;
  };
  if (resting()) return valid;
  const lock = await acquire(host, lockFile);
  if (lock === undefined) {
    host.log.debug("renew", "somebody else is renewing, served from the cache");
    return valid;
  }
  try {
    const again = await wanted.cache.read();
    if (again?.verdict === "fresh") return again.entry;
    // Whoever held the lock a moment ago may have failed just now.
    if (resting()) return valid;
    return await mintAndKeep(host, wanted, backoff, EARLY_MS);
  } catch (error) {
    const failure = asFailure(error);
    if (freshness(valid, host.clock.nowMs()) === "expired") return undefined;
    backoff.remember(failure);
    const leftMs = valid.expiresAtMs - host.clock.nowMs();
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
async function renewNow<T>(
  host: Host,
  wanted: Wanted<T>,
  lockFile: string | undefined,
  backoff: Backoff,
  isEnough: (found: Found<T>) => boolean,
): Promise<Entry<T>> {
  const deadlineMs = host.clock.monotonicMs() + TOTAL_MS;
  const turn = await waitForTurn(host, wanted, lockFile, backoff, deadlineMs, isEnough);
  if ("entry" in turn) return turn.entry;
  try {
    return await mintAndKeep(host, wanted, backoff, deadlineMs - TELLING_MS - host.clock.monotonicMs());
  } catch (error) {
    const overtaken = host.clock.monotonicMs() >= deadlineMs - OVERTAKING_MS ? await wanted.cache.read() : undefined;
    if (overtaken !== undefined && isEnough(overtaken)) return overtaken.entry;
    if (error instanceof BrokerError) backoff.remember(error);
    throw error;
  } finally {
    if (turn.lock !== NO_LOCK) announce(host, lockFile);
    turn.lock.release();
  }
}

/**
 * Our turn to renew, or the entry that somebody else's renewal brought meanwhile.
 *
 * Two hundred waiters must not take the processor from the one that renews, nor from the identity provider on the same machine: they
 * look less and less often, and an announcement lets them all go at once instead of one lock after the other. Where the holder gives
 * no sign for too long, one of them overtakes it, under a lock of its own.
 *
 * @throws what the renewal of somebody else threw while we waited: it was tried for all of us
 * @throws BrokerError LOCK_TIMEOUT
 */
async function waitForTurn<T>(
  host: Host,
  wanted: Wanted<T>,
  lockFile: string | undefined,
  backoff: Backoff,
  deadlineMs: number,
  isEnough: (found: Found<T>) => boolean,
): Promise<{ readonly lock: Lock } | { readonly entry: Entry<T> }> {
  const sinceMs = host.clock.nowMs();
  const outcome = async (): Promise<Entry<T> | undefined> => {
    const found = await wanted.cache.read();
    if (found !== undefined && isEnough(found)) return found.entry;
    const failed = backoff.failureSince(sinceMs);
    if (failed !== undefined) throw failed;
    return undefined;
  };
  let announced = announcedAtMs(host, lockFile);
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(LONGEST_POLL_MS, pollMs * 1.5)) {
    const late = host.clock.monotonicMs() >= deadlineMs - OVERTAKING_MS;
    const lock = (await acquire(host, lockFile)) ?? (late ? await acquire(host, `${lockFile}.late`) : undefined);
    if (lock !== undefined) {
      host.log.debug("lock", lock === NO_LOCK ? "none" : host.locks.kind());
      try {
        const entry = lockFile === undefined ? undefined : await outcome();
        if (entry === undefined) return { lock };
        lock.release();
        return { entry };
      } catch (error) {
        lock.release();
        throw error;
      }
    }
    const latest = announcedAtMs(host, lockFile);
    if (latest !== announced) {
      announced = latest;
      const entry = await outcome();
      if (entry !== undefined) return { entry };
    }
    if (host.clock.monotonicMs() >= deadlineMs) {
      const line = `another sts-broker has been renewing for ${spoken(TOTAL_MS)} and has not ended`;
      throw new BrokerError("LOCK_TIMEOUT", line, { hint: "try again; STS_BROKER_DEBUG=1 shows what it waits for" });
    }
    const leftMs = deadlineMs - host.clock.monotonicMs();
    await host.clock.sleep(Math.min(leftMs, pollMs * (0.5 + Math.random())));
  }
}

function announcement(lockFile: string): string {
  return `${lockFile}.done`;
}

function announce(host: Host, lockFile: string | undefined): void {
  try {
    if (lockFile !== undefined) host.files.writePrivate(announcement(lockFile), new Uint8Array());
  } catch {
    // They find the lock free, a little later.
  }
}

function announcedAtMs(host: Host, lockFile: string | undefined): number | undefined {
  try {
    return lockFile === undefined ? undefined : host.files.stat(announcement(lockFile))?.modifiedAtMs;
  } catch {
    return undefined;
  }
}

/**
 * Storing is outside the budget: every store has a deadline of its own, and what was minted must not be lost to a slow one.
 * @param budgetMs for the exchange, so that its retries end before the deadline
 */
async function mintAndKeep<T>(host: Host, wanted: Wanted<T>, backoff: Backoff, budgetMs: number): Promise<Entry<T>> {
  const deadlineMs = host.clock.monotonicMs() + budgetMs;
  const entry = await within(host, budgetMs, (signal, hold) => wanted.mint({ host, signal, deadlineMs, hold }));
  backoff.forget();
  const problem = await wanted.cache.write(entry);
  if (problem !== undefined)
    host.log.warn(`${wanted.codec.kind} not cached, the next call fetches them again: ${problem}`);
  return entry;
}

const NO_LOCK: Lock = { release() {} };

/** Undefined when somebody else holds it. Where no lock can be had, nobody is kept from renewing. */
async function acquire(host: Host, lockFile: string | undefined): Promise<Lock | undefined> {
  if (lockFile === undefined) return NO_LOCK;
  try {
    host.files.makePrivateDirectory(lockFile.slice(0, lockFile.lastIndexOf("/")));
    return await host.locks.tryAcquire(lockFile);
  } catch (error) {
    host.log.debug(
      "lock",
      `none to be had (${(error as NodeJS.ErrnoException).code ?? (error as Error).message}), going on without`,
    );
    return NO_LOCK;
  }
}
