import { parseJwt, toOidcAssertion } from "../assertion/jwt.ts";
import { chooseRole, grantChoices } from "../assertion/role.ts";
import { toSamlAssertion } from "../assertion/saml.ts";
import type { Trace } from "../audit/record.ts";
import type { Entry } from "../cache/entry.ts";
import { checkedAudit } from "../config/audit.ts";
import { checkedIdentity } from "../config/identity.ts";
import type { Resolved } from "../config/resolve.ts";
import { BrokerError } from "../core/errors.ts";
import { loginCommand } from "../core/login-command.ts";
import { printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import { spoken } from "../core/time.ts";
import type { Assertion, OidcAssertion, Profile, RoleGrant, SessionCredentials } from "../core/types.ts";
import { AssertionExpired } from "../exchange/judge.ts";
import { loadExchange } from "../exchange/registry.ts";
import { stsEndpoint } from "../exchange/sts-endpoint.ts";
import type { Host } from "../host/host.ts";
import type { Presenter } from "../identity/presenter.ts";
import { IDENTITY_SOURCES, identitySource } from "../identity/registry.ts";
import type { Proof, RevokedToken, Session } from "../identity/source.ts";
import { type Asking, preparing, watched } from "./asking.ts";
import { within } from "./deadline.ts";
import { type KeptHttp, withKept } from "./kept-http.ts";
import { pacedHttp } from "./paced-http.ts";
import { openPaces } from "./pacing.ts";
import { type KeptSession, openSession } from "./session.ts";

/** Below this nobody needs to hear of a clock. */
const NOTABLE_SKEW_MS = 120_000;

export interface MintContext {
  readonly host: Host;
  readonly signal: AbortSignal;
  /** On `host.clock.monotonicMs()`. */
  readonly deadlineMs: number;
  /** Takes work that is not left behind when the deadline is over, since it has one of its own. */
  readonly hold?: ((part: Promise<unknown>) => void) | undefined;
  readonly person?: Person | undefined;
}

/** Somebody is in front of the machine: `login`. */
export interface Person {
  readonly presenter: Presenter;
  /** Called when it is known who they are, before AWS is asked. */
  identified(assertion: Assertion, refreshToken: Secret | undefined): Promise<void>;
  /** Called when it is known which role they get. */
  granted(roleArn: string, chosen: boolean): void;
}

/** For AWS alone, once a person has been identified: an outage must not make them wait for what their own pace would allow. */
const EXCHANGE_MS = 45_000;

/** What is kept of the budget for writing audit records: a fifth, at most this. */
const AUDIT_MS = 1_500;

/** identity -> assertion -> exchange: new session credentials, and a record of it where the configuration asks for one. */
export async function mintCredentials(resolved: Resolved, context: MintContext): Promise<Entry<SessionCredentials>> {
  const { host, deadlineMs } = context;
  const places = await checkedAudit(resolved.audit, host);
  if (places.length === 0) return exchanged(resolved, context, {});
  const { audited } = await import("../audit/audited.ts");
  const leftMs = deadlineMs - host.clock.monotonicMs();
  const auditMs = Math.min(AUDIT_MS, leftMs / 5);
  // Inside the caller's deadline, so that what it interrupts is on record too.
  return audited({ host, profile: resolved.profile, places, deadlineMs: deadlineMs - auditMs / 4 }, (trace) =>
    within(host, leftMs - auditMs, (signal) =>
      exchanged(
        resolved,
        { ...context, signal: AbortSignal.any([context.signal, signal]), deadlineMs: deadlineMs - auditMs },
        trace,
      ),
    ),
  );
}

async function exchanged(resolved: Resolved, context: MintContext, trace: Trace): Promise<Entry<SessionCredentials>> {
  const { host, signal, deadlineMs, person } = context;
  const endpoint = stsEndpoint(resolved.profile.sts);
  const yields = identitySource(resolved.profile.identity.kind)?.yields;
  const next = preparing(host, endpoint, async () => yields && loadExchange(yields));
  const { credentials, from } = await withKept(context, redeem, (error) => {
    if (!(error instanceof AssertionExpired)) return false;
    host.log.debug("mint", "STS took the assertion for expired; one more is fetched");
    return true;
  });
  warnOfClock(host);
  return entryOf(host, credentials, credentials.expiresAtMs, from);

  async function redeem(kept: KeptHttp): Promise<Redeemed> {
    const paceOf = openPaces(host);
    // While STS asks all of us to wait, a proof would only grow old, and one more login for nothing.
    await paceOf(endpoint.host).turn(context);
    // A person takes longer than a connection lasts.
    const from = await identified(resolved, context, kept, person === undefined ? next : undefined);
    trace.assertion = from;
    const picked = person === undefined ? undefined : await pickedRole(resolved.profile, from, person);
    const profile = chooseRole(picked ?? resolved.profile, from);
    trace.roleArn = profile.role.arn;
    person?.granted(profile.role.arn, picked !== undefined);
    next.begun();
    const exchange = await loadExchange(from.kind);
    const untilMs = person === undefined ? deadlineMs : Math.min(deadlineMs, host.clock.monotonicMs() + EXCHANGE_MS);
    const onAnswer = (requestId: string | undefined): void => {
      trace.requestId = requestId;
    };
    return {
      from,
      credentials: await exchange(profile, from, { host, signal, deadlineMs: untilMs, onAnswer, paceOf }),
    };
  }
}

interface Redeemed {
  readonly from: Assertion;
  readonly credentials: SessionCredentials;
}

/** identity -> assertion, kept as it is. */
export async function mintToken(resolved: Resolved, context: MintContext): Promise<Entry<OidcAssertion>> {
  const assertion = await withKept(context, (kept) => identified(resolved, context, kept));
  if (assertion.kind !== "oidc") {
    const name = printable(resolved.profile.identity.name, 80);
    throw new BrokerError("CONFIG_INVALID", `[identity.${name}] brings a SAML response, and there is no token in it`, {
      hint: "sts-broker explain shows what it says",
    });
  }
  return entryOf(context.host, assertion, assertion.expiresAtMs, assertion);
}

/** Who we are, read and judged; of a person it is told at once, of a session it is checked that it is still the same. */
async function identified(
  resolved: Resolved,
  context: MintContext,
  kept: KeptHttp,
  asking?: Asking,
): Promise<Assertion> {
  const session = sessionOf(resolved, context);
  const proof = await proveIdentity(resolved, context, { session, kept, asking });
  const assertion = await assertionOf(proof, context.host);
  await session?.checkSubject(assertion);
  await context.person?.identified(assertion, proof.kind === "oidc" ? proof.refreshToken : undefined);
  return assertion;
}

function sessionOf({ profile }: Resolved, context: MintContext): KeptSession | undefined {
  const { host, signal, deadlineMs, hold = () => {}, person } = context;
  return person === undefined ? openSession(host, profile, { signal, deadlineMs, hold }) : undefined;
}

/** The profile with the role that a person picked, where an assertion grants several and the profile names none. */
async function pickedRole(profile: Profile, from: Assertion, { presenter }: Person): Promise<Profile | undefined> {
  const grants = grantChoices(profile, from);
  if (grants.length < 2) return undefined;
  const nameOf = (grant: RoleGrant): string => `${grant.roleArn} ${grant.principalArn}`;
  const choices = grants.map((grant) => ({ value: nameOf(grant), label: labelOf(grant, grants) }));
  const picked = await presenter.choose("Which role?", choices);
  const grant = grants.find((one) => nameOf(one) === picked);
  if (grant === undefined) throw new BrokerError("LOGIN_REQUIRED", "no role was chosen");
  return { ...profile, role: { ...profile.role, arn: grant.roleArn, principalArn: grant.principalArn } };
}

function labelOf({ roleArn, principalArn }: RoleGrant, grants: readonly RoleGrant[]): string {
  const same = grants.filter((one) => one.roleArn === roleArn);
  return same.length === 1 ? roleArn : `${roleArn} through ${principalArn}`;
}

interface Proving {
  readonly session?: Session | undefined;
  /** Default: everything is asked for, and nothing kept. */
  readonly kept?: KeptHttp | undefined;
  readonly asking?: Asking | undefined;
}

/** Who we are, in the IdP's words. @throws CONFIG_INVALID, THROTTLED, and what the source throws */
export async function proveIdentity(
  resolved: Resolved,
  context: MintContext,
  { session = sessionOf(resolved, context), kept, asking }: Proving = {},
): Promise<Proof> {
  const { host, signal, deadlineMs, person } = context;
  const { source, settings } = await checkedIdentity(resolved, IDENTITY_SOURCES, host);
  host.log.debug("identity", `${source.kind} [identity.${resolved.profile.identity.name}]`);
  if (source.yields === "oidc" && resolved.profile.role.arn === undefined) {
    throw new BrokerError("CONFIG_INVALID", `profile "${printable(resolved.profile.name, 80)}" has no role_arn`, {
      hint: "role_arn may be left out only where a SAML assertion grants a single role",
    });
  }
  const paced = pacedHttp(host, openPaces(host), deadlineMs, asking);
  return source.acquire(settings, {
    host: { ...host, http: kept?.over(paced) ?? paced, spawn: watched(host.spawn, asking) },
    signal,
    presenter: person?.presenter,
    session,
    ...(kept === undefined ? {} : { documentsHold: () => kept.stillHolds() }),
    loginHint: loginCommand(resolved.profile.name),
  });
}

/** A token is not used any more: its provider is told. "not-offered" for providers, and kinds of identity, that know no such thing. */
export async function revoke(
  resolved: Resolved,
  token: RevokedToken,
  { host, signal, deadlineMs }: MintContext,
): Promise<"revoked" | "not-offered"> {
  const { source, settings } = await checkedIdentity(resolved, IDENTITY_SOURCES, host);
  const http = pacedHttp(host, openPaces(host), deadlineMs);
  return source.revoke?.(settings, token, { host: { ...host, http }, signal }) ?? "not-offered";
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
