/** The ARNs that IAM and STS make out of a role. */
import { createHash } from "node:crypto";

export interface RoleArn {
  readonly partition: string;
  readonly account: string;
  /** Without the path, which assumed-role ARNs leave out. */
  readonly name: string;
}

/** Takes a role's ARN apart; undefined when it is none. */
export function parseRoleArn(arn: string): RoleArn | undefined {
  const [, partition, account, name] =
    /^arn:(aws[\w-]*):iam::(\d{12}):role\/(?:[\w+=,.@/-]*\/)?([\w+=,.@-]+)$/.exec(arn) ?? [];
  if (partition === undefined || account === undefined || name === undefined) return undefined;
  return { partition, account, name };
}

/** `arn:aws:sts::123456789012:assumed-role/name/session`. */
export function assumedRoleArn({ partition, account, name }: RoleArn, sessionName: string): string {
  return `arn:${partition}:sts::${account}:assumed-role/${name}/${sessionName}`;
}

/** The role's unique id, AROA and 17 characters: the same for the same ARN. */
export function roleId(arn: string): string {
  return `AROA${uniqueId(arn, 17)}`;
}

/** A user's unique id. */
export function userId(arn: string): string {
  return `AIDA${uniqueId(arn, 17)}`;
}

function uniqueId(seed: string, length: number): string {
  const digest = createHash("sha256").update(seed).digest();
  return Array.from(digest.subarray(0, length), (byte) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[byte & 31]).join("");
}
