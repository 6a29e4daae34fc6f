import { printable } from "../core/printable.ts";
import type { OidcAssertion } from "../core/types.ts";

/** What a token says, as far as it explains a refusal. Every text is fit for a terminal; the token itself is not in here. */
export interface TokenFacts {
  readonly kind: "oidc";
  readonly issuer: string;
  readonly subject: string;
  /** What AWS matches: `azp`, and only without it `aud`. */
  readonly audience: string;
  readonly azp?: string;
  readonly aud: readonly string[];
  readonly expiresAtMs: number;
  /** True when it carries session tags, which need sts:TagSession in the trust policy. */
  readonly tagged: boolean;
  /** True when it carries a source identity, which needs sts:SetSourceIdentity. */
  readonly sourceIdentity: boolean;
}

/**
 * Never throws: it serves error messages only, so whatever cannot be read is left out.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html (nested and flattened claims)
 */
export function tokenFacts(assertion: OidcAssertion): TokenFacts {
  const claims = claimsOf(assertion.token.reveal());
  const azp = claims.azp;
  const aud = claims.aud;
  return {
    kind: "oidc",
    issuer: printable(assertion.issuer),
    subject: printable(assertion.subject),
    audience: printable(assertion.audience),
    ...(typeof azp === "string" ? { azp: printable(azp) } : {}),
    aud: (Array.isArray(aud) ? aud : [aud])
      .filter((value) => typeof value === "string")
      .map((value) => printable(value, 100)),
    expiresAtMs: assertion.expiresAtMs,
    tagged: Object.keys(claims).some((name) => /^https:\/\/aws\.amazon\.com\/tags(\/|$)/.test(name)),
    sourceIdentity: Object.hasOwn(claims, "https://aws.amazon.com/source_identity"),
  };
}

function claimsOf(token: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
