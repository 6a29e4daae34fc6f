import { BrokerError } from "../core/errors.ts";
import { spoken } from "../core/time.ts";
import type { Host, Patience } from "../host/host.ts";

const GRACE_MS = 50;
/** From so much on it is said what kept us. */
const NOTABLE_MS = 1_000;

/**
 * Runs `work` for at most `timeoutMs`; its signal aborts a moment before, and work that ignores it is left behind. What it asks to be
 * held is waited for in any case, so it needs a deadline of its own: a refresh token that is on its way must not get lost.
 * @throws what the work threw when it was interrupted, else TIMEOUT, which also tells for how long something held was waited for
 */
export async function within<T>(
  host: Host,
  timeoutMs: number,
  work: (signal: AbortSignal, hold: (part: Promise<unknown>) => void) => Promise<T>,
): Promise<T> {
  const held: Promise<unknown>[] = [];
  const controller = new AbortController();
  const ended = new AbortController();
  const late = host.clock.sleep(timeoutMs - GRACE_MS, ended.signal).then(async () => {
    if (ended.signal.aborted) return new Promise<never>(() => {});
    controller.abort();
    // What was interrupted says more than this clock can: who had not answered.
    await host.clock.sleep(GRACE_MS, ended.signal);
    throw new BrokerError("TIMEOUT", `nothing was obtained within ${spoken(timeoutMs)}`, {
      hint: "STS_BROKER_DEBUG=1 shows what it waits for",
    });
  });
  try {
    return await Promise.race([work(controller.signal, (part) => void held.push(part)), late]);
  } catch (error) {
    ended.abort();
    const sinceMs = host.clock.monotonicMs();
    await Promise.allSettled(held);
    throw keptWaiting(error, host.clock.monotonicMs() - sinceMs);
  } finally {
    ended.abort();
    await Promise.allSettled(held);
  }
}

function keptWaiting(error: unknown, heldMs: number): unknown {
  if (!(error instanceof BrokerError) || error.code !== "TIMEOUT" || heldMs < NOTABLE_MS) return error;
  const line = `${error.message}; a refresh token that was on its way, and must not get lost, took ${spoken(heldMs)} more`;
  return new BrokerError(error.code, line, { hint: error.hint, cause: error.cause, exitCode: error.exitCode });
}

/** The keychain's 4 s, a second for its program, and one for what comes after. */
const PATIENT_MS = 6_000;

/** How patiently a store may be asked by somebody who has so much time left. */
export function patienceFor(leftMs: number): Patience {
  return leftMs > PATIENT_MS ? "patient" : "hurried";
}
