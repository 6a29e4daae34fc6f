import { openCache } from "../cache/cache.ts";
import { usableCacheDirectory } from "../cache/directory.ts";
import { credentialsCodec, type Entry } from "../cache/entry.ts";
import { credentialsKey, loginKey } from "../cache/key.ts";
import { writeLoginMark } from "../cache/login-mark.ts";
import { DEFAULT_VAULT, openVault } from "../cache/vault.ts";
import type { Resolved } from "../config/resolve.ts";
import { BrokerError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import type { IdentityTable, Profile, SessionCredentials } from "../core/types.ts";
import type { Host, Lock } from "../host/host.ts";
import type { Presenter } from "../identity/presenter.ts";
import { openBackoff } from "./backoff.ts";
import { within } from "./deadline.ts";
import { loginTurn } from "./login-turn.ts";
import { mintCredentials } from "./mint.ts";
import { storeSetting } from "./session.ts";
import { waitForLock } from "./wait-for-lock.ts";

/** A person's pace: a password manager, a phone in another room. */
const LOGIN_MS = 10 * 60_000;
/** For a renewal under way to end. */
const RENEWAL_MS = 5_000;

/** What became of the refresh token, for a person to be told. */
export type RefreshTokenOutcome =
  | { readonly kept: true; readonly store: string }
  | {
      readonly kept: false;
      /** "not-issued": the provider gave none; "not-wanted": refresh_token_store = "none"; "never": this kind of identity has none. */
      readonly reason: "not-issued" | "not-wanted" | "store-unusable" | "never";
      /** One line; with "store-unusable" the store and its problem. */
      readonly detail: string;
      /** A setting or a command. */
      readonly hint?: string | undefined;
    };

export interface LoginOutcome {
  /** Who was authenticated, in the provider's words: to be escaped by whoever shows it. */
  readonly issuer: string;
  readonly subject: string;
  readonly roleArn: string;
  /** True when the person chose it among several: the profile may be given it as role_arn. */
  readonly roleChosen: boolean;
  /** AWS's own Expiration of the credentials. */
  readonly expiresAtMs: number;
  /** Name of the store that holds the credentials; undefined when none took them. */
  readonly store: string | undefined;
  readonly storeProblem?: string | undefined;
  readonly refreshToken: RefreshTokenOutcome;
}

/**
 * A person logs in: proof, assertion, role, exchange, cache. Nobody waits for the person: no lock is held until there is something to
 * write. What a former login left is replaced, and what it failed at is forgotten for all profiles of the identity.
 *
 * @param signal ends it at once; without it the person has ten minutes
 * @throws BrokerError LOGIN_REQUIRED when the person gives up or `signal` aborts, TIMEOUT, IDP_REFUSED for a denial, and what minting throws
 */
export async function login(
  host: Host,
  resolved: Resolved,
  presenter: Presenter,
  signal: AbortSignal,
): Promise<LoginOutcome> {
  const { profile } = resolved;
  let role = { arn: "", chosen: false };
  let refreshToken: RefreshTokenOutcome = NEVER;
  try {
    const entry = await within(host, LOGIN_MS, (ended, hold) =>
      mintCredentials(resolved, {
        host,
        signal: AbortSignal.any([signal, ended]),
        deadlineMs: host.clock.monotonicMs() + LOGIN_MS,
        hold,
        person: {
          presenter,
          granted: (arn, chosen) => {
            role = { arn, chosen };
          },
          async identified({ issuer, subject }, token) {
            refreshToken = await keepLogin(host, resolved, { issuer, subject, refreshToken: token });
          },
        },
      }),
    );
    const { store, storeProblem } = await keepCredentials(host, profile, entry);
    return {
      issuer: entry.issuer,
      subject: entry.subject,
      roleArn: role.arn,
      roleChosen: role.chosen,
      expiresAtMs: entry.expiresAtMs,
      store,
      ...(storeProblem === undefined ? {} : { storeProblem }),
      refreshToken,
    };
  } catch (error) {
    if (signal.aborted) throw new BrokerError("LOGIN_REQUIRED", "the login was given up", { cause: error });
    throw error;
  }
}

/** Under the renewal's own lock: a renewal for the former person that is still under way must not be the last to write. */
async function keepCredentials(
  host: Host,
  profile: Profile,
  entry: Entry<SessionCredentials>,
): Promise<{ readonly store: string | undefined; readonly storeProblem: string | undefined }> {
  const key = credentialsKey(profile, host);
  const cache = openCache(host, profile.store, key, credentialsCodec, () => entry);
  const directory = usableCacheDirectory(host);
  const path = directory.ok ? directory.path : undefined;
  openBackoff(host, path, key).forget();
  const lock = path === undefined || !cache.keeps ? undefined : await renewalLock(host, path, key);
  try {
    const { store, problem } = await cache.write(entry);
    return { store, storeProblem: problem };
  } finally {
    lock?.release();
  }
}

/** Whoever was stopped while renewing is not waited for long: the person sits there. */
async function renewalLock(host: Host, directory: string, key: string): Promise<Lock | undefined> {
  try {
    host.files.makePrivateDirectory(`${directory}/locks`);
    return await waitForLock(host, `${directory}/locks/${key}`, RENEWAL_MS, new AbortController().signal);
  } catch {
    return undefined;
  }
}

const NEVER: RefreshTokenOutcome = {
  kept: false,
  reason: "never",
  detail: "this kind of identity has no refresh token: a person logs in each time the credentials end",
};

interface LoggedIn {
  readonly issuer: string;
  readonly subject: string;
  readonly refreshToken: Secret | undefined;
}

/** Before AWS is asked: a role that is not to be had today does not cost the person another login. */
async function keepLogin(
  host: Host,
  { profile: { identity } }: Resolved,
  login: LoggedIn,
): Promise<RefreshTokenOutcome> {
  const key = loginKey(identity, host);
  if (key === undefined) return NEVER;
  const kept = identity.kind.startsWith("oidc-") ? await keepRefreshToken(host, identity, key, login) : NEVER;
  const { issuer, subject } = login;
  // Last: what is renewed from the vault writes it again where we die here.
  const problem = writeLoginMark(host, key, { issuer, subject, atMs: host.clock.nowMs() });
  if (problem !== undefined) {
    host.log.warn(
      `who logged in could not be noted (${problem.detail}): what is kept for somebody who logged in before may be used until it ends`,
    );
  }
  return kept;
}

async function keepRefreshToken(
  host: Host,
  identity: IdentityTable,
  key: string,
  { issuer, subject, refreshToken }: LoggedIn,
): Promise<RefreshTokenOutcome> {
  const nowMs = host.clock.nowMs();
  const vault = openVault(host, storeSetting(identity.settings), key);
  // Without it, too: whoever holds it finds a newer login than its own, and leaves it alone.
  const turn = await loginTurn(host, key, new AbortController().signal).catch(() => undefined);
  try {
    if (refreshToken === undefined || vault.store === "none") {
      // The former one may be somebody else's.
      await vault.remove();
      return vault.store === "none" ? NOT_WANTED : NOT_ISSUED;
    }
    const written = await vault.write({ issuer, subject, refreshToken, loggedInAtMs: nowMs, rotatedAtMs: nowMs });
    if (written.ok) return { kept: true, store: vault.store };
    await vault.remove();
    const { detail, hint } = written.problem;
    const other =
      vault.store === DEFAULT_VAULT
        ? 'refresh_token_store = "kernel" (memory, until a reboot) or "file" (worth a 0600 file) would keep it'
        : undefined;
    return {
      kept: false,
      reason: "store-unusable",
      detail: `${vault.store}: ${detail}`,
      hint: [hint, other].filter((one) => one !== undefined).join("; ") || undefined,
    };
  } finally {
    turn?.release();
  }
}

const NOT_WANTED: RefreshTokenOutcome = {
  kept: false,
  reason: "not-wanted",
  detail: 'refresh_token_store is "none"',
};

const NOT_ISSUED: RefreshTokenOutcome = {
  kept: false,
  reason: "not-issued",
  detail: "the provider issued no refresh token",
  hint: 'scope = "openid offline_access", for some with parameters = { prompt = "consent" }, and allow the client refresh tokens',
};
