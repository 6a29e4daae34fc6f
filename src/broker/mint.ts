import { parseJwt, toOidcAssertion } from "../assertion/jwt.ts";
import type { Entry } from "../cache/entry.ts";
import { checkedIdentity } from "../config/identity.ts";
import type { Resolved } from "../config/resolve.ts";
import { spoken } from "../core/time.ts";
import type { Assertion, OidcAssertion, SessionCredentials } from "../core/types.ts";
import { AssertionExpired } from "../exchange/judge.ts";
import { loadExchange } from "../exchange/registry.ts";
import type { Host } from "../host/host.ts";
import { IDENTITY_SOURCES } from "../identity/registry.ts";

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
  const { profile } = resolved;
  const assertion = await proveIdentity(resolved, context);
  let redeemed: Redeemed;
  try {
    redeemed = await redeem(assertion);
  } catch (error) {
    if (!(error instanceof AssertionExpired)) throw error;
    host.log.debug("mint", "STS took the assertion for expired; one more is fetched");
    redeemed = await redeem(await proveIdentity(resolved, context));
  }
  warnOfClock(host);
  const { credentials, from } = redeemed;
  return entryOf(host, credentials, credentials.expiresAtMs, from);

  async function redeem(from: Assertion): Promise<Redeemed> {
    const exchange = await loadExchange(from.kind);
    return { from, credentials: await exchange(profile, from, context) };
  }
}

interface Redeemed {
  readonly from: Assertion;
  readonly credentials: SessionCredentials;
}

/** identity -> assertion, kept as it is. */
export async function mintToken(resolved: Resolved, context: MintContext): Promise<Entry<OidcAssertion>> {
  const assertion = await proveIdentity(resolved, context);
  return entryOf(context.host, assertion, assertion.expiresAtMs, assertion);
}

/** Who we are, in the IdP's words, read and judged by AWS's rules. */
async function proveIdentity(resolved: Resolved, { host, signal }: MintContext): Promise<OidcAssertion> {
  const { source, settings } = await checkedIdentity(resolved, IDENTITY_SOURCES, host);
  host.log.debug("identity", `${source.kind} [identity.${resolved.profile.identity.name}]`);
  const proof = await source.acquire(settings, { host, signal });
  const assertion = toOidcAssertion(proof.token, host.clock.nowMs(), host.http.skewMs(), proof.name);
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

function entryOf<T>(host: Host, value: T, expiresAtMs: number, { issuer, subject }: OidcAssertion): Entry<T> {
  const skewMs = Math.round(host.http.skewMs() ?? 0);
  return { value, mintedAtMs: host.clock.nowMs(), skewMs, expiresAtMs, issuer, subject };
}

function warnOfClock(host: Host): void {
  const skewMs = host.http.skewMs() ?? 0;
  if (Math.abs(skewMs) < NOTABLE_SKEW_MS) return;
  const direction = skewMs > 0 ? "behind" : "ahead of";
  host.log.warn(`this machine's clock is ${spoken(skewMs)} ${direction} AWS's; set it right: timedatectl set-ntp true`);
}
