import { BrokerError } from "../core/errors.ts";
import { spoken } from "../core/time.ts";
import type { Host } from "../host/host.ts";

const GRACE_MS = 50;

/**
 * Runs `work` for at most `timeoutMs`; its signal aborts a moment before, and work that ignores it is left behind.
 * @throws what the work threw when it was interrupted, else TIMEOUT
 */
export async function within<T>(host: Host, timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
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
    return await Promise.race([work(controller.signal), late]);
  } finally {
    ended.abort();
  }
}
