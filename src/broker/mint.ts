import { parseJwt, toOidcAssertion } from "../assertion/jwt.ts";
import { chooseRole } from "../assertion/role.ts";
import { toSamlAssertion } from "../assertion/saml.ts";
import type { Entry } from "../cache/entry.ts";
import { checkedIdentity } from "../config/identity.ts";
import type { Resolved } from "../config/resolve.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { spoken } from "../core/time.ts";
import type { Assertion, OidcAssertion, SessionCredentials } from "../core/types.ts";
import { AssertionExpired } from "../exchange/judge.ts";
import { loadExchange } from "../exchange/registry.ts";
import type { Host } from "../host/host.ts";
import { IDENTITY_SOURCES } from "../identity/registry.ts";
import type { Proof } from "../identity/source.ts";

/** Below this nobody needs to hear of a clock. */
const NOTABLE_SKEW_MS = 120_000;

export interface MintContext {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** On `host.clock.monotonicMs()`. */
  readonly deadlineMs: number;
}

/** identity -> assertion -> exchange: new session credentials. */
export async function mintCredentials(resolved: Resolved, context: MintContext): Promise<Entry<SessionCredentials>> {
  const { host } = context;
  let redeemed: Redeemed;
  try {
    redeemed = await redeem();
  } catch (error) {
    if (!(error instanceof AssertionExpired)) throw error;
    host.log.debug("mint", "STS took the assertion for expired; one more is fetched");
    redeemed = await redeem();
  }
  warnOfClock(host);
  const { credentials, from } = redeemed;
  return entryOf(host, credentials, credentials.expiresAtMs, from);

  async function redeem(): Promise<Redeemed> {
    const from = await assertionOf(await proveIdentity(resolved, context), host);
    const exchange = await loadExchange(from.kind);
    return { from, credentials: await exchange(chooseRole(resolved.profile, from), from, context) };
  }
}

interface Redeemed {
  readonly from: Assertion;
  readonly credentials: SessionCredentials;
}

/** identity -> assertion, kept as it is. */
export async function mintToken(resolved: Resolved, context: MintContext): Promise<Entry<OidcAssertion>> {
  const assertion = await assertionOf(await proveIdentity(resolved, context), context.host);
  if (assertion.kind !== "oidc") {
    const name = printable(resolved.profile.identity.name, 80);
    throw new BrokerError("CONFIG_INVALID", `[identity.${name}] brings a SAML response, and there is no token in it`, {
      hint: "sts-broker explain shows what it says",
    });
  }
  return entryOf(context.host, assertion, assertion.expiresAtMs, assertion);
}

/** Who we are, in the IdP's words. @throws CONFIG_INVALID, and what the source throws */
export async function proveIdentity(
  resolved: Resolved,
  { host, signal }: Omit<MintContext, "deadlineMs">,
): Promise<Proof> {
  const { source, settings } = await checkedIdentity(resolved, IDENTITY_SOURCES, host);
  host.log.debug("identity", `${source.kind} [identity.${resolved.profile.identity.name}]`);
  if (source.yields === "oidc" && resolved.profile.role.arn === undefined) {
    throw new BrokerError("CONFIG_INVALID", `profile "${printable(resolved.profile.name, 80)}" has no role_arn`, {
      hint: "role_arn may be left out only where a SAML assertion grants a single role",
    });
  }
  return source.acquire(settings, { host, signal });
}

/** A proof read and judged by AWS's rules. @throws ASSERTION_UNUSABLE */
export async function assertionOf(proof: Proof, host: Host): Promise<Assertion> {
  const nowMs = host.clock.nowMs();
  if (proof.kind === "saml") return toSamlAssertion(proof, nowMs, host.http.skewMs());
  const assertion = toOidcAssertion(proof.token, nowMs, host.http.skewMs(), proof.name);
  if (host.log.enabled) {
    const { aud } = parseJwt(proof.token, proof.name).claims;
    const { issuer, subject, audience } = assertion;
    host.log.debug(
      "assertion",
      `iss ${issuer}, sub ${subject}, audience for AWS ${audience}, aud ${JSON.stringify(aud)}`,
    );
  }
  return assertion;
}

function entryOf<T>(host: Host, value: T, expiresAtMs: number, { issuer, subject }: Assertion): Entry<T> {
  const skewMs = Math.round(host.http.skewMs() ?? 0);
  return { value, mintedAtMs: host.clock.nowMs(), skewMs, expiresAtMs, issuer, subject };
}

function warnOfClock(host: Host): void {
  const skewMs = host.http.skewMs() ?? 0;
  if (Math.abs(skewMs) < NOTABLE_SKEW_MS) return;
  const direction = skewMs > 0 ? "behind" : "ahead of";
  host.log.warn(`this machine's clock is ${spoken(skewMs)} ${direction} AWS's; set it right: timedatectl set-ntp true`);
}
