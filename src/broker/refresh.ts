import type { Found } from "../cache/cache.ts";
import type { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { SessionCredentials } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { atMost } from "./at-most.ts";
import type { Wanted } from "./obtain.ts";
import { asFailure, notKept, renewAhead } from "./renew.ts";
import { isDue, placeInSpread, spreadDelayMs } from "./schedule.ts";

/** What became of a profile. Times are AWS's own, `store` is the one that answers now. */
export type Refreshed =
  | { readonly outcome: "renewed" | "fresh"; readonly expiresAtMs: number; readonly store: string }
  /** The profile keeps nothing, so there is nothing to renew. */
  | { readonly outcome: "skipped" }
  /** With the expiry of what is still valid, if anything is. */
  | { readonly outcome: "failed"; readonly error: BrokerError; readonly expiresAtMs?: number };

/** The credentials of a profile, and the store it names: profiles of one key may keep them apart. */
export interface Renewable {
  readonly store: string;
  readonly wanted: Wanted<SessionCredentials>;
}

export interface RefreshOptions {
  /** Longest wait before a renewal, spread over machines, users and profiles; no lock is held during it. */
  readonly spreadMs: number;
  /** Renews what is fresh as well, and does not wait for the rest after a failure: somebody knows that it will work now. */
  readonly force: boolean;
}

/** So many renewals at the same time: one that hangs for its 45 s must not keep all the others waiting, nor a hundred meet one provider. */
const AT_ONCE = 4;

/**
 * Renews what is due (`schedule.ts`), all of it even when some fails. Profiles that share one entry are renewed once. Nobody who asks for
 * credentials meanwhile waits while there are valid ones.
 *
 * @returns in the order given
 */
export function refreshAll(
  host: Host,
  renewables: readonly Renewable[],
  options: RefreshOptions,
): Promise<Refreshed[]> {
  const inTurn = atMost(AT_ONCE);
  const underWay = new Map<string, Promise<Refreshed>>();
  return Promise.all(
    renewables.map(({ store, wanted }) => {
      const entry = `${store} ${wanted.key}`;
      const refreshed = underWay.get(entry) ?? refreshOne(host, wanted, options, inTurn);
      underWay.set(entry, refreshed);
      return refreshed;
    }),
  );
}

async function refreshOne(
  host: Host,
  wanted: Renewable["wanted"],
  { spreadMs, force }: RefreshOptions,
  inTurn: ReturnType<typeof atMost>,
): Promise<Refreshed> {
  if (!wanted.cache.keeps) return { outcome: "skipped" };
  const startMs = host.clock.nowMs();
  const enough = (found: Found<unknown>, waitMs = 0): boolean =>
    force ? found.entry.mintedAtMs > startMs : isEnough(host, found, waitMs);
  const found = await inTurn(() => wanted.cache.read());
  const place = placeInSpread([...machineIdentity(host), wanted.key], (text) => host.crypto.sha256Hex(text));
  const waitMs = spreadDelayMs(place, spreadMs, leftMs(host, found));
  if (found !== undefined && enough(found, waitMs)) return fresh(found);
  if (waitMs > 0) {
    host.log.debug("refresh", `due, and waits ${Math.round(waitMs / 1000)} s`);
    await host.clock.sleep(waitMs);
  }
  return inTurn(() => renewDue(host, wanted, enough, force));
}

/** Read again after the wait: somebody may have renewed it, and the machine may have slept. */
async function renewDue(
  host: Host,
  wanted: Renewable["wanted"],
  enough: (found: Found<unknown>) => boolean,
  force: boolean,
): Promise<Refreshed> {
  const found = await wanted.cache.read();
  if (found !== undefined && enough(found)) return fresh(found);
  try {
    const { entry, store, problem = "" } = await renewAhead(host, wanted, found, enough, force);
    if (store === undefined) throw notKept(wanted.codec.kind, problem);
    return { outcome: "renewed", expiresAtMs: entry.expiresAtMs, store };
  } catch (error) {
    const failed = { outcome: "failed", error: asFailure(error) } as const;
    return found === undefined || leftMs(host, found) === undefined
      ? failed
      : { ...failed, expiresAtMs: found.entry.expiresAtMs };
  }
}

function fresh({ entry, store }: Found<unknown>): Refreshed {
  return { outcome: "fresh", expiresAtMs: entry.expiresAtMs, store };
}

/** @param waitMs until our turn: who waits longest must not come a whole run later for it */
function isEnough(host: Host, { verdict, entry }: Found<unknown>, waitMs: number): boolean {
  return verdict === "fresh" && !isDue(entry, host.clock.nowMs() + waitMs);
}

/** Of a valid entry. */
function leftMs(host: Host, found: Found<unknown> | undefined): number | undefined {
  if (found === undefined || found.verdict === "expired") return undefined;
  return Math.max(0, found.entry.expiresAtMs - host.clock.nowMs() - Math.max(0, found.entry.skewMs));
}

/** Machines that were cloned with their machine-id differ in name, containers of one image as well. */
function machineIdentity({ files, system }: Host): string[] {
  let id = "";
  try {
    id = printable(new TextDecoder().decode(files.read("/etc/machine-id", 64)), 64);
  } catch {
    // The name alone has to do.
  }
  return [id, system.hostname(), String(system.uid ?? system.username())];
}
