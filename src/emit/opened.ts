/**
 * The one place where emitted secrets are opened, and where every value is judged before a format sees it: a newline or a NUL
 * would let whoever shaped the value write further variables or commands (CVE-2020-5260, CVE-2024-50338).
 */
import { BrokerError } from "../core/errors.ts";
import { hasControlCharacter } from "../core/printable.ts";
import { rfc3339 } from "../core/time.ts";
import type { SessionCredentials } from "../core/types.ts";

export interface OpenedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** `YYYY-MM-DDTHH:MM:SSZ` */
  readonly expiration: string;
}

/** Lone surrogates have no UTF-8, and noncharacters are refused by some readers (systemd drops the whole file). */
function isText(value: string): boolean {
  // Made here, since Unicode's tables cost a millisecond to load, and what AWS sends is ASCII.
  return !/[\p{Surrogate}\p{Noncharacter_Code_Point}]/u.test(value);
}

const VISIBLE_ASCII = /^[\x20-\x7e]*$/;
const EXPIRATION = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** @throws BrokerError `STS_INVALID_ANSWER`, naming the field and never its value */
export function openCredentials(credentials: SessionCredentials): OpenedCredentials {
  return {
    accessKeyId: filled("AccessKeyId", credentials.accessKeyId),
    secretAccessKey: filled("SecretAccessKey", credentials.secretAccessKey.reveal()),
    sessionToken: filled("SessionToken", credentials.sessionToken.reveal()),
    expiration: expirationOf(credentials.expiresAtMs),
  };
}

/**
 * The value itself, when it is text on one line.
 *
 * @throws BrokerError `STS_INVALID_ANSWER`
 */
export function singleLine(field: string, value: string): string {
  if (VISIBLE_ASCII.test(value)) return value;
  if (hasControlCharacter(value)) throw unusable(field, "holds a control character");
  if (!isText(value)) throw unusable(field, "is not valid Unicode text");
  return value;
}

// SDKs read an empty variable as absent and go on to the next source: somebody else's credentials.
function filled(field: string, value: string): string {
  if (value === "") throw unusable(field, "is empty");
  return singleLine(field, value);
}

function expirationOf(expiresAtMs: number): string {
  // Beyond 8.64e15 there is no Date, beyond the year 9999 no RFC 3339.
  const expiration = Math.abs(expiresAtMs) <= 8.64e15 ? rfc3339(expiresAtMs) : "";
  if (!EXPIRATION.test(expiration)) throw unusable("Expiration", "is not a time");
  return expiration;
}

function unusable(field: string, what: string): BrokerError {
  return new BrokerError("STS_INVALID_ANSWER", `these credentials cannot be used: their ${field} ${what}`);
}
