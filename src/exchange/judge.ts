/**
 * What STS's refusal means for a person: one line that says who refused what and why that is most likely, then a command or a setting.
 * Pure, so every row of the table is tested without a network. Where STS gives one code to several causes its English text decides
 * (InvalidIdentityToken, ValidationError); a text not known here ends in a line that quotes it.
 */
import { BrokerError, type ErrorCode } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { rfc3339, spoken } from "../core/time.ts";
import type { RoledProfile } from "../core/types.ts";
import type { ForeignAnswer, StsFailure, StsRefusal } from "./answer.ts";
import type { TokenFacts } from "./token-facts.ts";

export interface Circumstances {
  readonly profile: RoledProfile;
  readonly token: TokenFacts;
  /** Host name of the STS endpoint that answered. */
  readonly endpoint: string;
  /** This machine's wall clock. */
  readonly nowMs: number;
  /** How far AWS's clock is ahead of ours; undefined when unknown. */
  readonly skewMs?: number | undefined;
  /** How often it was asked. */
  readonly attempts: number;
}

/** Below it a clock is no explanation for anything. */
const NOTABLE_SKEW_MS = 60_000;

/** STS took the token for expired: fetch a new assertion and try once more. Nobody else's error has this class. */
export class AssertionExpired extends BrokerError {}

/** Codes that mean "slow down", whatever the status. */
export const THROTTLING = new Set([
  "Throttling",
  "Throttled",
  "ThrottledException",
  "RequestLimitExceeded",
  "RequestThrottled",
  "TooManyRequests",
  "BandwidthLimitExceeded",
  "LimitExceeded",
  "SlowDown",
]);

interface Verdict {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint?: string | undefined;
}

export function judge(failure: StsFailure, at: Circumstances): BrokerError {
  const verdict = failure.kind === "foreign" ? foreign(failure, at) : refusal(failure, at);
  const tries = at.attempts > 1 ? `, after ${at.attempts} tries` : "";
  const id = failure.requestId === undefined ? "" : ` (request id ${printable(failure.requestId, 80)})`;
  const message = `profile ${quoted(at.profile.name)}: ${verdict.text}${tries}${id}`;
  const expired = failure.kind === "refusal" && failure.code === "ExpiredToken";
  return new (expired ? AssertionExpired : BrokerError)(verdict.code, message, { hint: verdict.hint });
}

/** True for the one InvalidIdentityToken that passes: AWS could not fetch the issuer's keys this time. */
export function keysUnreachable(refusal: StsRefusal): boolean {
  return refusal.code === "InvalidIdentityToken" && /couldn't retrieve verification key/i.test(refusal.message);
}

function refusal(answer: StsRefusal, at: Circumstances): Verdict {
  const { code, message, status } = answer;
  if (THROTTLING.has(code) || status === 429)
    return {
      code: "THROTTLED",
      text: `AWS STS (${at.endpoint}) throttles this account's calls (${named(answer)})${wish(answer)}`,
      hint: "wait and try again; if it lasts, spread the renewals of this account's machines",
    };
  if (status >= 500)
    return {
      code: "UNREACHABLE",
      text: `AWS STS (${at.endpoint}) failed with HTTP ${status} (${named(answer)})`,
      hint: "try again later; see https://health.aws.amazon.com/health/status",
    };
  switch (code) {
    case "AccessDenied":
      return accessDenied(answer, at);
    case "InvalidIdentityToken":
      return invalidIdentityToken(answer, at);
    case "ExpiredToken":
      return {
        code: "STS_REFUSED",
        text: `AWS refused the token of ${at.token.issuer} as expired: its exp is ${rfc3339(at.token.expiresAtMs)}${clockNote(at) || `, and this machine's clock says ${rfc3339(at.nowMs)}`}`,
        hint: clockHint(at) ?? "have a new token issued, and check the clock: date -u",
      };
    case "IDPRejectedClaim":
      return {
        code: "STS_REFUSED",
        text: `AWS refused the token of ${at.token.issuer}: its identity provider rejects it, or it is expired or revoked (${code})${clockNote(at)}`,
        hint: clockHint(at) ?? `have a new token issued: ${explainCommand(at)}`,
      };
    case "IDPCommunicationError":
      return unreachableIssuer(answer, at);
    case "MalformedPolicyDocument":
      return {
        code: "CONFIG_INVALID",
        text: `AWS cannot read the session policy (${code}): ${message}`,
        hint: "check `policy` of the profile: JSON in the IAM policy language, at most 2,048 characters",
      };
    case "PackedPolicyTooLarge":
      return {
        code: "CONFIG_INVALID",
        text: `session policy and session tags together are too large for AWS (${code}): ${message}`,
        hint: "shorten `policy`, name fewer `policy_arns`, or have the identity provider send fewer session tags",
      };
    case "RegionDisabled":
      return {
        code: "CONFIG_INVALID",
        text: `AWS STS is not activated in ${printable(at.profile.sts.region, 40)} for account ${account(at) ?? "of the role"} (${code})`,
        hint: "set `region` of the profile to an active one, or activate STS there: IAM console, Account settings",
      };
    case "Validation":
      return validation(answer, at);
    case "NotFound":
    case "InvalidAction":
    case "UnknownOperation":
    case "MethodNotAllowed":
      return notSts(`answered HTTP ${status} (${code})`, at);
    default:
      return {
        code: "STS_REFUSED",
        text: `AWS refused ${quoted(at.profile.role.arn)} (${named(answer)})${clockNote(at)}`,
        hint: clockHint(at) ?? explainCommand(at),
      };
  }
}

/** One code for a trust policy that does not match, a role that does not exist and a permission that is missing: likeliest first. */
function accessDenied({ message }: StsRefusal, at: Circumstances): Verdict {
  const { token, profile } = at;
  const permission = /sts:(TagSession|SetSourceIdentity)/.exec(message)?.[0];
  if (permission !== undefined)
    return {
      code: "STS_REFUSED",
      text: `AWS refused ${quoted(profile.role.arn)}: its trust policy must also allow ${permission}, since the token carries ${permission === "sts:TagSession" ? "session tags" : "a source identity"} (AccessDenied)`,
      hint: roleCommand(at),
    };
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

function invalidIdentityToken(answer: StsRefusal, at: Circumstances): Verdict {
  const { token } = at;
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

function unreachableIssuer(answer: StsRefusal, { token }: Circumstances): Verdict {
  return {
    code: "UNREACHABLE",
    text: `AWS could not fetch discovery or keys from ${token.issuer} (${answer.code}): AWS itself must reach it from the internet, by https and with a publicly trusted certificate, and the keys must hold the one that signed the token`,
    hint: `from outside your network: curl -sS ${shellWord(`${token.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`)}`,
  };
}

function validation({ message }: StsRefusal, at: Circumstances): Verdict {
  const { role } = at.profile;
  const asked = role.durationSeconds === undefined ? "" : ` ${role.durationSeconds}`;
  if (/MaxSessionDuration/.test(message))
    return {
      code: "CONFIG_INVALID",
      text: `duration_seconds${asked} is more than the MaxSessionDuration of ${quoted(role.arn)} (ValidationError)`,
      hint: `lower duration_seconds, or: aws iam update-role --role-name ${shellWord(roleName(at))} --max-session-duration ${role.durationSeconds ?? 3600}`,
    };
  if (/role chaining/i.test(message))
    return {
      code: "CONFIG_INVALID",
      text: `duration_seconds${asked} is more than the hour AWS grants a role reached by role chaining (ValidationError)`,
      hint: "set duration_seconds = 3600 or less",
    };
  if (/webIdentityToken/i.test(message))
    return {
      code: "ASSERTION_UNUSABLE",
      text: `AWS takes no such token from ${at.token.issuer} (ValidationError): ${message}`,
      hint: "STS takes JWTs of 4 to 20,000 characters",
    };
  return {
    code: "CONFIG_INVALID",
    text: `AWS does not take the request for ${quoted(role.arn)} (ValidationError): ${message}`,
    hint: "check role_arn, role_session_name, duration_seconds, policy and policy_arns of the profile",
  };
}

function foreign(answer: ForeignAnswer, at: Circumstances): Verdict {
  if (answer.status === 429)
    return {
      code: "THROTTLED",
      text: `${at.endpoint} throttles (HTTP 429)${wish(answer)}`,
      hint: "wait and try again",
    };
  if (answer.status >= 500)
    return {
      code: "UNREACHABLE",
      text: `${at.endpoint}, or a proxy before it, failed with HTTP ${answer.status}`,
      hint: "try again later; if it lasts, check HTTPS_PROXY and NO_PROXY",
    };
  if (answer.shape === "redirect")
    return notSts(
      `redirects (HTTP ${answer.status}${answer.location === undefined ? "" : ` to ${answer.location}`}), which AWS STS never does`,
      at,
    );
  const what = {
    html: "answered with a web page",
    empty: "answered with nothing",
    "not-xml": "answered with something other than STS's XML",
    unreadable: "answered with XML that cannot be read",
  }[answer.shape];
  return notSts(`${what} (HTTP ${answer.status})`, at);
}

function notSts(text: string, { endpoint, profile }: Circumstances): Verdict {
  const custom = profile.sts.endpointUrl !== undefined;
  return {
    code: "STS_INVALID_ANSWER",
    text: `${endpoint} ${text}: ${custom ? "the endpoint is no STS" : "a proxy or a captive portal stands between this machine and AWS"}`,
    hint: custom
      ? "check the STS endpoint: endpoint_url of the profile, AWS_ENDPOINT_URL_STS"
      : `check HTTPS_PROXY and NO_PROXY: curl -sS https://${endpoint}/`,
  };
}

/** Says which claim it came from, where that can surprise. */
function audienceNote(token: TokenFacts): string {
  const aud = token.aud.map(quoted).join(", ");
  if (token.azp !== undefined && token.aud.length > 0 && !(token.aud.length === 1 && token.aud[0] === token.azp))
    return ` (its azp: AWS reads azp before aud, and aud is ${aud})`;
  return token.azp === undefined ? "" : " (its azp: AWS reads azp before aud)";
}

function clockNote({ skewMs }: Circumstances): string {
  if (skewMs === undefined || Math.abs(skewMs) < NOTABLE_SKEW_MS) return "";
  return `; this machine's clock is ${spoken(skewMs)} ${skewMs > 0 ? "behind" : "ahead of"} AWS's`;
}

function clockHint(at: Circumstances): string | undefined {
  return clockNote(at) === "" ? undefined : "set the clock right: timedatectl set-ntp true";
}

function wish({ retryAfterMs }: StsFailure): string {
  return retryAfterMs === undefined ? "" : `, and asks to wait ${spoken(retryAfterMs)}`;
}

function named({ code, message, status }: StsRefusal): string {
  const name = code === "" ? `HTTP ${status}` : code;
  return message === "" ? name : `${name}: ${message}`;
}

function condition(token: TokenFacts, key: string): string {
  return `${token.issuer.replace(/^https?:\/\//, "")}:${key}`;
}

function account({ profile }: Circumstances): string | undefined {
  return /^arn:[\w-]+:iam::(\d{12}):/.exec(profile.role.arn)?.[1];
}

function providerArn(at: Circumstances): string {
  const partition = at.profile.role.arn.split(":")[1] ?? "aws";
  return `arn:${partition}:iam::${account(at) ?? "ACCOUNT"}:oidc-provider/${at.token.issuer.replace(/^https?:\/\//, "")}`;
}

function roleName({ profile }: Circumstances): string {
  return profile.role.arn.slice(profile.role.arn.lastIndexOf("/") + 1);
}

function explainCommand({ profile }: Circumstances): string {
  return `sts-broker token --claims --profile ${shellWord(profile.name)}`;
}

function quoted(text: string): string {
  return `"${printable(text)}"`;
}

/** Hints are pasted into a shell, and what an IdP sent is in them. */
function shellWord(text: string): string {
  const word = printable(text);
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The trust policy to compare with. */
function roleCommand(at: Circumstances): string {
  return `aws iam get-role --role-name ${shellWord(roleName(at))} --query Role.AssumeRolePolicyDocument`;
}
