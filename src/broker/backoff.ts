import { BrokerError, type ErrorCode } from "../core/errors.ts";
import type { Host } from "../host/host.ts";

const FIRST_MS = 30_000;
const LONGEST_MS = 5 * 60_000;

interface Failure {
  readonly atMs: number;
  readonly untilMs: number;
  readonly count: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
  readonly exitCode: number;
}

/** What all processes of the user remember of a failed renewal: 30 s of rest, doubling to 5 min, with jitter. */
export interface Backoff {
  /** The failure whose rest has not ended. */
  current(): Failure | undefined;
  /** A failure somebody had since then, as the error it was. */
  failureSince(sinceMs: number): BrokerError | undefined;
  remember(error: BrokerError): void;
  /** A renewal succeeded. */
  forget(): void;
}

/** @param directory the cache directory; without one nothing is remembered */
export function openBackoff(host: Host, directory: string | undefined, key: string): Backoff {
  const file = `${directory}/failures/${key}`;

  const last = (): Failure | undefined => {
    if (directory === undefined) return undefined;
    try {
      const bytes = host.files.read(file, 16 * 1024);
      const failure = bytes === undefined ? undefined : (JSON.parse(new TextDecoder().decode(bytes)) as Failure);
      const known = failure !== undefined && [failure.atMs, failure.untilMs, failure.count].every(Number.isFinite);
      return known && typeof failure.message === "string" ? failure : undefined;
    } catch {
      return undefined;
    }
  };

  return {
    current() {
      const failure = last();
      const nowMs = host.clock.nowMs();
      // A clock that was set back must not make the rest endless.
      return failure !== undefined && nowMs < failure.untilMs && nowMs >= failure.atMs - 1000 ? failure : undefined;
    },
    failureSince(sinceMs) {
      const failure = last();
      if (failure === undefined || failure.atMs < sinceMs) return undefined;
      return new BrokerError(failure.code, failure.message, { hint: failure.hint, exitCode: failure.exitCode });
    },
    remember(error) {
      if (directory === undefined) return;
      const nowMs = host.clock.nowMs();
      const before = last();
      // Long after the rest ended it is a new outage.
      const count = before !== undefined && nowMs < before.untilMs + LONGEST_MS ? before.count + 1 : 1;
      const restMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - 1)) * (0.8 + 0.4 * Math.random());
      const { code, message, hint, exitCode } = error;
      const failure: Failure = { atMs: nowMs, untilMs: nowMs + restMs, count, code, message, hint, exitCode };
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
