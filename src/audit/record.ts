import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Assertion, Profile, SessionCredentials } from "../core/types.ts";
import type { Host } from "../host/host.ts";

/** What became known on the way, in the order it does. */
export interface Trace {
  assertion?: Assertion;
  /** The role that was asked for, where the profile left the choice to the assertion. */
  roleArn?: string | undefined;
  /** Of AWS's last answer. */
  requestId?: string | undefined;
}

/** Where it began. Taken before the exchange: who called us may be gone after it. */
export interface Occasion {
  readonly command: string | undefined;
  readonly uid: number | undefined;
  readonly user: string;
  readonly pid: number;
  readonly hostname: string;
  readonly parent: ReturnType<Host["system"]["parent"]>;
  readonly profile: Profile;
}

export function occasionOf({ system }: Pick<Host, "system">, profile: Profile): Occasion {
  const { verb: command, uid, pid } = system;
  return { command, uid, pid, user: system.username(), hostname: system.hostname(), parent: system.parent(), profile };
}

const VERSION = 1;
/** Of one value as JSON, in bytes: with all of them at their longest a record still fits into one write (PIPE_BUF, 4,096). */
const LONGEST = { name: 130, path: 258, arn: 700, message: 420 } as const;

/**
 * One line of JSON with its line end, at most 4,096 bytes. Every field is always there, null where nothing is known; a value that is
 * too long ends in "…". Nothing of it is a secret: names, identifiers and our own one-line messages.
 */
export function auditLine(
  { command, uid, user, pid, hostname, parent, profile }: Occasion,
  { assertion, roleArn, requestId }: Trace,
  outcome: SessionCredentials | Error,
  timeMs: number,
): string {
  const minted = outcome instanceof Error ? undefined : outcome;
  const record = {
    version: VERSION,
    time: new Date(timeMs).toISOString(),
    outcome: outcome instanceof Error ? codeOf(outcome) : "ok",
    message: outcome instanceof Error ? clipped(messageOf(outcome), LONGEST.message) : null,
    uid: uid ?? null,
    user: clipped(user, LONGEST.name),
    pid,
    hostname: clipped(hostname, LONGEST.name),
    command: clipped(command, LONGEST.name),
    parent_pid: parent.pid,
    parent_name: clipped(parent.name, LONGEST.name),
    parent_executable: clipped(parent.executable, LONGEST.path),
    profile: clipped(profile.name, LONGEST.name),
    identity: clipped(profile.identity.name, LONGEST.name),
    identity_type: clipped(profile.identity.kind, LONGEST.name),
    issuer: clipped(assertion?.issuer, LONGEST.path),
    subject: clipped(assertion?.subject || undefined, LONGEST.path),
    role_arn: clipped(roleArn ?? profile.role.arn, LONGEST.arn),
    session_name: clipped(sessionName(profile, assertion, minted), LONGEST.name),
    access_key_id: clipped(minted?.accessKeyId, LONGEST.name),
    request_id: clipped(requestId, LONGEST.name),
    expires: minted === undefined ? null : new Date(minted.expiresAtMs).toISOString(),
  };
  return `${JSON.stringify(record)}\n`;
}

/** AWS's own word where it gave one: the end of the assumed role's ARN. */
function sessionName(
  profile: Profile,
  assertion: Assertion | undefined,
  minted: SessionCredentials | undefined,
): string | undefined {
  if (minted !== undefined) return minted.assumedRoleArn.slice(minted.assumedRoleArn.lastIndexOf("/") + 1);
  return assertion?.kind === "saml" ? assertion.sessionName : profile.role.sessionName;
}

function codeOf(error: Error): string {
  return error instanceof BrokerError ? error.code : "UNEXPECTED";
}

/** The text of a bug may quote anything. */
function messageOf(error: Error): string {
  return error instanceof BrokerError ? error.message : `unexpected error, this is a bug: ${error.name}`;
}

function clipped(text: string | undefined, bytes: number): string | null {
  if (text === undefined) return null;
  let kept = printable(text, bytes);
  const tooLong = (): boolean => Buffer.byteLength(JSON.stringify(kept)) > bytes;
  while (tooLong()) kept = `${kept.slice(0, Math.floor(kept.length * 0.9) - 1).replace(/[\ud800-\udbff]$/, "")}…`;
  return kept;
}
