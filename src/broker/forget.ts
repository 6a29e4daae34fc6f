import { usableCacheDirectory } from "../cache/directory.ts";
import { credentialsCodec, decodeEntry, tokenCodec } from "../cache/entry.ts";
import { credentialsKey, tokenKey } from "../cache/key.ts";
import { STORES } from "../cache/stores/registry.ts";
import type { StoreProblem } from "../cache/stores/store.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import { spoken } from "../core/time.ts";
import type { Profile, SessionCredentials } from "../core/types.ts";
import type { Host, Lock } from "../host/host.ts";
import { openBackoff } from "./backoff.ts";
import { waitForLock } from "./wait-for-lock.ts";

/** For a renewal under way to end: longer than all but a provider that hangs. */
const RENEWAL_MS = 20_000;

/** Something that was kept, and in which store. */
export interface Removed {
  readonly kind: "credentials" | "token" | "refresh token";
  readonly store: string;
}

export interface Problem extends StoreProblem {
  readonly store: string;
}

export interface Forgotten {
  readonly removed: readonly Removed[];
  /** Of stores that could not remove what they may keep. */
  readonly problems: readonly Problem[];
  /** A renewal that did not end: it may write again. */
  readonly busy: BrokerError | undefined;
  /** The last of the AWS sessions that are still valid. */
  readonly session: SessionCredentials | undefined;
  /** The provider's token that was kept, while it is valid. */
  readonly token: Secret | undefined;
}

/**
 * Removes the credentials and the token of a profile from every store there is, whatever its `store` says now, and what is remembered of
 * failures. A renewal under way is waited for, so that it does not put back what is removed. Throws nothing.
 */
export async function forgetEntries(host: Host, profile: Profile): Promise<Forgotten> {
  const [credentials, token] = await Promise.all([
    forgetEntry(host, "credentials", credentialsKey(profile, host)),
    forgetEntry(host, "token", tokenKey(profile, host)),
  ]);
  const nowMs = host.clock.nowMs();
  const sessions = credentials.texts.flatMap((text) => decodeEntry(text, credentialsCodec)?.value ?? []);
  const tokens = token.texts.flatMap((text) => decodeEntry(text, tokenCodec)?.value ?? []);
  return {
    removed: [...credentials.removed, ...token.removed],
    problems: [...credentials.problems, ...token.problems],
    busy: credentials.busy ?? token.busy,
    session: sessions.filter(({ expiresAtMs }) => expiresAtMs > nowMs).sort((a, b) => b.expiresAtMs - a.expiresAtMs)[0],
    token: tokens.find(({ expiresAtMs }) => expiresAtMs > nowMs)?.token,
  };
}

interface ForgottenEntry extends Pick<Forgotten, "removed" | "problems" | "busy"> {
  /** What was kept, as far as it could be read. */
  readonly texts: readonly string[];
}

async function forgetEntry(host: Host, kind: Removed["kind"], key: string): Promise<ForgottenEntry> {
  const directory = usableCacheDirectory(host);
  const path = directory.ok ? directory.path : undefined;
  const { locks, busy } = path === undefined ? NO_LOCKS : await renewalLocks(host, path, key);
  const removed: Removed[] = [];
  const problems: Problem[] = [];
  const texts: string[] = [];
  try {
    for (const { name, open } of STORES) {
      const store = open(host);
      const found = await store.read(key);
      if (found.ok && found.value !== undefined) texts.push(found.value.reveal());
      const gone = await store.remove(key);
      if (!gone.ok) problems.push({ store: name, ...gone.problem });
      else if (gone.value) removed.push({ kind, store: name });
    }
    openBackoff(host, path, key).forget();
  } finally {
    for (const lock of locks) lock.release();
  }
  return { removed, problems, busy, texts };
}

interface Locks {
  readonly locks: readonly Lock[];
  readonly busy: BrokerError | undefined;
}

const NO_LOCKS: Locks = { locks: [], busy: undefined };

/** The lock of whoever renews, and the one of whoever overtook it. Where no lock can be had, nobody is kept from logging out. */
async function renewalLocks(host: Host, directory: string, key: string): Promise<Locks> {
  const locks: Lock[] = [];
  const endMs = host.clock.monotonicMs() + RENEWAL_MS;
  try {
    host.files.makePrivateDirectory(`${directory}/locks`);
    for (const file of [`${directory}/locks/${key}`, `${directory}/locks/${key}.late`]) {
      const leftMs = Math.max(0, endMs - host.clock.monotonicMs());
      const lock = await waitForLock(host, file, leftMs, new AbortController().signal);
      if (lock === undefined) return { locks, busy: stillRenewing() };
      locks.push(lock);
    }
  } catch (error) {
    host.log.debug(
      "lock",
      `none to be had (${printable((error as NodeJS.ErrnoException).code ?? "unknown error", 40)})`,
    );
  }
  return { locks, busy: undefined };
}

function stillRenewing(): BrokerError {
  return new BrokerError(
    "LOCK_TIMEOUT",
    `another sts-broker has been renewing for ${spoken(RENEWAL_MS)}, and may put new ones there`,
    { hint: "run it again; a stopped process (jobs, ps) goes on later" },
  );
}
