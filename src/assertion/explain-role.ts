import { printable } from "../core/printable.ts";
import type { Finding } from "./finding.ts";

/** How long a session is asked for. */
export function askedLength(durationSeconds: number | undefined): string {
  return durationSeconds === undefined ? "3600 s, STS's default" : `${durationSeconds} s`;
}

/** What can be said of a stated role without asking AWS. */
export function roleFinding(arn: string | undefined): Finding {
  const point = "role";
  if (arn === undefined)
    return { point, verdict: "no", detail: "the profile has no role_arn", hint: "set role_arn in the profile" };
  if (arn.slice(arn.lastIndexOf("/") + 1).startsWith("AWSReservedSSO_"))
    return {
      point,
      verdict: "no",
      detail: `${printable(arn)} belongs to IAM Identity Center, and AWS lets nobody else assume such a role`,
      hint: "aws configure sso, or name a role of your own",
    };
  return {
    point,
    verdict: "unknown",
    detail: `${printable(arn)} has to exist (upper and lower case count) and to trust this`,
  };
}
