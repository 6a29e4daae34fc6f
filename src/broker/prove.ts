import type { Resolved } from "../config/resolve.ts";
import type { Host } from "../host/host.ts";
import type { Proof } from "../identity/source.ts";
import { within } from "./deadline.ts";

/** As the cold path of credentials has it. */
const TOTAL_MS = 45_000;

/**
 * What the identity provider says of us now: past the cache, unread and unjudged, for whoever wants to look at it.
 *
 * @param totalMs of the caller's time, default 45,000
 * @throws BrokerError what the source throws, TIMEOUT, CONFIG_INVALID
 */
export async function fetchProof(host: Host, resolved: Resolved, totalMs = TOTAL_MS): Promise<Proof> {
  const { proveIdentity } = await import("./mint.ts");
  const deadlineMs = host.clock.monotonicMs() + totalMs;
  return within(host, totalMs, (signal, hold) => proveIdentity(resolved, { host, signal, deadlineMs, hold }));
}
