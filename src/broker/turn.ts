import { BrokerError } from "../core/errors.ts";
import { spoken } from "../core/time.ts";
import type { Host, Lock } from "../host/host.ts";

/** Below botocore's and our users' patience, and Go's 60 s limit on a credential_process. */
export const TOTAL_MS = 45_000;
/**
 * Of the total, what a waiter keeps for renewing by itself: the holder of a lock may be stopped (Ctrl-Z) for hours. Long enough for an
 * exchange, and so late that a slow holder is not overtaken.
 */
export const OVERTAKING_MS = 15_000;
/** Within it, those who go on without a lock do so one after the other, so that the first one's result spares the others theirs. */
const UNLOCKED_SPREAD_MS = 5_000;
/** Who has held a lock for longer is stopped: no renewal takes that long, storing included. */
const STOPPED_MS = 60_000;
/** Between two looks at a lock that somebody else holds; spread, so that two hundred waiters do not look together. */
const FIRST_POLL_MS = 30;
const LONGEST_POLL_MS = 400;

/** Where none can be had: nobody waits for us, and nothing of ours is written beside it. */
const NO_LOCK: Lock = { release() {} };
/** Where somebody else has it for good. */
const UNLOCKED: Lock = { release() {} };

/**
 * The turn of a caller who need not wait: the lock if it is free, or the one for overtaking where its holder is stopped.
 *
 * @param lockFile undefined: there is nothing to share, and nobody to wait for
 * @returns undefined when somebody else is renewing
 */
export async function turnAtOnce(host: Host, lockFile: string | undefined): Promise<Lock | undefined> {
  const lock = await acquire(host, lockFile);
  if (lock !== undefined || lockFile === undefined) return lock;
  const holder = holderOf(host, lockFile);
  if (holder === undefined || host.clock.nowMs() - holder.atMs <= STOPPED_MS) return undefined;
  host.log.debug("lock", `process ${holder.pid} has held it for too long`);
  return acquire(host, lateLock(lockFile));
}

/**
 * Our turn to renew, or what somebody else's renewal brought meanwhile.
 *
 * Two hundred waiters must not take the processor from the one that renews, nor from the identity provider on the same machine: they
 * look less and less often, and an announcement lets them all go at once instead of one lock after the other. Where the holder gives
 * no sign for too long, one of them overtakes it, under a lock of its own; or without one, where anybody on the machine could hold that
 * name as well: an exchange too many is better than none.
 *
 * @param deadlineMs on `host.clock.monotonicMs()`
 * @param outcome what was brought meanwhile; it throws what the renewal of somebody else threw, since that was tried for all of us
 * @throws BrokerError LOCK_TIMEOUT
 */
export async function waitForTurn<E>(
  host: Host,
  lockFile: string | undefined,
  deadlineMs: number,
  outcome: () => Promise<E | undefined>,
): Promise<{ readonly lock: Lock } | { readonly brought: E }> {
  const overtakingMs = deadlineMs - OVERTAKING_MS;
  const unlockedMs = overtakingMs + Math.random() * UNLOCKED_SPREAD_MS;
  let announced = announcedAtMs(host, lockFile);
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(LONGEST_POLL_MS, pollMs * 1.5)) {
    const nowMs = host.clock.monotonicMs();
    let lock = await acquire(host, lockFile);
    const withoutLock = nowMs >= unlockedMs && isOpenToOthers(host);
    if (lock === undefined && nowMs >= overtakingMs) lock = await acquire(host, lateLock(lockFile));
    if (lock === undefined && withoutLock) lock = UNLOCKED;
    if (lock !== undefined) {
      host.log.debug("lock", lock === NO_LOCK || lock === UNLOCKED ? "none" : host.locks.kind());
      try {
        const brought = lockFile === undefined ? undefined : await outcome();
        if (brought === undefined) return { lock };
        lock.release();
        return { brought };
      } catch (error) {
        lock.release();
        throw error;
      }
    }
    const latest = announcedAtMs(host, lockFile);
    if (latest !== announced) {
      announced = latest;
      const brought = await outcome();
      if (brought !== undefined) return { brought };
    }
    if (host.clock.monotonicMs() >= deadlineMs) throw stillHeld(holderOf(host, lockFile));
    const leftMs = deadlineMs - host.clock.monotonicMs();
    await host.clock.sleep(Math.min(leftMs, pollMs * (0.5 + Math.random())));
  }
}

/** Gives the turn back, and tells those who wait that there is something to be looked at. */
export function endTurn(host: Host, lockFile: string | undefined, lock: Lock): void {
  if (lock !== NO_LOCK) announce(host, lockFile);
  lock.release();
}

function announce(host: Host, lockFile: string | undefined): void {
  try {
    if (lockFile !== undefined) host.files.writePrivate(announcement(lockFile), new Uint8Array());
  } catch {
    // They find the lock free, a little later.
  }
}

function announcement(lockFile: string): string {
  return `${lockFile}.done`;
}

function announcedAtMs(host: Host, lockFile: string | undefined): number | undefined {
  try {
    return lockFile === undefined ? undefined : host.files.stat(announcement(lockFile))?.modifiedAtMs;
  } catch {
    return undefined;
  }
}

function lateLock(lockFile: string | undefined): string | undefined {
  return lockFile === undefined ? undefined : `${lockFile}.late`;
}

/** A name in the abstract socket namespace is anybody's to take. */
function isOpenToOthers({ locks }: Host): boolean {
  return locks.kind().startsWith("abstract socket");
}

function stillHeld(holder: Holder | undefined): BrokerError {
  const who = holder === undefined ? "another sts-broker" : `another sts-broker (process ${holder.pid})`;
  return new BrokerError("LOCK_TIMEOUT", `${who} has been renewing for ${spoken(TOTAL_MS)} and has not ended`, {
    hint:
      holder === undefined
        ? "try again; STS_BROKER_DEBUG=1 shows what it waits for"
        : `try again; if it is stopped (ps -o stat,args -p ${holder.pid}): kill -CONT ${holder.pid}`,
  });
}

/** Undefined when somebody else holds it. Where no lock can be had, nobody is kept from renewing. */
async function acquire(host: Host, lockFile: string | undefined): Promise<Lock | undefined> {
  if (lockFile === undefined) return NO_LOCK;
  try {
    host.files.makePrivateDirectory(lockFile.slice(0, lockFile.lastIndexOf("/")));
    const lock = await host.locks.tryAcquire(lockFile);
    return lock === undefined ? undefined : withNote(host, lockFile, lock);
  } catch (error) {
    host.log.debug(
      "lock",
      `none to be had (${(error as NodeJS.ErrnoException).code ?? (error as Error).message}), going on without`,
    );
    return NO_LOCK;
  }
}

/** Who holds a lock, and since when by the wall clock. */
interface Holder {
  readonly pid: number;
  readonly atMs: number;
}

/** The note goes with the lock: who finds a lock taken and no note meets somebody who has just got it. */
function withNote(host: Host, lockFile: string, lock: Lock): Lock {
  const note = `${lockFile}.holder`;
  const holder: Holder = { pid: host.system.pid, atMs: host.clock.nowMs() };
  try {
    host.files.writePrivate(note, new TextEncoder().encode(JSON.stringify(holder)));
  } catch {
    // Then nobody knows how long we have had it.
  }
  return {
    release() {
      try {
        host.files.remove(note);
      } catch {
        // The next holder replaces it.
      }
      lock.release();
    },
  };
}

function holderOf(host: Host, lockFile: string | undefined): Holder | undefined {
  try {
    const bytes = host.files.read(`${lockFile}.holder`, 1024);
    const { pid, atMs } = JSON.parse(new TextDecoder().decode(bytes)) as Partial<Holder>;
    return Number.isInteger(pid) && Number.isFinite(atMs) ? { pid: Number(pid), atMs: Number(atMs) } : undefined;
  } catch {
    return undefined;
  }
}
