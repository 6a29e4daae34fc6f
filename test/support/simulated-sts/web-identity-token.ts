/**
 * Judges an OIDC token as AWS STS does: registered issuer, signature by the issuer's published key, integer times, expiry with five
 * minutes of grace, audience with azp before aud.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_oidc.html
 */
import { compactVerify, createLocalJWKSet, decodeJwt, decodeProtectedHeader, errors, type JWTPayload } from "jose";
import { fetchIssuerKeys, verificationKeyMissing } from "./issuer-keys.ts";
import { invalidIdentityToken, StsError } from "./sts-error.ts";
import type { Account } from "./types.ts";

const ALGORITHMS = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];
const EXPIRY_GRACE_SECONDS = 300;
const NOT_A_JWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)";
const TAGS_CLAIM = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY_CLAIM = "https://aws.amazon.com/source_identity";

/** What a verified token says. */
export interface WebIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** What AWS calls the audience: azp where there is one, else the registered one of aud. */
  readonly audience: string;
  /** The issuer without its scheme, as provider ARNs and condition keys carry it. */
  readonly issuerName: string;
  readonly conditionKeys: Readonly<Record<string, readonly string[]>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
}

/** Verifies the token against the registered providers, or throws AWS's refusal. */
export async function verifyWebIdentityToken(token: string, account: Account): Promise<WebIdentity> {
  const { claims, algorithm } = decode(token);
  const { iss, sub } = claims;
  for (const claim of ["iss", "sub", "exp", "iat"] as const) {
    if (claims[claim] === undefined) throw invalidIdentityToken(`Missing a required claim: ${claim}`);
  }
  if (typeof iss !== "string" || typeof sub !== "string") throw invalidIdentityToken(NOT_A_JWT);
  for (const time of [claims.exp, claims.iat, claims.nbf]) {
    if (time !== undefined && !Number.isInteger(time)) throw invalidIdentityToken(NOT_A_JWT);
  }
  const provider = account.providers.find(({ issuer }) => issuer === iss);
  if (provider === undefined) {
    throw invalidIdentityToken(`No OpenIDConnect provider found in your account for ${iss}`);
  }
  await verifySignature(token, algorithm, iss, account);
  checkExpiry(claims.exp ?? 0, account.nowMs());
  const audience = checkAudience(claims, provider.clientIds);
  return describe(claims, iss, sub, audience);
}

function decode(token: string): { claims: JWTPayload; algorithm: string } {
  try {
    return { claims: decodeJwt(token), algorithm: String(decodeProtectedHeader(token).alg) };
  } catch {
    throw invalidIdentityToken(NOT_A_JWT);
  }
}

async function verifySignature(token: string, algorithm: string, issuer: string, account: Account): Promise<void> {
  if (!ALGORITHMS.includes(algorithm)) throw invalidIdentityToken(`Unsupported signing algorithm: ${algorithm}`);
  const keys = createLocalJWKSet(await fetchIssuerKeys(issuer, account.issuers));
  try {
    await compactVerify(token, keys, { algorithms: ALGORITHMS });
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) throw verificationKeyMissing();
    throw invalidIdentityToken("Token signature is invalid");
  }
}

function checkExpiry(exp: number, nowMs: number): void {
  const now = Math.floor(nowMs / 1000);
  if (now < exp + EXPIRY_GRACE_SECONDS) return;
  // The missing space before the second number is AWS's.
  throw new StsError(
    "ExpiredTokenException",
    `Token expired: current date/time ${now} must be before the expiration date/time${exp}`,
  );
}

function checkAudience(claims: JWTPayload, clientIds: readonly string[]): string {
  const presented = typeof claims.azp === "string" ? [claims.azp] : audiencesOf(claims);
  if (presented.length === 0) throw invalidIdentityToken("Missing a required claim: aud");
  const known = presented.find((audience) => clientIds.includes(audience));
  if (known === undefined) throw invalidIdentityToken("Incorrect token audience");
  return known;
}

function describe(claims: JWTPayload, issuer: string, subject: string, audience: string): WebIdentity {
  const issuerName = issuer.replace(/^https?:\/\//, "");
  const keys: Record<string, readonly string[]> = {
    aud: typeof claims.azp === "string" ? [claims.azp] : audiencesOf(claims),
    oaud: audiencesOf(claims),
    sub: [subject],
    amr: stringsOf(claims.amr),
    email: stringsOf(claims.email),
  };
  const tags = claims[TAGS_CLAIM] as
    | { principal_tags?: Record<string, string[]>; transitive_tag_keys?: string[] }
    | undefined;
  return {
    issuer,
    subject,
    audience,
    issuerName,
    conditionKeys: Object.fromEntries(
      Object.entries(keys).map(([key, values]) => [`${issuerName}:${key}`.toLowerCase(), values]),
    ),
    tags: Object.fromEntries(
      Object.entries(tags?.principal_tags ?? {}).map(([key, value]) => [key, stringsOf(value)[0] ?? ""]),
    ),
    transitiveTagKeys: stringsOf(tags?.transitive_tag_keys),
    sourceIdentity: stringsOf(claims[SOURCE_IDENTITY_CLAIM])[0],
  };
}

function audiencesOf(claims: JWTPayload): string[] {
  return stringsOf(claims.aud);
}

function stringsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((item): item is string => typeof item === "string");
}
