import { credentialsKey, loginKey, tokenKey } from "../cache/key.ts";
import { removeLoginMark } from "../cache/login-mark.ts";
import { STORES } from "../cache/stores/registry.ts";
import type { StoreProblem } from "../cache/stores/store.ts";
import { openVault, VAULT_STORES } from "../cache/vault.ts";
import type { Resolved } from "../config/resolve.ts";
import { BrokerError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import type { Host } from "../host/host.ts";
import { usableCacheDirectory } from "../cache/directory.ts";
import { openBackoff } from "./backoff.ts";
import { within } from "./deadline.ts";
import { loginTurn } from "./session.ts";

export type Kind = "credentials" | "token" | "refresh token";

/** What this machine keeps of a profile, and where. A refresh token serves all profiles of its identity. */
export interface KeptThing {
  readonly kind: Kind;
  /** Name of the store. */
  readonly store: string;
}

export interface StoreFailure extends StoreProblem {
  readonly store: string;
}

export interface Kept {
  readonly things: readonly KeptThing[];
  /** Stores that could not be asked, so may hold something too. */
  readonly failures: readonly StoreFailure[];
}

export interface Forgotten extends Kept {
  /**
   * At the provider (RFC 7009). "nothing": there was no refresh token; "not-offered": the provider has no such endpoint, and it ends there
   * by itself.
   */
  readonly revocation: "revoked" | "nothing" | "not-offered" | BrokerError;
}

/** For one provider to answer; what is on this machine is removed in any case. */
const REVOCATION_MS = 15_000;

/** Looks without changing anything. */
export async function keptOf(host: Host, resolved: Resolved): Promise<Kept> {
  const things: KeptThing[] = [];
  const failures: StoreFailure[] = [];
  for (const place of placesOf(host, resolved)) {
    const found = await place.read();
    if (!found.ok) failures.push({ store: place.store, ...found.problem });
    else if (found.value !== undefined) things.push({ kind: place.kind, store: place.store });
  }
  return { things, failures: distinct(failures) };
}

/**
 * Removes what every store keeps of a profile, whatever store it is configured to use now, and revokes the refresh token at its provider
 * first, while it is still known. Throws nothing: what could not be done is said.
 */
export async function forgetProfile(host: Host, resolved: Resolved): Promise<Forgotten> {
  const { profile } = resolved;
  const key = loginKey(profile.identity, host);
  // Whoever redeems it at this moment would put its successor back.
  const turn =
    key === undefined ? undefined : await loginTurn(host, key, new AbortController().signal).catch(() => undefined);
  try {
    const revocation = key === undefined ? "nothing" : await revokeAll(host, resolved, key);
    const things: KeptThing[] = [];
    const failures: StoreFailure[] = [];
    for (const { kind, store, read, remove } of placesOf(host, resolved)) {
      const found = await read();
      const removed = found.ok && found.value === undefined ? undefined : await remove();
      if (removed?.ok === false) failures.push({ store, ...removed.problem });
      else if (removed !== undefined) things.push({ kind, store });
    }
    const directory = usableCacheDirectory(host);
    for (const one of [credentialsKey(profile, host), tokenKey(profile, host)])
      openBackoff(host, directory.ok ? directory.path : undefined, one).forget();
    if (key !== undefined) removeLoginMark(host, key);
    return { things, failures: distinct(failures), revocation };
  } finally {
    turn?.release();
  }
}

interface Place {
  readonly kind: Kind;
  readonly store: string;
  read(): Promise<{ ok: true; value: unknown } | { ok: false; problem: StoreProblem }>;
  remove(): Promise<{ ok: true; value: unknown } | { ok: false; problem: StoreProblem }>;
}

function placesOf(host: Host, { profile }: Resolved): Place[] {
  const entries = STORES.flatMap((kind): Place[] => {
    const store = kind.open(host);
    const place = (what: Kind, key: string): Place => ({
      kind: what,
      store: kind.name,
      read: () => store.read(key),
      remove: () => store.remove(key),
    });
    return [place("credentials", credentialsKey(profile, host)), place("token", tokenKey(profile, host))];
  });
  const key = loginKey(profile.identity, host);
  if (key === undefined) return entries;
  const vaults = VAULT_STORES.filter((name) => name !== "none").map((name): Place => {
    const vault = openVault(host, name, key);
    return { kind: "refresh token", store: name, read: () => vault.read(), remove: () => vault.remove() };
  });
  return [...entries, ...vaults];
}

async function revokeAll(host: Host, resolved: Resolved, key: string): Promise<Forgotten["revocation"]> {
  let outcome: Forgotten["revocation"] = "nothing";
  for (const name of VAULT_STORES) {
    const found = await openVault(host, name, key).read();
    if (found.ok && found.value !== undefined) outcome = await revoke(host, resolved, found.value.refreshToken);
    if (outcome instanceof BrokerError) return outcome;
  }
  return outcome;
}

async function revoke(host: Host, resolved: Resolved, refreshToken: Secret): Promise<Forgotten["revocation"]> {
  const { revokeLogin } = await import("./mint.ts");
  const deadlineMs = host.clock.monotonicMs() + REVOCATION_MS;
  try {
    return await within(host, REVOCATION_MS, (signal) =>
      revokeLogin(resolved, refreshToken, { host, signal, deadlineMs }),
    );
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
}

/** A keychain that is locked is locked for everything. */
function distinct(failures: readonly StoreFailure[]): StoreFailure[] {
  return failures.filter(({ store }, index) => failures.findIndex((one) => one.store === store) === index);
}
