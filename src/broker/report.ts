import { type Found, openCache } from "../cache/cache.ts";
import { existingCacheDirectory } from "../cache/directory.ts";
import { credentialsCodec } from "../cache/entry.ts";
import { renewalWindowMs } from "../cache/freshness.ts";
import { credentialsKey } from "../cache/key.ts";
import { loginMarkReader } from "../cache/login-mark.ts";
import { onlyLooking } from "../cache/only-looking.ts";
import { STORES } from "../cache/stores/registry.ts";
import type { StoreKind, StoreProblem } from "../cache/stores/store.ts";
import type { Profile, SessionCredentials } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { atMost } from "./at-most.ts";
import { type Failure, openBackoff } from "./backoff.ts";

/**
 * What is known of profiles and stores without asking an identity provider or AWS, and without creating, unlocking or renewing anything.
 */

/** Reads at the same time: enough to hide a keychain's answering time, few enough for its bus. */
const AT_ONCE = 8;

/** Where a profile stands. */
export interface Standing {
  /** "none": nothing is kept, or nothing that could be read. */
  readonly state: "fresh" | "renew-soon" | "expired" | "none";
  readonly found: Found<SessionCredentials> | undefined;
  /** The failure of the last renewal, unless that succeeded. */
  readonly failure: Failure | undefined;
  /** When the first caller tries to renew, by our clock; undefined: as soon as there is one. */
  readonly nextRefreshMs: number | undefined;
  /** Has valid credentials, or nothing is known that would keep a caller from getting some. */
  readonly ok: boolean;
}

/**
 * The verdict at `nowMs` of our own clock. Without valid credentials a failed renewal counts however long ago it was: nobody has succeeded
 * since. A profile that was never used, or was not used since its credentials ended, is fine.
 */
function judgeStanding(
  found: Found<SessionCredentials> | undefined,
  lastFailure: Failure | undefined,
  nowMs: number,
): Standing {
  // One that could not be forgotten, on a disk that was full.
  const failure =
    lastFailure === undefined || lastFailure.atMs < (found?.entry.mintedAtMs ?? 0) ? undefined : lastFailure;
  const state = found?.verdict ?? "none";
  const isValid = state === "fresh" || state === "renew-soon";
  return {
    state,
    found,
    failure,
    nextRefreshMs: found === undefined || !isValid ? undefined : nextRefreshMs(found, failure, nowMs),
    ok: isValid || failure === undefined,
  };
}

function nextRefreshMs({ entry }: Found<unknown>, failure: Failure | undefined, nowMs: number): number | undefined {
  const opensAtMs = entry.expiresAtMs - Math.max(0, entry.skewMs) - renewalWindowMs(entry);
  const fromMs = Math.max(opensAtMs, failure?.untilMs ?? 0);
  return fromMs > nowMs ? fromMs : undefined;
}

/** @returns in the order of the profiles */
export function readStandings(host: Host, profiles: readonly Profile[]): Promise<Standing[]> {
  const looking = onlyLooking(host);
  const directory = existingCacheDirectory(host);
  const inTurn = atMost(AT_ONCE);
  const read = async (profile: Profile): Promise<Standing> => {
    const key = credentialsKey(profile, looking);
    const mark = loginMarkReader(looking, profile.identity);
    const found = await openCache(looking, profile.store, key, credentialsCodec, mark).read();
    const path = directory.ok ? directory.path : undefined;
    const failure = openBackoff(looking, path, key, undefined, () => mark?.()?.atMs).last();
    return judgeStanding(found, failure, host.clock.nowMs());
  };
  return Promise.all(profiles.map((profile) => inTurn(() => read(profile))));
}

/** Whether a store would take an entry now. */
export interface StoreStanding {
  readonly kind: Pick<StoreKind, "name" | "summary" | "protects" | "auto">;
  /** Why not. */
  readonly problem: StoreProblem | undefined;
}

/**
 * The stores that `auto` may choose, in its order, and those that are named.
 * @param settings what `store` says in the profiles
 */
export function readStores(host: Host, settings: readonly string[]): Promise<StoreStanding[]> {
  const looking = onlyLooking(host);
  const kinds = STORES.filter(({ name, auto }) => auto || settings.includes(name));
  return Promise.all(
    kinds.map(async (kind): Promise<StoreStanding> => {
      const checked = await kind.open(looking).check();
      return { kind, problem: checked.ok ? undefined : checked.problem };
    }),
  );
}

/** What `store = "auto"` would write to. */
export function chosenByAuto(stores: readonly StoreStanding[]): StoreStanding | undefined {
  return stores.find(({ kind, problem }) => kind.auto && problem === undefined);
}
