import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import { rfc3339, spoken } from "../core/time.ts";
import type { Profile } from "../core/types.ts";
import { askedLength, roleFinding } from "./explain-role.ts";
import { trustFindings } from "./explain-trust.ts";
import { attempt, clockFindings, type Explanation, type Finding, type Now, refusal, trueNowMs } from "./finding.ts";
import { issuerFindings } from "./issuer.ts";
import {
  awsAudience,
  type Claims,
  checkedAlgorithm,
  checkedExpiry,
  checkedStart,
  claimOf,
  describeClaims,
  type Jwt,
  parseJwt,
  textClaim,
  toOidcAssertion,
} from "./jwt.ts";
import { oidcTrustContext } from "./trust-context.ts";

/** How the findings call it. */
const IT = "the token";

export interface ExplainOptions {
  readonly profile: Profile;
  readonly now: Now;
  /** Parsed JSON. */
  readonly trustPolicy?: unknown;
}

/** What a token says and what AWS would make of it, however hopeless it is. */
export function explainOidc(token: Secret, { profile, now, trustPolicy }: ExplainOptions): Explanation {
  let jwt: Jwt;
  try {
    jwt = parseJwt(token, IT);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return { says: [], findings: [refusal("format", error)] };
  }
  const { header, claims } = jwt;
  const findings: Finding[] = [
    { point: "format", verdict: "ok", detail: `a JWT of ${token.reveal().length} characters` },
    attempt("algorithm", () => checkedAlgorithm(header, IT)),
    keyId(header),
    ...issuerFindings(claims),
    attempt("subject", () => `"${printable(textClaim(claims, "sub", IT))}"`),
    audience(claims),
    ...clockFindings(now),
    expiry(claims, now),
    ...starts(claims, now),
    roleFinding(profile.role.arn),
    { point: "session name", verdict: "ok", detail: `"${printable(profile.role.sessionName, 80)}"` },
    length(profile),
  ];
  if (trustPolicy !== undefined) {
    const { arn = "", sessionName } = profile.role;
    findings.push(...trustFindings(trustPolicy, oidcTrustContext(claims, arn, sessionName)));
  }
  const refused = attempt("token", () => toOidcAssertion(token, now.nowMs, now.skewMs, IT).subject);
  // What the exchange would refuse must never look fine here.
  if (refused.verdict === "no" && !findings.some(({ verdict }) => verdict === "no")) findings.push(refused);
  return { says: says(header, claims), findings };
}

function says(header: Claims, claims: Claims): [string, string][] {
  return [
    ["header", describeClaims(header)],
    ["claims", describeClaims(claims)],
  ];
}

function keyId(header: Claims): Finding {
  const kid = claimOf(header, "kid");
  const detail =
    typeof kid === "string"
      ? `"${printable(kid, 120)}" has to be among the keys that the issuer publishes`
      : "the header names no key (kid); AWS has to guess among those that the issuer publishes";
  return { point: "key", verdict: "unknown", detail };
}

function audience(claims: Claims): Finding {
  const aud = claimOf(claims, "aud");
  return attempt("audience", () => {
    const { value, claim } = awsAudience(claims, IT);
    const told = `"${printable(value)}", its ${claim}, has to be among the client ids of the OIDC provider at AWS`;
    if (claim === "azp")
      return `${told}; AWS reads azp before aud, and aud is ${printable(JSON.stringify(aud), 200)}, which only <issuer>:oaud sees`;
    return Array.isArray(aud) && aud.length > 1 ? `${told}; aud has ${aud.length} values and there is no azp` : told;
  });
}

function expiry(claims: Claims, now: Now): Finding {
  return attempt("expiry", () => {
    const expiresAtMs = checkedExpiry(claims, now, IT);
    return `${rfc3339(expiresAtMs)}, in ${spoken(expiresAtMs - trueNowMs(now))}`;
  });
}

function starts(claims: Claims, now: Now): Finding[] {
  const start = (name: "nbf" | "iat"): Finding =>
    attempt(name === "iat" ? "issued" : "not before", () => {
      const fromMs = checkedStart(claims, name, now, IT);
      return fromMs === undefined ? "" : rfc3339(fromMs);
    });
  const [iat, nbf] = [start("iat"), start("nbf")];
  const hasNone = iat.verdict === "ok" && iat.detail === "";
  return [
    hasNone
      ? {
          ...iat,
          verdict: "no",
          detail: `${IT} has no "iat" claim, and AWS needs it`,
          hint: 'have the identity provider put "iat" into this client\'s tokens',
        }
      : iat,
    ...(nbf.verdict === "ok" && nbf.detail === "" ? [] : [nbf]),
  ];
}

function length({ role: { durationSeconds } }: Profile): Finding {
  return {
    point: "length",
    verdict: "unknown",
    detail: `${askedLength(durationSeconds)}; the role's MaxSessionDuration bounds it`,
  };
}
