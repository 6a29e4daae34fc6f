import type { Host, Spawn } from "../host/host.ts";

/** What goes on while whoever proves our identity is asked. Neither throws. */
export interface Asking {
  /** A request is being sent, or a program started. */
  begun(): void;
  /** It is on its way, and there is nothing to do but wait. */
  sent(): void;
}

/**
 * Prepares what comes after the proof, once: the connection to STS, and the code that talks to it. A source that gives up before it asks
 * anybody (no login, no secret) prepares nothing.
 *
 * @param load brings the code
 */
export function preparing({ http }: Pick<Host, "http">, endpoint: URL, load: () => Promise<unknown>): Asking {
  let isBegun = false;
  let isSent = false;
  return {
    begun() {
      if (!isBegun) http.connectAhead?.(endpoint.href, { peer: "aws" });
      isBegun = true;
    },
    sent() {
      // Whoever needs it meets the same failure.
      if (!isSent) load().catch(() => {});
      isSent = true;
    },
  };
}

/** A program that fetches a secret or a proof takes its time as a provider does. */
export function watched(spawn: Spawn, asking: Asking | undefined): Spawn {
  if (asking === undefined) return spawn;
  return {
    handOver: (...run) => spawn.handOver(...run),
    capture(...run) {
      const answering = spawn.capture(...run);
      asking.begun();
      asking.sent();
      return answering;
    },
  };
}
