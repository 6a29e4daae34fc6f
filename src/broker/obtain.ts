import { type Cache, openCache } from "../cache/cache.ts";
import { type Codec, credentialsCodec, type Entry, tokenCodec } from "../cache/entry.ts";
import { credentialsKey, tokenKey } from "../cache/key.ts";
import { loginMarkReader } from "../cache/login-mark.ts";
import type { Resolved } from "../config/resolve.ts";
import type { OidcAssertion, SessionCredentials } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import type { MintContext } from "./mint.ts";

/** What is wanted: how it is named in the cache, and how it is made when the cache has none. */
export interface Wanted<T> {
  /** Name of the profile it is wanted for, for hints. */
  readonly profile: string;
  readonly key: string;
  readonly codec: Codec<T>;
  readonly cache: Cache<T>;
  /** When a person logged in last, by our clock: a failure of before says nothing any more. */
  loggedInAtMs?(): number | undefined;
  mint(context: MintContext): Promise<Entry<T>>;
}

/**
 * The hot path: answer from the cache, or hand over to the cold one.
 *
 * @throws BrokerError what renew throws when nothing valid is cached
 */
async function obtain<T>(host: Host, wanted: Wanted<T>): Promise<T> {
  const found = await wanted.cache.read();
  if (found?.verdict === "fresh") return found.entry.value;
  const { renew } = await import("./renew.ts");
  const entry = await renew(host, wanted, found);
  return entry.value;
}

/** Session credentials of the profile's role, valid for at least some seconds. */
export function obtainCredentials(host: Host, resolved: Resolved): Promise<SessionCredentials> {
  return obtain(host, wantedCredentials(host, resolved));
}

/** The credentials of a profile, in its cache or to be made. */
export function wantedCredentials(host: Host, resolved: Resolved): Wanted<SessionCredentials> {
  return wanted(host, resolved, credentialsKey(resolved.profile, host), credentialsCodec, async (context) =>
    (await import("./mint.ts")).mintCredentials(resolved, context),
  );
}

/** The identity provider's own token, for services that take bearer tokens. */
export function obtainToken(host: Host, resolved: Resolved): Promise<OidcAssertion> {
  return obtain(host, wantedToken(host, resolved));
}

function wantedToken(host: Host, resolved: Resolved): Wanted<OidcAssertion> {
  return wanted(host, resolved, tokenKey(resolved.profile, host), tokenCodec, async (context) =>
    (await import("./mint.ts")).mintToken(resolved, context),
  );
}

function wanted<T>(
  host: Host,
  { profile }: Resolved,
  key: string,
  codec: Codec<T>,
  mint: Wanted<T>["mint"],
): Wanted<T> {
  const mark = loginMarkReader(host, profile.identity);
  const common = { profile: profile.name, key, codec, cache: openCache(host, profile.store, key, codec, mark), mint };
  return mark === undefined ? common : { ...common, loggedInAtMs: () => mark()?.atMs };
}
