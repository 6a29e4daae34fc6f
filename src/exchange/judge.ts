/**
 * What STS's refusal means for a person: one line that says who refused what and why that is most likely, then a command or a setting.
 * Pure, so every row of the table is tested without a network. Where STS gives one code to several causes its English text decides
 * (InvalidIdentityToken, ValidationError); a text not known here ends in a line that quotes it.
 */
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { LONGEST_WAIT_MS } from "../core/retry-after.ts";
import type { StsFailure, StsRefusal } from "./answer.ts";
import {
  account,
  type Circumstances,
  clockHint,
  clockNote,
  explainCommand,
  named,
  quoted,
  roleName,
  shellWord,
  type Verdict,
  wish,
} from "./circumstances.ts";
import { foreignVerdict, notSts } from "./judge-foreign.ts";
import { samlRefusal } from "./judge-saml.ts";
import { tokenRefusal } from "./judge-token.ts";

/** STS took the proof for expired: fetch a new assertion and try once more. Nobody else's error has this class. */
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

export function judge(failure: StsFailure, at: Circumstances): BrokerError {
  const verdict = failure.kind === "foreign" ? foreignVerdict(failure, at) : refusal(failure, at);
  const tries = at.attempts > 1 ? `, after ${at.attempts} tries` : "";
  const id = failure.requestId === undefined ? "" : ` (request id ${printable(failure.requestId, 80)})`;
  const message = `profile ${quoted(at.profile.name)}: ${verdict.text}${tries}${id}`;
  const expired = failure.kind === "refusal" && failure.code === "ExpiredToken";
  return new (expired ? AssertionExpired : BrokerError)(verdict.code, message, {
    hint: verdict.hint,
    ...(failure.retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(LONGEST_WAIT_MS, failure.retryAfterMs) }),
  });
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
  const { facts } = at;
  const ofProof =
    facts.kind === "oidc" ? tokenRefusal(answer, { ...at, facts }) : samlRefusal(answer, { ...at, facts });
  if (ofProof !== undefined) return ofProof;
  switch (code) {
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

function validation({ message }: StsRefusal, at: Circumstances): Verdict {
  const { role } = at.profile;
  const seconds = at.durationSeconds ?? role.durationSeconds ?? 3600;
  const asked =
    role.durationSeconds === undefined && at.facts.kind === "saml" && at.facts.sessionDurationSeconds !== undefined
      ? `the assertion's SessionDuration of ${seconds}`
      : `duration_seconds ${seconds}`;
  if (/MaxSessionDuration/.test(message))
    return {
      code: "CONFIG_INVALID",
      text: `${asked} is more than the MaxSessionDuration of ${quoted(role.arn)} (ValidationError)`,
      hint: `${role.durationSeconds === undefined ? "duration_seconds = 3600" : "lower duration_seconds"}, or: aws iam update-role --role-name ${shellWord(roleName(at))} --max-session-duration ${seconds}`,
    };
  if (/role chaining/i.test(message))
    return {
      code: "CONFIG_INVALID",
      text: `${asked} is more than the hour AWS grants a role reached by role chaining (ValidationError)`,
      hint: "set duration_seconds = 3600 or less",
    };
  return {
    code: "CONFIG_INVALID",
    text: `AWS does not take the request for ${quoted(role.arn)} (ValidationError): ${message}`,
    hint: "check role_arn, role_session_name, duration_seconds, policy and policy_arns of the profile",
  };
}
