import type { ErrorCode } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { spoken } from "../core/time.ts";
import type { RoledProfile } from "../core/types.ts";
import type { StsFailure, StsRefusal } from "./answer.ts";
import type { SamlFacts } from "./saml-facts.ts";
import type { TokenFacts } from "./token-facts.ts";

/** What the proof says that STS was given. */
export type Facts = TokenFacts | SamlFacts;

/** All that a refusal is explained by. */
export interface Circumstances<Of extends Facts = Facts> {
  readonly profile: RoledProfile;
  readonly facts: Of;
  /** DurationSeconds, as it was asked for. */
  readonly durationSeconds?: number | undefined;
  /** Host name of the STS endpoint that answered. */
  readonly endpoint: string;
  /** This machine's wall clock. */
  readonly nowMs: number;
  /** How far AWS's clock is ahead of ours; undefined when unknown. */
  readonly skewMs?: number | undefined;
  /** How often it was asked. */
  readonly attempts: number;
}

export interface Verdict {
  readonly code: ErrorCode;
  readonly text: string;
  readonly hint?: string | undefined;
}

/** Below it a clock is no explanation for anything. */
const NOTABLE_SKEW_MS = 60_000;

export function clockNote({ skewMs }: Circumstances): string {
  if (skewMs === undefined || Math.abs(skewMs) < NOTABLE_SKEW_MS) return "";
  return `; this machine's clock is ${spoken(skewMs)} ${skewMs > 0 ? "behind" : "ahead of"} AWS's`;
}

export function clockHint(at: Circumstances): string | undefined {
  return clockNote(at) === "" ? undefined : "set the clock right: timedatectl set-ntp true";
}

export function wish({ retryAfterMs }: StsFailure): string {
  return retryAfterMs === undefined ? "" : `, and asks to wait ${spoken(retryAfterMs)}`;
}

export function named({ code, message, status }: StsRefusal): string {
  const name = code === "" ? `HTTP ${status}` : code;
  return message === "" ? name : `${name}: ${message}`;
}

export function account({ profile }: Circumstances): string | undefined {
  return /^arn:[\w-]+:iam::(\d{12}):/.exec(profile.role.arn)?.[1];
}

export function roleName({ profile }: Circumstances): string {
  return profile.role.arn.slice(profile.role.arn.lastIndexOf("/") + 1);
}

export function explainCommand({ profile }: Circumstances): string {
  return `sts-broker explain --profile ${shellWord(profile.name)}`;
}

export function quoted(text: string): string {
  return `"${printable(text)}"`;
}

/** Hints are pasted into a shell, and what an IdP sent is in them. */
export function shellWord(text: string): string {
  const word = printable(text);
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The trust policy to compare with. */
export function roleCommand(at: Circumstances): string {
  return `aws iam get-role --role-name ${shellWord(roleName(at))} --query Role.AssumeRolePolicyDocument`;
}

/** Session tags and a source identity need permissions of their own; `carrier` is "token" or "assertion". */
export function missingPermission({ message }: StsRefusal, carrier: string, at: Circumstances): Verdict | undefined {
  const permission = /sts:(TagSession|SetSourceIdentity)/.exec(message)?.[0];
  if (permission === undefined) return undefined;
  return {
    code: "STS_REFUSED",
    text: `AWS refused ${quoted(at.profile.role.arn)}: its trust policy must also allow ${permission}, since the ${carrier} carries ${permission === "sts:TagSession" ? "session tags" : "a source identity"} (AccessDenied)`,
    hint: roleCommand(at),
  };
}
