import { issuerFindings } from "../assertion/issuer.ts";
import { awsAudience, claimOf, parseJwt, textClaim } from "../assertion/jwt.ts";
import { chooseRole } from "../assertion/role.ts";
import { oidcTrustContext } from "../assertion/trust-context.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import type { OidcAssertion, Profile } from "../core/types.ts";
import { type TrustPlan, trustedRole } from "./plan.ts";
import { plainValue, trustPolicy } from "./policy.ts";
import { unstableSubject } from "./unstable.ts";

const IT = "the token";

/**
 * The trust that this token needs. Whether it has expired, or AWS would take it, is for `explain`.
 *
 * @throws BrokerError CONFIG_INVALID without a role_arn; ASSERTION_UNUSABLE for what is no JWT, or has no issuer or audience
 */
export function oidcTrustPlan(token: Secret, profile: Profile): TrustPlan {
  const { claims } = parseJwt(token, IT);
  const issuer = plainIssuer(textClaim(claims, "iss", IT));
  const { value: audience, claim } = awsAudience(claims, IT);
  // Of an OIDC assertion, the choice of a role looks at its kind alone.
  const { role } = chooseRole(profile, { kind: "oidc" } as OidcAssertion);
  const trust = oidcTrustContext(claims, role.arn, role.sessionName);
  const key = (name: string): string => `${trust.federated.slice(trust.federated.indexOf("/") + 1)}:${name}`;
  const warnings = issuerFindings(claims).flatMap(({ verdict, detail }) => (verdict === "no" ? [detail] : []));

  const equal: Record<string, string> = { [key("aud")]: plainValue(audience, "the token's audience") };
  const aud = claimOf(claims, "aud");
  // With an azp, only this keeps out tokens that the same client has for another service.
  if (claim === "azp" && typeof aud === "string") equal[key("oaud")] = plainValue(aud, 'the token\'s "aud"');
  const subject = claimOf(claims, "sub");
  if (typeof subject === "string" && subject !== "") {
    equal[key("sub")] = plainValue(subject, "the token's subject");
    const unstable = unstableSubject(subject, claims);
    if (unstable !== undefined) warnings.push(unstable);
  } else {
    warnings.push(
      `the token has no sub: AWS refuses it, and the policy would let in every token of the audience "${printable(audience, 120)}"`,
    );
  }
  const amr = trust.context.get(key("amr")) ?? [];
  return {
    profile: profile.name,
    role: trustedRole(role.arn, role.durationSeconds),
    provider: { kind: "oidc", arn: trust.federated, url: issuer, clientId: audience },
    policy: trustPolicy(trust, {
      StringEquals: equal,
      // A second factor that was used is asked for; other methods may change from one login to the next.
      "ForAnyValue:StringEquals": amr.includes("mfa") ? { [key("amr")]: "mfa" } : {},
    }),
    warnings,
  };
}

/** It becomes part of an ARN and of the names of condition keys. @throws BrokerError ASSERTION_UNUSABLE */
function plainIssuer(issuer: string): string {
  if (/^https?:\/\/[\x21-\x7e]+$/.test(issuer)) return issuer;
  throw new BrokerError(
    "ASSERTION_UNUSABLE",
    `the issuer "${printable(issuer, 120)}" is not an address in plain ASCII`,
  );
}
