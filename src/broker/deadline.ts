import { BrokerError } from "../core/errors.ts";
import { spoken } from "../core/time.ts";
import type { Host } from "../host/host.ts";

/** Runs `work` with a signal that aborts after `timeoutMs`; work that ignores it is left behind. @throws TIMEOUT */
export async function within<T>(host: Host, timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const ended = new AbortController();
  const late = host.clock.sleep(timeoutMs, ended.signal).then(() => {
    if (ended.signal.aborted) return new Promise<never>(() => {});
    controller.abort();
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
