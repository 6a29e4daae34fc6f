import type { AssumeRoleResponse } from "@aws-sdk/client-sts";
import { BrokerError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { rfc3339, spoken } from "../core/time.ts";
import type { SessionCredentials } from "../core/types.ts";

export interface AnswerContext {
  readonly endpoint: string;
  readonly nowMs: number;
  readonly skewMs?: number | undefined;
}

/** Twice AWS's longest session: beyond it somebody's clock or calendar is broken. */
const LONGEST_MS = 24 * 3_600_000;
/** Visible ASCII: what may stand in an environment variable, a header and an INI file without harm. */
const VISIBLE = /^[\x21-\x7e]+$/;

/**
 * STS's answer as credentials, checked before anybody caches or prints them.
 *
 * @throws BrokerError STS_INVALID_ANSWER naming the field, never its value
 */
export function sessionCredentials(
  { Credentials, AssumedRoleUser }: Pick<AssumeRoleResponse, "Credentials" | "AssumedRoleUser">,
  { endpoint, nowMs, skewMs = 0 }: AnswerContext,
): SessionCredentials {
  const text = (value: unknown, field: string): string => {
    if (typeof value === "string" && VISIBLE.test(value)) return value;
    throw invalid(
      `the answer of ${endpoint} has ${value === undefined || value === "" ? "no" : "an unusable"} ${field}`,
    );
  };
  const expiresAtMs = Credentials?.Expiration instanceof Date ? Credentials.Expiration.getTime() : Number.NaN;
  if (Number.isNaN(expiresAtMs)) throw invalid(`the answer of ${endpoint} has no Expiration, or not a date`);
  const lifetimeMs = expiresAtMs - (nowMs + skewMs);
  if (lifetimeMs <= 0 || lifetimeMs > LONGEST_MS)
    throw invalid(
      `the credentials from ${endpoint} ${lifetimeMs <= 0 ? "expired" : "expire"} at ${rfc3339(expiresAtMs)}, which cannot be right: this machine's clock says ${rfc3339(nowMs)}`,
      "check the clock: date -u",
    );
  if (expiresAtMs <= nowMs)
    throw invalid(
      `this machine's clock is ${spoken(skewMs)} ahead of AWS's, so every tool would take the new credentials for expired`,
      "set the clock right: timedatectl set-ntp true",
    );
  return {
    accessKeyId: text(Credentials?.AccessKeyId, "AccessKeyId"),
    secretAccessKey: new Secret(text(Credentials?.SecretAccessKey, "SecretAccessKey")),
    sessionToken: new Secret(text(Credentials?.SessionToken, "SessionToken")),
    expiresAtMs,
    assumedRoleArn: text(AssumedRoleUser?.Arn, "AssumedRoleUser Arn"),
  };
}

function invalid(message: string, hint?: string): BrokerError {
  return new BrokerError("STS_INVALID_ANSWER", message, { hint });
}
