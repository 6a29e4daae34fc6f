import { loginKey } from "../cache/key.ts";
import { markLogout } from "../cache/login-mark.ts";
import type { StoreProblem } from "../cache/stores/store.ts";
import { openVault, VAULT_STORES } from "../cache/vault.ts";
import type { Resolved } from "../config/resolve.ts";
import { BrokerError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import type { Host } from "../host/host.ts";
import type { RevokedToken } from "../identity/source.ts";
import { within } from "./deadline.ts";
import type { Problem, Removed } from "./forget.ts";
import { loginTurn } from "./login-turn.ts";

/** For one provider to answer; what is on this machine is removed in any case. */
const REVOCATION_MS = 15_000;

/** At the provider. "nothing": there was no token; "not-offered": it cannot end one, or this kind of identity knows no such thing. */
export type Revocation = "revoked" | "nothing" | "not-offered" | BrokerError;

export interface EndedLogin {
  readonly removed: readonly Removed[];
  readonly problems: readonly Problem[];
  readonly refreshToken: Revocation;
  readonly accessToken: Revocation;
  /** Somebody else uses the refresh token and did not end. */
  readonly busy: BrokerError | undefined;
}

/** From now on nobody of this machine uses what the login left, whatever happens next. @returns why that could not be noted */
export function closeLogin(host: Host, { profile }: Resolved): StoreProblem | undefined {
  const key = loginKey(profile.identity, host);
  const problem = key === undefined ? undefined : markLogout(host, key);
  // Without a home nothing is noted, and no cache is there either.
  return problem?.absent === true ? undefined : problem;
}

/**
 * Revokes what a login left, and removes it from every store. In this order: a refresh token that is only removed stays good at its
 * provider, and nobody could revoke it any more. Call closeLogin before: who is killed in between leaves one that is not used, and the next
 * logout goes on with it. Throws nothing.
 *
 * @param accessToken that was kept beside it
 */
export async function endLogin(host: Host, resolved: Resolved, accessToken: Secret | undefined): Promise<EndedLogin> {
  const { identity } = resolved.profile;
  const key = loginKey(identity, host);
  if (key === undefined) return NOTHING;
  let busy: BrokerError | undefined;
  // Whoever redeems it at this moment would put its successor back.
  const turn = await loginTurn(host, key, new AbortController().signal).catch((error) => {
    busy = error instanceof BrokerError && error.code === "LOCK_TIMEOUT" ? error : undefined;
  });
  const removed: Removed[] = [];
  const problems: Problem[] = [];
  const outcomes: Revocation[] = [];
  try {
    for (const store of VAULT_STORES) {
      const vault = openVault(host, store, key);
      const found = await vault.read();
      if (found.ok && found.value !== undefined) {
        outcomes.push(await revocation(host, resolved, { kind: "refresh_token", token: found.value.refreshToken }));
      }
      const gone = await vault.remove();
      if (!gone.ok) problems.push({ store, ...gone.problem });
      else if (gone.value) removed.push({ kind: "refresh token", store });
    }
  } finally {
    turn?.release();
  }
  const token = identity.settings.assertion === "access_token" ? accessToken : undefined;
  return {
    removed,
    problems,
    busy,
    refreshToken: outcomes.find((one) => one instanceof BrokerError) ?? outcomes[0] ?? "nothing",
    accessToken: token === undefined ? "nothing" : await revocation(host, resolved, { kind: "access_token", token }),
  };
}

const NOTHING: EndedLogin = {
  removed: [],
  problems: [],
  refreshToken: "nothing",
  accessToken: "nothing",
  busy: undefined,
};

async function revocation(host: Host, resolved: Resolved, token: RevokedToken): Promise<Revocation> {
  const { revoke } = await import("./mint.ts");
  const deadlineMs = host.clock.monotonicMs() + REVOCATION_MS;
  try {
    return await within(host, REVOCATION_MS, (signal) => revoke(resolved, token, { host, signal, deadlineMs }));
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
}
