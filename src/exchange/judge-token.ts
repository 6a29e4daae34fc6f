/** What STS's refusal of an OIDC token means. English texts decide where one code has several causes. */
import { rfc3339 } from "../core/time.ts";
import type { StsRefusal } from "./answer.ts";
import {
  account,
  type Circumstances,
  clockHint,
  clockNote,
  explainCommand,
  missingPermission,
  named,
  quoted,
  roleCommand,
  shellWord,
  type Verdict,
} from "./circumstances.ts";
import { keysUnreachable } from "./keys-unreachable.ts";
import type { TokenFacts } from "./token-facts.ts";

type AtToken = Circumstances<TokenFacts>;

/** Undefined: this code says nothing of the token. */
export function tokenRefusal(answer: StsRefusal, at: AtToken): Verdict | undefined {
  const { facts: token } = at;
  switch (answer.code) {
    case "AccessDenied":
      return accessDenied(answer, at);
    case "InvalidIdentityToken":
      return invalidIdentityToken(answer, at);
    case "ExpiredToken":
      return {
        code: "STS_REFUSED",
        text: `AWS refused the token of ${token.issuer} as expired: its exp is ${rfc3339(token.expiresAtMs)}${clockNote(at) || `, and this machine's clock says ${rfc3339(at.nowMs)}`}`,
        hint: clockHint(at) ?? "have a new token issued, and check the clock: date -u",
      };
    case "IDPRejectedClaim":
      return {
        code: "STS_REFUSED",
        text: `AWS refused the token of ${token.issuer}: its identity provider rejects it, or it is expired or revoked (${answer.code})${clockNote(at)}`,
        hint: clockHint(at) ?? `have a new token issued: ${explainCommand(at)}`,
      };
    case "IDPCommunicationError":
      return unreachableIssuer(answer, at);
    case "Validation":
      return /webIdentityToken/i.test(answer.message)
        ? {
            code: "ASSERTION_UNUSABLE",
            text: `AWS takes no such token from ${token.issuer} (ValidationError): ${answer.message}`,
            hint: "STS takes JWTs of 4 to 20,000 characters",
          }
        : undefined;
    default:
      return undefined;
  }
}

/** One code for a trust policy that does not match, a role that does not exist and a permission that is missing: likeliest first. */
function accessDenied(answer: StsRefusal, at: AtToken): Verdict {
  const { facts: token, profile } = at;
  const missing = missingPermission(answer, "token", at);
  if (missing !== undefined) return missing;
  const also = [
    ...(token.tagged ? ["allow sts:TagSession (the token carries https://aws.amazon.com/tags)"] : []),
    ...(token.sourceIdentity ? ["allow sts:SetSourceIdentity (the token carries a source identity)"] : []),
  ];
  return {
    code: "STS_REFUSED",
    text:
      `AWS refused ${quoted(profile.role.arn)} (AccessDenied): most likely its trust policy does not match what the token says, ` +
      `${condition(token, "aud")} = ${quoted(token.audience)}${audienceNote(token)} and ${condition(token, "sub")} = ${quoted(token.subject)}` +
      `${also.length > 0 ? `; it must also ${also.join(" and ")}` : ""}; or there is no role of that name (upper and lower case count)`,
    hint: roleCommand(at),
  };
}

function invalidIdentityToken(answer: StsRefusal, at: AtToken): Verdict {
  const { facts: token } = at;
  if (keysUnreachable(answer)) return unreachableIssuer(answer, at);
  if (/no openidconnect provider found/i.test(answer.message))
    return {
      code: "STS_REFUSED",
      text: `AWS account ${account(at) ?? "of the role"} has no OIDC provider for ${token.issuer}, the token's issuer, spelt exactly so (${answer.code})`,
      hint: `aws iam create-open-id-connect-provider --url ${shellWord(token.issuer)} --client-id-list ${shellWord(token.audience)}`,
    };
  if (/incorrect token audience/i.test(answer.message))
    return {
      code: "STS_REFUSED",
      text: `the OIDC provider ${token.issuer} in AWS account ${account(at) ?? "of the role"} does not list the audience ${quoted(token.audience)}${audienceNote(token)} (${answer.code}: incorrect token audience)`,
      hint: `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn ${shellWord(providerArn(at))} --client-id ${shellWord(token.audience)}`,
    };
  return {
    code: "STS_REFUSED",
    text: `AWS does not take the token of ${token.issuer} (${named(answer)})${clockNote(at)}`,
    hint: clockHint(at) ?? explainCommand(at),
  };
}

function unreachableIssuer(answer: StsRefusal, { facts: token }: AtToken): Verdict {
  return {
    code: "UNREACHABLE",
    text: `AWS could not fetch discovery or keys from ${token.issuer} (${answer.code}): AWS itself must reach it from the internet, by https and with a publicly trusted certificate, and the keys must hold the one that signed the token`,
    hint: `from outside your network: curl -sS ${shellWord(`${token.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`)}`,
  };
}

/** Says which claim it came from, where that can surprise. */
function audienceNote(token: TokenFacts): string {
  const aud = token.aud.map(quoted).join(", ");
  if (token.azp !== undefined && token.aud.length > 0 && !(token.aud.length === 1 && token.aud[0] === token.azp))
    return ` (its azp: AWS reads azp before aud, and aud is ${aud})`;
  return token.azp === undefined ? "" : " (its azp: AWS reads azp before aud)";
}

function condition(token: TokenFacts, key: string): string {
  return `${token.issuer.replace(/^https?:\/\//, "")}:${key}`;
}

function providerArn(at: AtToken): string {
  const partition = at.profile.role.arn.split(":")[1] ?? "aws";
  return `arn:${partition}:iam::${account(at) ?? "ACCOUNT"}:oidc-provider/${at.facts.issuer.replace(/^https?:\/\//, "")}`;
}
