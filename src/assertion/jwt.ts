/**
 * What a JWT says, read without verifying it: AWS verifies, we explain. Whatever a hostile or careless IdP puts in here must end in
 * one line of an error, never in a crash and never in a quoted token.
 */
import type { BrokerError } from "../core/errors.ts";
import { hasControlCharacter, printable } from "../core/printable.ts";
import { Secret } from "../core/secret.ts";
import { rfc3339, spoken } from "../core/time.ts";
import type { OidcAssertion } from "../core/types.ts";
import { clockSays, LEEWAY_MS, type Now, trueNowMs, unusable } from "./finding.ts";

export type Claims = Readonly<Record<string, unknown>>;

export interface Jwt {
  readonly header: Claims;
  readonly claims: Claims;
}

/** STS's own bound on WebIdentityToken. */
const MAX_LENGTH = 20_000;
/** Real tokens stay below ten; pretty-printing a thousand levels would cost megabytes of spaces. */
const MAX_DEPTH = 32;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const AWS_ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];
/** Above this an `exp` is in milliseconds: as seconds it would lie beyond the year 5000. */
const MILLISECONDS_FROM = 100_000_000_000;

const ASK_FOR_A_JWT =
  'ask the identity provider for a JWT: set `audience` or `resource` in the identity (most providers then issue one), or `assertion = "id_token"`';

/**
 * Header and claims of a JWT in compact form, signature unchecked.
 *
 * @param what names the token in errors, such as "the access token of https://idp.example"
 * @throws BrokerError ASSERTION_UNUSABLE for an opaque token, an encrypted one (JWE), or one that AWS could not take
 * @see RFC 7519 §7.2
 */
export function parseJwt(token: Secret | string, what: string): Jwt {
  const text = typeof token === "string" ? token : token.reveal();
  if (text === "") throw unusable(`${what} is empty`);
  if (/\s/.test(text)) throw unusable(`${what} has white space in it, so it is not a JWT`, ASK_FOR_A_JWT);
  if (text.length > MAX_LENGTH)
    throw unusable(
      `${what} is ${text.length} characters long, and AWS takes at most ${MAX_LENGTH}`,
      "have the identity provider put fewer claims into this client's tokens: groups and roles first",
    );

  const parts = text.split(".");
  const [encodedHeader = "", encodedClaims = "", signature = ""] = parts;
  const header = decodeObject(encodedHeader);
  if (header !== undefined && parts.length === 5)
    throw unusable(
      `${what} is encrypted (a JWE), so AWS cannot read it`,
      "have the identity provider sign this client's tokens and not encrypt them",
    );
  if (header === undefined || parts.length !== 3)
    throw unusable(`${what} is opaque, not a JWT, so AWS cannot verify it: ask the provider for a JWT`, ASK_FOR_A_JWT);

  const claims = decodeObject(encodedClaims);
  if (claims === undefined || (signature !== "" && !BASE64URL.test(signature)))
    throw unusable(`${what} looks like a JWT but is damaged: its claims or its signature cannot be decoded`);
  if (tooDeep(header) || tooDeep(claims)) throw unusable(`${what} nests its claims more than ${MAX_DEPTH} levels deep`);
  return { header, claims };
}

/**
 * Judges a token by AWS's rules as far as they can be known here, so that a hopeless one costs no call and gets a better answer than
 * STS's. The five minutes that AWS grants past `exp` are not used: they are for clocks, not for us.
 *
 * @param skewMs how far the servers' clocks are ahead of ours, when known
 * @throws BrokerError ASSERTION_UNUSABLE
 */
export function toOidcAssertion(
  token: Secret | string,
  nowMs: number,
  skewMs?: number,
  what = "the token",
): OidcAssertion {
  const { header, claims } = parseJwt(token, what);
  checkedAlgorithm(header, what);
  const issuer = textClaim(claims, "iss", what);
  const audience = awsAudience(claims, what).value;
  const subject = textClaim(claims, "sub", what);
  const now: Now = { nowMs, skewMs };
  const expiresAtMs = checkedExpiry(claims, now, what);
  for (const name of ["nbf", "iat"] as const) checkedStart(claims, name, now, what);
  return {
    kind: "oidc",
    token: typeof token === "string" ? new Secret(token) : token,
    issuer,
    audience,
    subject,
    expiresAtMs,
  };
}

/**
 * The audience as AWS reads it: `azp`, and only without it `aud` (the first, where it is a list).
 *
 * @throws BrokerError ASSERTION_UNUSABLE
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
 */
export function awsAudience(claims: Claims, what = "the token"): { value: string; claim: "azp" | "aud" } {
  // AWS asks for aud even where azp is what it goes by.
  const aud = claimOf(claims, "aud");
  const audience = checkedText(Array.isArray(aud) ? aud[0] : aud, "aud", what);
  const azp = claimOf(claims, "azp");
  return azp === undefined || azp === null
    ? { value: audience, claim: "aud" }
    : { value: checkedText(azp, "azp", what), claim: "azp" };
}

/** For `token --claims`: JSON with two spaces, still JSON, in which nothing can move the cursor or reorder the line. */
export function describeClaims(claims: Claims): string {
  return JSON.stringify(claims, null, 2).replace(
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** @throws BrokerError ASSERTION_UNUSABLE */
export function checkedAlgorithm(header: Claims, what: string): string {
  const algorithm = claimOf(header, "alg");
  if (typeof algorithm === "string" && AWS_ALGORITHMS.includes(algorithm)) return algorithm;
  throw unusable(
    `${what} is signed with ${algorithm === undefined ? "no stated algorithm" : printable(typeof algorithm === "string" ? algorithm : JSON.stringify(algorithm), 40)}, and AWS takes RS256, RS384, RS512, ES256, ES384 or ES512`,
    "set the signature algorithm of this client's tokens to RS256 at the identity provider",
  );
}

/** @throws BrokerError ASSERTION_UNUSABLE when it has expired, or does not say when it does */
export function checkedExpiry(claims: Claims, now: Now, what: string): number {
  const expiresAtMs = timeClaim(claims, "exp", what);
  if (expiresAtMs === undefined) throw missing("exp", what);
  const leftMs = expiresAtMs - trueNowMs(now);
  if (leftMs > 0) return expiresAtMs;
  throw unusable(
    `${what} expired ${spoken(leftMs)} ago, at ${rfc3339(expiresAtMs)}; ${clockSays(now)}`,
    "have a new token issued, and check the clock: date -u",
  );
}

/** @throws BrokerError ASSERTION_UNUSABLE when that time is still to come */
export function checkedStart(claims: Claims, name: "nbf" | "iat", now: Now, what: string): number | undefined {
  const fromMs = timeClaim(claims, name, what);
  if (fromMs === undefined || fromMs <= trueNowMs(now) + LEEWAY_MS) return fromMs;
  throw unusable(
    `${what} is not valid yet: its "${name}" is ${spoken(fromMs - trueNowMs(now))} ahead, at ${rfc3339(fromMs)}; ${clockSays(now)}`,
    "check the clocks of this machine and of the identity provider: date -u",
  );
}

/** @throws BrokerError ASSERTION_UNUSABLE */
export function textClaim(claims: Claims, name: string, what: string): string {
  return checkedText(claimOf(claims, name), name, what);
}

function checkedText(value: unknown, name: string, what: string): string {
  if (value === undefined || value === null || value === "") throw missing(name, what);
  if (typeof value !== "string" || hasControlCharacter(value))
    throw unusable(`${what} has a "${name}" claim that is not plain text, and AWS needs it so`);
  return value;
}

function timeClaim(claims: Claims, name: string, what: string): number | undefined {
  const value = claimOf(claims, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0)
    throw unusable(
      `${what} has "${name}": ${printable(JSON.stringify(value), 40)}, and AWS takes whole seconds since 1970 only`,
      `have the identity provider issue "${name}" as an integer`,
    );
  if (value >= MILLISECONDS_FROM)
    throw unusable(
      `${what} has its "${name}" in milliseconds or beyond any calendar, and AWS takes seconds`,
      `have the identity provider issue "${name}" in seconds since 1970`,
    );
  return value * 1000;
}

function missing(name: string, what: string): BrokerError {
  return unusable(
    `${what} has no "${name}" claim, and AWS needs it`,
    `add "${name}" to what the identity provider puts into this client's tokens; AWS needs iss, sub, aud and exp`,
  );
}

/** Own properties only: a claim called "constructor" is the token's or nobody's. */
export function claimOf(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined;
}

function decodeObject(part: string): Claims | undefined {
  if (!BASE64URL.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(part, "base64url")));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Claims) : undefined;
  } catch {
    // The parser's own message would quote the token.
    return undefined;
  }
}

function tooDeep(root: unknown): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []));
  }
  return false;
}
