import { BrokerError, type ErrorCode } from "../core/errors.ts";
import type { Host } from "../host/host.ts";
import { CLOCK_STEP_MS } from "./budget.ts";

/** Part of the rest that is enough for who renews ahead of time: spread over the machines, where callers may come all together. */
export const AHEAD_RESTS = 0.5;
const SHORTEST_REST_MS = 30_000;
const COUNTED_MS = 60 * 60_000;

/** Nobody but this machine was asked, so that a look costs little; yet the program that hands out a secret may be slow. */
const ASKED_NOBODY: readonly ErrorCode[] = ["SECRET_UNAVAILABLE", "SECRET_EXPOSED", "ADDON_MISSING", "COMMAND_FAILED"];
/** Mended by a person on this machine, who then wants to see whether it works now: who renews ahead of time tries each time. */
const MENDED_HERE: readonly ErrorCode[] = [
  ...ASKED_NOBODY,
  "USAGE",
  "CONFIG_INVALID",
  "CONFIG_MISSING",
  "PROFILE_UNKNOWN",
  "LOGIN_REQUIRED",
  "STORE_UNUSABLE",
  "AUDIT_FAILED",
];
/** What more time may have turned into a success. */
const OUT_OF_TIME: readonly ErrorCode[] = ["TIMEOUT", "LOCK_TIMEOUT"];

/** A renewal that failed. */
export interface Failure {
  readonly atMs: number;
  readonly untilMs: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
  /** How much time the renewal had; undefined: all that anybody has. */
  readonly budgetMs?: number | undefined;
}

/** What all processes of the user remember of a failed renewal, and for how long they leave it at that. */
export interface Backoff {
  /** The failure whose rest has not ended. */
  current(): Failure | undefined;
  /**
   * The same for who renews ahead of time, after half of its rest: not one that is mended on this machine, nor one for want of time where
   * there is much more of it now.
   */
  currentAhead(budgetMs: number): Failure | undefined;
  /** The failure of the last renewal, however long ago; undefined when that succeeded. */
  last(): Failure | undefined;
  /** A failure somebody had since then, as the error it was; not one for want of time where we have much more of it, nor a store's. */
  failureSince(sinceMs: number, budgetMs: number): BrokerError | undefined;
  /** @param budgetMs how much time the renewal had; undefined: all that anybody has */
  remember(error: BrokerError, budgetMs?: number): void;
  /** A renewal succeeded. */
  forget(): void;
}

/**
 * The rest after a failure: from four to nine tenths of what is still valid. Machines that failed during an outage then come back
 * over all the time they have left, instead of in the first minutes after it. Who comes too late for that finds expired credentials and
 * gets new ones at once. At least half a minute, give or take a fifth; at most as if an hour were left.
 *
 * @param leftMs of the valid credentials; undefined or negative when there are none
 * @param random 0 to 1
 */
export function restMs(leftMs: number | undefined, random: number): number {
  const part = 0.4 + 0.5 * random;
  return Math.max(SHORTEST_REST_MS * (0.8 + 0.4 * random), part * Math.min(leftMs ?? 0, COUNTED_MS));
}

/**
 * @param directory the cache directory; without one nothing is remembered
 * @param validUntilMs by our clock; undefined when there is nothing valid
 * @param loggedInAtMs when a person logged in last, by our clock: failures of before are forgotten
 */
export function openBackoff(
  host: Host,
  directory: string | undefined,
  key: string,
  validUntilMs?: number | undefined,
  loggedInAtMs: () => number | undefined = () => undefined,
): Backoff {
  const file = `${directory}/failures/${key}`;

  const last = (): Failure | undefined => {
    if (directory === undefined) return undefined;
    try {
      const bytes = host.files.read(file, 16 * 1024);
      const failure: unknown = bytes === undefined ? undefined : JSON.parse(new TextDecoder().decode(bytes));
      return isFailure(failure) && failure.atMs >= (loggedInAtMs() ?? 0) ? failure : undefined;
    } catch {
      return undefined;
    }
  };

  const resting = (part: number): Failure | undefined => {
    const failure = last();
    if (failure === undefined) return undefined;
    const nowMs = host.clock.nowMs();
    const untilMs = failure.atMs + part * (failure.untilMs - failure.atMs);
    // A clock that was set back must not make the rest endless.
    return nowMs < untilMs && nowMs >= failure.atMs - CLOCK_STEP_MS ? { ...failure, untilMs } : undefined;
  };

  return {
    last,
    current: () => resting(1),
    currentAhead(budgetMs) {
      const failure = resting(AHEAD_RESTS);
      if (failure === undefined || MENDED_HERE.includes(failure.code)) return undefined;
      return neededTime(failure, budgetMs) ? undefined : failure;
    },
    failureSince(sinceMs, budgetMs) {
      const failure = last();
      // One from the future is older than the clock's last setting, and would be everybody's until then.
      if (failure === undefined || failure.atMs < sinceMs || failure.atMs > host.clock.nowMs() + CLOCK_STEP_MS) {
        return undefined;
      }
      if (failure.code === "STORE_UNUSABLE" || neededTime(failure, budgetMs)) return undefined;
      return new BrokerError(failure.code, failure.message, { hint: failure.hint, exitCode: failure.exitCode });
    },
    remember(error, budgetMs) {
      if (directory === undefined) return;
      const nowMs = host.clock.nowMs();
      const leftMs = validUntilMs === undefined ? undefined : validUntilMs - nowMs;
      // A busy server's own wish may be longer than our rest; those it was told to do not come back together.
      const askedMs = (error.retryAfterMs ?? 0) * (1 + 0.2 * Math.random());
      const { code, message, hint, exitCode } = error;
      const failure: Failure = {
        atMs: nowMs,
        untilMs:
          nowMs + Math.max(ASKED_NOBODY.includes(code) ? SHORTEST_REST_MS : restMs(leftMs, Math.random()), askedMs),
        code,
        message,
        hint,
        exitCode,
        budgetMs,
      };
      try {
        host.files.makePrivateDirectory(`${directory}/failures`);
        host.files.writePrivate(file, new TextEncoder().encode(JSON.stringify(failure)));
      } catch {
        host.log.debug("backoff", "the failure could not be remembered");
      }
    },
    forget() {
      if (directory === undefined) return;
      try {
        host.files.remove(file);
      } catch {
        // An old rest ends by itself.
      }
    },
  };
}

/** Whether it failed for want of time, and had less than half of ours. */
function neededTime({ code, budgetMs = Number.POSITIVE_INFINITY }: Failure, oursMs: number): boolean {
  return OUT_OF_TIME.includes(code) && 2 * budgetMs < oursMs;
}

/** Whatever another version, or a disk, left there must not become an error of ours. */
function isFailure(raw: unknown): raw is Failure {
  if (typeof raw !== "object" || raw === null) return false;
  const { atMs, untilMs, code, message, hint, exitCode, budgetMs } = raw as Record<string, unknown>;
  return (
    [atMs, untilMs].every(Number.isFinite) &&
    typeof code === "string" &&
    typeof message === "string" &&
    (hint === undefined || typeof hint === "string") &&
    (budgetMs === undefined || Number.isFinite(budgetMs)) &&
    Number.isInteger(exitCode) &&
    Number(exitCode) > 0 &&
    Number(exitCode) < 126
  );
}
