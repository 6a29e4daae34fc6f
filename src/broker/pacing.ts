import { usableCacheDirectory } from "../cache/directory.ts";
import { BrokerError } from "../core/errors.ts";
import type { Pace, PaceOf, Turn } from "../core/pacing.ts";
import { printable } from "../core/printable.ts";
import { rfc3339, spoken } from "../core/time.ts";
import type { Host, Lock } from "../host/host.ts";
import {
  afterAnswer,
  afterRetry,
  afterThrottling,
  formatStanding,
  isRested,
  parseStanding,
  type Standing,
  standingAt,
} from "./budget.ts";

/** What is left of the deadline after a wait has to be worth it: an exchange with an identity provider and with AWS. */
const NEEDED_MS = 3_000;
/** Whoever waited starts at some moment of this time after the wait, or of half of the wait if that is shorter. */
const SPREAD_MS = 5_000;
/** A record is changed in less than a millisecond; who holds its lock for so long was stopped. */
const LOCK_MS = 250;
const MAX_BYTES = 4 * 1024;

/**
 * The pace of each server, in a small file a server below the cache directory: one read before a request, one write after a busy answer.
 * Without a usable directory each process is on its own.
 */
export function openPaces(host: Host): PaceOf {
  const directory = usableCacheDirectory(host);
  const alone = new Map<string, Standing>();
  return (endpoint) => {
    const name = host.crypto.sha256Hex(endpoint).slice(0, 32);
    const shared = directory.ok ? sharedRecord(host, directory.path, name, endpoint) : undefined;
    return paceOf(host, endpoint, shared ?? ownRecord(alone, endpoint));
  };
}

interface StandingRecord {
  read(): Standing | undefined;
  /** Runs `change` alone among all processes. Undefined from it: nothing changes. */
  change(change: (known: Standing | undefined) => Standing | undefined): Promise<void>;
}

function paceOf(host: Host, endpoint: string, record: StandingRecord): Pace {
  const { clock, log } = host;
  const who = printable(endpoint, 120);
  const standing = (known = record.read()): Standing => standingAt(clock.nowMs(), known);

  return {
    async turn({ deadlineMs, signal }: Turn) {
      for (;;) {
        const { atMs, notBeforeMs } = standing();
        const waitMs = notBeforeMs - atMs;
        if (waitMs <= 0) return;
        const spareMs = deadlineMs - clock.monotonicMs() - waitMs - NEEDED_MS;
        if (spareMs < 0 || signal?.aborted) throw askedToWait(who, waitMs, notBeforeMs);
        const delayMs = waitMs + Math.random() * Math.min(SPREAD_MS, waitMs / 2, spareMs);
        log.debug("pace", `${who} asks to be left alone for ${spoken(waitMs)}: waiting ${spoken(delayMs)}`);
        await clock.sleep(delayMs, signal);
      }
    },
    async throttled(retryAfterMs) {
      if (retryAfterMs === undefined || retryAfterMs === 0) return;
      log.debug("pace", `${who} asks all of us to wait ${spoken(retryAfterMs)}`);
      await record.change((known) => afterThrottling(standing(known), retryAfterMs));
    },
    async mayRetry() {
      let granted = false;
      await record.change((known) => {
        const after = afterRetry(standing(known));
        granted = after !== undefined;
        return after;
      });
      if (!granted) log.debug("pace", `${who}: the retries of all processes together are used up`);
      return granted;
    },
    async answered() {
      // Nearly always there is no record, and nothing to do.
      if (record.read() === undefined) return;
      await record.change((known) => (known === undefined ? undefined : afterAnswer(standing(known))));
    },
  };
}

function askedToWait(who: string, waitMs: number, notBeforeMs: number): BrokerError {
  const line = `${who} throttles, and asks to be left alone until ${rfc3339(notBeforeMs)} (${spoken(waitMs)})`;
  return new BrokerError("THROTTLED", line, {
    hint: "wait and try again: until then no process of this user asks it",
    retryAfterMs: waitMs,
  });
}

function sharedRecord(host: Host, directory: string, name: string, endpoint: string): StandingRecord {
  const { files, log, system } = host;
  const folder = `${directory}/throttling`;
  const file = `${folder}/${name}`;
  const read = (): Standing | undefined => {
    try {
      const found = files.stat(file);
      if (found === undefined || !found.isFile || found.uid !== (system.uid ?? found.uid)) return undefined;
      return parseStanding(new TextDecoder().decode(files.read(file, MAX_BYTES)), endpoint);
    } catch {
      return undefined;
    }
  };
  return {
    read,
    async change(change) {
      const lock = await lockOf(host, `${directory}/locks`, `throttling-${name}`);
      try {
        const after = change(read());
        if (after === undefined) return;
        if (isRested(after)) return files.remove(file);
        files.makePrivateDirectory(folder);
        files.writePrivate(file, new TextEncoder().encode(formatStanding(after, endpoint)));
      } catch (error) {
        log.debug("pace", `the others cannot be told (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`);
      } finally {
        lock?.release();
      }
    },
  };
}

/** Where none can be had the change is made all the same: a lost one costs a retry more. */
async function lockOf(host: Host, folder: string, name: string): Promise<Lock | undefined> {
  const endMs = host.clock.monotonicMs() + LOCK_MS;
  try {
    host.files.makePrivateDirectory(folder);
    for (;;) {
      const lock = await host.locks.tryAcquire(`${folder}/${name}`);
      if (lock !== undefined || host.clock.monotonicMs() >= endMs) return lock;
      await host.clock.sleep(1 + Math.random() * 8);
    }
  } catch {
    return undefined;
  }
}

function ownRecord(records: Map<string, Standing>, endpoint: string): StandingRecord {
  return {
    read: () => records.get(endpoint),
    async change(change) {
      const after = change(records.get(endpoint));
      if (after !== undefined) records.set(endpoint, after);
    },
  };
}
