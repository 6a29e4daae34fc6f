import { BrokerError } from "../core/errors.ts";
import type { Pace } from "../core/pacing.ts";
import { spoken } from "../core/time.ts";
import type { Host } from "../host/host.ts";
import type { StsFailure } from "./answer.ts";
import { THROTTLING } from "./judge.ts";
import { keysUnreachable } from "./keys-unreachable.ts";

/** What one call came to: an answer, a refusal, or no answer at all (BrokerError of the HTTP stack). */
export type Sent<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: StsFailure | BrokerError };

export type Decision =
  | { readonly again: false }
  | { readonly again: true; readonly delayMs: number; readonly reason: string };

export interface RetryOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "log">;
  /** On `host.clock.monotonicMs()`: no call starts, and no pause ends, after it. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** STS's, for all processes of the user; without it we are alone. */
  readonly pace?: Pace | undefined;
}

/** Long enough for a slow proxy, short enough for several tries within the broker's 45 s. */
const CALL_TIMEOUT_MS = 10_000;
/** A call that has less left than this is not worth starting. */
const MIN_CALL_MS = 100;
const CAP_MS = 4_000;
const STOP: Decision = { again: false };
/** By reason, the first try included: a connection that breaks after two throttled calls has not used up its own tries. */
const TRIES = { throttled: 6, server: 5, "no answer": 3, "issuer unreachable": 4 } as const;
const MAX_CALLS = 8;
const BASE_MS = { throttled: 200, server: 100, "no answer": 100, "issuer unreachable": 200 } as const;

/**
 * Whether to ask again, and when: full jitter over an exponential cap, on top of what Retry-After asks for.
 *
 * @param attempt how many have failed in this way, from 1
 * @param random 0 to 1
 */
export function decide(failure: StsFailure | BrokerError, attempt: number, random: number): Decision {
  const reason = transient(failure);
  if (reason === undefined || attempt >= TRIES[reason]) return STOP;
  const backoffMs = random * Math.min(CAP_MS, BASE_MS[reason] * 2 ** attempt);
  const askedMs = failure instanceof BrokerError ? 0 : (failure.retryAfterMs ?? 0);
  return { again: true, delayMs: Math.round(askedMs + backoffMs), reason };
}

/**
 * Sends until there is an answer that stands, the tries are used up (ours, or those of all processes of the user together), or the
 * deadline leaves no room for another.
 *
 * @param send gets the time it may take
 * @param judge makes the error of an answer that stands
 * @throws BrokerError whatever `judge` made of it; UNREACHABLE, TIMEOUT of the HTTP stack; THROTTLED, without a call, while STS asks all
 * of us to wait
 */
export async function withRetries<T>(
  send: (timeoutMs: number) => Promise<Sent<T>>,
  judge: (failure: StsFailure, attempts: number) => BrokerError,
  { host, deadlineMs, signal, pace }: RetryOptions,
): Promise<T> {
  const failed = new Map<string | undefined, number>();
  for (let calls = 1; ; calls++) {
    signal?.throwIfAborted();
    await pace?.turn({ deadlineMs, signal });
    const leftMs = deadlineMs - host.clock.monotonicMs();
    if (leftMs < MIN_CALL_MS) throw new BrokerError("TIMEOUT", "no time was left to ask AWS STS");
    const sent = await send(Math.min(CALL_TIMEOUT_MS, leftMs));
    if (sent.ok) {
      await pace?.answered();
      return sent.value;
    }

    const { failure } = sent;
    const reason = transient(failure);
    if (reason === "throttled" || reason === "server") await pace?.throttled((failure as StsFailure).retryAfterMs);
    const attempt = (failed.get(reason) ?? 0) + 1;
    failed.set(reason, attempt);
    const decision = calls < MAX_CALLS ? decide(failure, attempt, randomOf(host)) : STOP;
    const stands = (why: string): BrokerError => {
      host.log.debug("sts", why);
      return failure instanceof BrokerError ? failure : judge(failure, calls);
    };
    if (!decision.again) throw stands("this answer stands");
    if (host.clock.monotonicMs() + decision.delayMs > deadlineMs - MIN_CALL_MS)
      throw stands(`${decision.reason}: no time for another try`);
    if (pace !== undefined && !(await pace.mayRetry())) throw stands(`${decision.reason}: no retries left`);
    host.log.debug("sts", `${decision.reason}: call ${calls + 1} in ${decision.delayMs} ms (${spoken(leftMs)} left)`);
    await host.clock.sleep(decision.delayMs, signal);
  }
}

function transient(failure: StsFailure | BrokerError): keyof typeof TRIES | undefined {
  if (failure instanceof BrokerError)
    return (failure.code === "UNREACHABLE" || failure.code === "TIMEOUT") && !certificateProblem(failure)
      ? "no answer"
      : undefined;
  if (failure.status === 429) return "throttled";
  if (failure.kind === "refusal") {
    if (THROTTLING.has(failure.code)) return "throttled";
    if (failure.code === "IDPCommunicationError" || keysUnreachable(failure)) return "issuer unreachable";
  }
  return [500, 502, 503, 504].includes(failure.status) ? "server" : undefined;
}

/** A certificate that is not trusted now will not be in a second. */
function certificateProblem({ cause }: BrokerError): boolean {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  return /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_)/.test(code);
}

function randomOf({ crypto }: RetryOptions["host"]): number {
  const [high = 0, low = 0] = crypto.randomBytes(2);
  return (high * 256 + low) / 65_535;
}
