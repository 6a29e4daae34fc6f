import { loginKey } from "../cache/key.ts";
import { isLoggedOut, isReplaced, loginMarkReader, writeLoginMark } from "../cache/login-mark.ts";
import { type Login, openVault, type Vault } from "../cache/vault.ts";
import { BrokerError } from "../core/errors.ts";
import { loginCommand } from "../core/login-command.ts";
import { printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import type { Profile } from "../core/types.ts";
import type { Host, Patience } from "../host/host.ts";
import type { Redemption, Session } from "../identity/source.ts";
import { patienceFor } from "./deadline.ts";
import { loginTurn } from "./login-turn.ts";

/** What a former login left, and who it said we are. */
export interface KeptSession extends Session {
  /**
   * What came of the refresh token has to be of who logged in; the refresh token of somebody else is removed.
   *
   * @throws BrokerError LOGIN_REQUIRED when it is somebody else's
   */
  checkSubject(assertion: { readonly issuer: string; readonly subject: string }): Promise<void>;
}

/** Whoever needs the session, and for how long. */
export interface Caller {
  readonly signal: AbortSignal;
  /** On `host.clock.monotonicMs()`. */
  readonly deadlineMs: number;
  /** Takes work that must not be left behind at the deadline. */
  hold(part: Promise<unknown>): void;
}

/** The session of a profile's identity; undefined where nobody logs in to it. */
export function openSession(
  host: Host,
  { name, identity }: Profile,
  { signal, deadlineMs, hold }: Caller,
): KeptSession | undefined {
  const key = loginKey(identity, host);
  if (key === undefined) return undefined;
  const vault = openVault(host, storeSetting(identity.settings), key);
  const hint = loginCommand(name);
  let used: Login | undefined;
  const current = async (): Promise<Login | undefined> => {
    const patience = patienceFor(deadlineMs - host.clock.monotonicMs());
    const login = await known(vault, hint, patience);
    if (login === undefined) return undefined;
    const mark = loginMarkReader(host, identity)?.();
    const isOut = isLoggedOut(mark, login.loggedInAtMs);
    if (!isOut && !isReplaced(mark, login)) return login;
    const before = isOut ? "a logout" : "somebody else's login";
    host.log.debug("session", `${vault.store}: the refresh token is of before ${before}, and is not used`);
    return undefined;
  };

  return {
    async redeem(send) {
      // Most calls without a login end here, and wait for nobody.
      if ((await current()) === undefined) return undefined;
      const lock = await loginTurn(host, key, signal);
      const work = (async () => {
        let goOn: (() => void) | undefined;
        try {
          // Whoever had the turn before has redeemed the one we knew.
          const login = await current();
          if (login === undefined) return undefined;
          followMark(host, identity, key, login);
          const redemption = await send(login.refreshToken, async () => {
            if (signal.aborted)
              throw new BrokerError("TIMEOUT", "the time was over before the refresh token could be sent");
            hold(work);
            goOn ??= await host.signals.hold();
          });
          used = { ...login, refreshToken: successorOf(redemption) ?? login.refreshToken };
          return await redeemed(host, vault, login, redemption, hint);
        } finally {
          lock.release();
          goOn?.();
        }
      })();
      return work;
    },
    async checkSubject({ issuer, subject }) {
      if (used === undefined || (used.issuer === issuer && used.subject === subject)) return;
      const work = removeUnlessReplaced(vault, used);
      hold(work);
      await work;
      throw new BrokerError(
        "LOGIN_REQUIRED",
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

async function known(vault: Vault, hint: string, patience: Patience): Promise<Login | undefined> {
  const found = await vault.read(patience);
  if (found.ok) return found.value;
  const { detail, hint: mend, unanswered } = found.problem;
  // Whoever has more time may yet read it.
  const code = unanswered === true && patience === "hurried" ? "TIMEOUT" : "LOGIN_REQUIRED";
  throw new BrokerError(code, `the refresh token cannot be read, ${vault.store}: ${detail}`, {
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
    await removeUnlessReplaced(vault, login);
    throw new BrokerError("LOGIN_REQUIRED", redemption.detail, { hint });
  }
  const { value } = redemption;
  const refreshToken = successorOf(redemption);
  if (refreshToken !== undefined && refreshToken.reveal() !== login.refreshToken.reveal()) {
    const now = await vault.read();
    // A login does not wait for ever for its turn, and it is the one that counts.
    if (now.ok && now.value !== undefined && !isSameLogin(now.value, login)) {
      host.log.debug("session", `${vault.store}: a login has taken the place of the one that was renewed`);
      return value;
    }
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

function successorOf(redemption: Redemption<unknown>): Secret | undefined {
  return redemption.outcome === "redeemed" ? redemption.refreshToken : undefined;
}

/** However often it was renewed. Not by which is later: the clock may have been set back between them. */
function isSameLogin(one: Login, other: Login): boolean {
  return one.loggedInAtMs === other.loggedInAtMs && one.issuer === other.issuer && one.subject === other.subject;
}

/** A login of this very moment may have put another one there. */
async function removeUnlessReplaced(vault: Vault, { refreshToken }: Login): Promise<void> {
  const now = await vault.read();
  if (now.ok && now.value?.refreshToken.reveal() === refreshToken.reveal()) await vault.remove();
}

/** What `refresh_token_store` says; undefined: the default. Its value has been judged by the source. */
export function storeSetting(settings: Profile["identity"]["settings"]): string | undefined {
  return typeof settings.refresh_token_store === "string" ? settings.refresh_token_store : undefined;
}
