import type { Resolved } from "../config/resolve.ts";
import type { Host } from "../host/host.ts";
import type { Proof } from "../identity/source.ts";
import { within } from "./deadline.ts";

/** As the cold path of credentials has it. */
const TOTAL_MS = 45_000;

/**
 * What the identity provider says of us now: past the cache, unread and unjudged, for whoever wants to look at it.
 *
 * @throws BrokerError what the source throws, TIMEOUT, CONFIG_INVALID
 */
export async function fetchProof(host: Host, resolved: Resolved): Promise<Proof> {
  const { proveIdentity } = await import("./mint.ts");
  return within(host, TOTAL_MS, (signal) => proveIdentity(resolved, { host, signal }));
}
