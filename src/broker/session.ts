import { cacheDirectoryPath, usableCacheDirectory, usablePrivateDirectory } from "../cache/directory.ts";
import { loginKey } from "../cache/key.ts";
import { isLoggedOut, loginMarkReader, writeLoginMark } from "../cache/login-mark.ts";
import { type Login, openVault, type Vault } from "../cache/vault.ts";
import { BrokerError } from "../core/errors.ts";
import { loginCommand } from "../core/login-command.ts";
import { printable } from "../core/printable.ts";
import { spoken } from "../core/time.ts";
import type { Profile } from "../core/types.ts";
import type { Host, Lock } from "../host/host.ts";
import type { Redemption, Session } from "../identity/source.ts";
import { waitForLock } from "./wait-for-lock.ts";

/** Longer than a redemption may take, so that only somebody who was stopped is not waited for. */
const TURN_MS = 20_000;

/** What a former login left, and who it said we are. */
export interface KeptSession extends Session {
  /** @throws BrokerError ASSERTION_UNUSABLE when what came of the refresh token is somebody else's */
  checkSubject(assertion: { readonly issuer: string; readonly subject: string }): void;
}

/**
 * The session of a profile's identity; undefined where nobody logs in to it.
 *
 * @param hold work that must not be left behind at a caller's deadline
 */
export function openSession(
  host: Host,
  { name, identity }: Profile,
  signal: AbortSignal,
  hold: (part: Promise<unknown>) => void,
): KeptSession | undefined {
  const key = loginKey(identity, host);
  if (key === undefined) return undefined;
  const vault = openVault(host, storeSetting(identity.settings), key);
  const hint = loginCommand(name);
  let used: Login | undefined;
  const current = async (): Promise<Login | undefined> => {
    const login = await known(vault, hint);
    if (login === undefined || !isLoggedOut(loginMarkReader(host, identity)?.(), login.loggedInAtMs)) return login;
    host.log.debug("session", `${vault.store}: the refresh token is of before a logout, and is not used`);
    return undefined;
  };

  return {
    async redeem(send) {
      // Most calls without a login end here, and wait for nobody.
      if ((await current()) === undefined) return undefined;
      const lock = await loginTurn(host, key, signal);
      const work = (async () => {
        try {
          // Whoever had the turn before has redeemed the one we knew.
          const login = await current();
          if (login === undefined) return undefined;
          used = login;
          followMark(host, identity, key, login);
          return await redeemed(host, vault, login, await send(login.refreshToken), hint);
        } finally {
          lock.release();
        }
      })();
      hold(work);
      return work;
    },
    checkSubject({ issuer, subject }) {
      if (used === undefined || (used.issuer === issuer && used.subject === subject)) return;
      throw new BrokerError(
        "ASSERTION_UNUSABLE",
        `${printable(issuer, 200)} renewed for "${printable(subject, 120)}", and "${printable(used.subject, 120)}" had logged in`,
        { hint },
      );
    },
  };
}

/** The vault may be shared where the cache is not: entries are served for whoever the vault says logged in last. */
function followMark(host: Host, identity: Profile["identity"], key: string, login: Login): void {
  const mark = loginMarkReader(host, identity)?.();
  const { issuer, subject, loggedInAtMs } = login;
  if (mark?.issuer === issuer && mark.subject === subject) return;
  if (mark === undefined || mark.atMs < loggedInAtMs)
    writeLoginMark(host, key, { issuer, subject, atMs: loggedInAtMs });
}

async function known(vault: Vault, hint: string): Promise<Login | undefined> {
  const found = await vault.read();
  if (found.ok) return found.value;
  const { detail, hint: mend } = found.problem;
  throw new BrokerError("LOGIN_REQUIRED", `the refresh token cannot be read, ${vault.store}: ${detail}`, {
    hint: mend === undefined ? hint : `${mend}; or ${hint}`,
  });
}

async function redeemed<T>(
  host: Host,
  vault: Vault,
  login: Login,
  redemption: Redemption<T>,
  hint: string,
): Promise<T> {
  if (redemption.outcome === "refused") {
    const now = await vault.read();
    // A login of this very moment has put another one there.
    if (now.ok && now.value?.refreshToken.reveal() === login.refreshToken.reveal()) await vault.remove();
    throw new BrokerError("LOGIN_REQUIRED", redemption.detail, { hint });
  }
  const { value, refreshToken } = redemption;
  if (refreshToken !== undefined && refreshToken.reveal() !== login.refreshToken.reveal()) {
    const written = await vault.write({ ...login, refreshToken, rotatedAtMs: host.clock.nowMs() });
    if (written.ok) host.log.debug("session", `the provider's new refresh token is in ${vault.store}`);
    else {
      host.log.warn(
        `the new refresh token could not be kept (${vault.store}: ${written.problem.detail}), and the old one is used up: these are the last credentials without a new login (${hint})`,
      );
    }
  }
  return value;
}

/** What `refresh_token_store` says; undefined: the default. Its value has been judged by the source. */
export function storeSetting(settings: Profile["identity"]["settings"]): string | undefined {
  return typeof settings.refresh_token_store === "string" ? settings.refresh_token_store : undefined;
}

/**
 * The turn of one process of the user to use or change what a login left. Unlike a renewal's lock it is never overtaken: a refresh token
 * that is redeemed twice makes its provider revoke all of them.
 *
 * @throws BrokerError LOCK_TIMEOUT, STORE_UNUSABLE where no lock can be had
 */
export async function loginTurn(host: Host, key: string, signal: AbortSignal): Promise<Lock> {
  const file = `${lockDirectory(host)}/login-${key}`;
  const lock = await waitForLock(host, file, TURN_MS, signal).catch((cause: NodeJS.ErrnoException) => {
    throw noLock(cause.code ?? "unknown error");
  });
  if (lock !== undefined) return lock;
  const line = signal.aborted ? "in time" : `for ${spoken(TURN_MS)}`;
  throw new BrokerError("LOCK_TIMEOUT", `another sts-broker uses the refresh token and has not ended ${line}`, {
    hint: "try again; a stopped process (jobs, ps) keeps it until it goes on or ends",
  });
}

/** In the home whatever CACHE_DIRECTORY and XDG_CACHE_HOME say: units with caches of their own share one keychain. */
function lockDirectory(host: Host): string {
  const home = cacheDirectoryPath({ ...host, env: { LOCALAPPDATA: host.env.LOCALAPPDATA } });
  const common = home === undefined ? undefined : usablePrivateDirectory(host, home);
  const directory = common?.ok ? common : usableCacheDirectory(host);
  if (!directory.ok) throw noLock(directory.detail);
  try {
    host.files.makePrivateDirectory(`${directory.path}/locks`);
  } catch (cause) {
    throw noLock((cause as NodeJS.ErrnoException).code ?? "unknown error");
  }
  return `${directory.path}/locks`;
}

function noLock(why: string): BrokerError {
  return new BrokerError("STORE_UNUSABLE", `the refresh token is not used without a lock, and there is none: ${why}`, {
    hint: "a process that redeems it beside another one would lose the login; set XDG_CACHE_HOME to a place that can be written",
  });
}
