/** What all AssumeRole actions have in common once they know who asks: the role, its limits, the new credentials, their XML. */
import { assumedRoleArn, parseRoleArn, roleId } from "./arn.ts";
import { durationSeconds, sessionTags } from "./parameters.ts";
import { isTrusted, type TrustRequest } from "./policy.ts";
import { packSessionPolicy } from "./session-policy.ts";
import { type StsError, validationError } from "./sts-error.ts";
import type { ActionRequest, SimulatedRole, XmlFields } from "./types.ts";

/** A caller with a name that the trust policy may know, and what comes with it. */
export interface SessionRequest {
  readonly trust: TrustRequest;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
  /** Where the proof names the session; default: RoleSessionName of the request. */
  readonly sessionName?: string;
  /** Where something else than DurationSeconds ends it. */
  readonly lifetimeMs?: number;
  /** The refusal for an action that the trust policy does not allow. */
  readonly denied: (action: string) => StsError;
}

/** The role's ARN as asked for, in parts; AWS refuses what is no ARN before it looks for the role. */
export function checkRoleArn(params: ReadonlyMap<string, string>): string {
  const arn = params.get("RoleArn") ?? "";
  if (parseRoleArn(arn) === undefined) throw validationError("Request ARN is invalid");
  return arn;
}

/** Evaluates the trust policy and mints; gives the elements that every AssumeRole answer has. */
export function openSession(request: ActionRequest, session: SessionRequest): XmlFields {
  const { params, account } = request;
  const roleArn = checkRoleArn(params);
  const sessionName = session.sessionName ?? params.get("RoleSessionName") ?? "";
  const role = account.roles.find(({ arn }) => arn === roleArn);
  checkTrust(role, session, sessionName);
  checkDuration(params, role?.maxSessionDurationSeconds ?? 3600);
  const packedPolicySize = packSessionPolicy(params, { ...session.tags, ...sessionTags(params) });
  const parts = parseRoleArn(roleArn);
  if (parts === undefined) throw validationError("Request ARN is invalid");
  const arn = assumedRoleArn(parts, sessionName);
  const assumedRoleId = `${roleId(roleArn)}:${sessionName}`;
  const minted = account.credentials.mint({
    expiresAtMs: Math.floor((account.nowMs() + (session.lifetimeMs ?? durationSeconds(params) * 1000)) / 1000) * 1000,
    roleArn,
    assumedRoleArn: arn,
    assumedRoleId,
    account: parts.account,
    tags: session.tags,
    transitiveTagKeys: session.transitiveTagKeys,
    sourceIdentity: session.sourceIdentity,
  });
  return {
    Credentials: {
      AccessKeyId: minted.accessKeyId,
      SecretAccessKey: minted.secretAccessKey,
      SessionToken: minted.sessionToken,
      Expiration: new Date(minted.expiresAtMs).toISOString().replace(/\.\d+Z$/, "Z"),
    },
    AssumedRoleUser: { AssumedRoleId: assumedRoleId, Arn: arn },
    PackedPolicySize: packedPolicySize,
    SourceIdentity: session.sourceIdentity,
  };
}

function checkTrust(role: SimulatedRole | undefined, session: SessionRequest, sessionName: string): void {
  const actions = [session.trust.action];
  if (Object.keys(session.tags).length > 0) actions.push("sts:TagSession");
  if (session.sourceIdentity !== undefined) actions.push("sts:SetSourceIdentity");
  const context: Record<string, readonly string[]> = { ...session.trust.context, "sts:rolesessionname": [sessionName] };
  for (const [key, value] of Object.entries(session.tags)) context[`aws:requesttag/${key.toLowerCase()}`] = [value];
  for (const action of actions) {
    if (role === undefined || !isTrusted(role.trustPolicy, { ...session.trust, action, context })) {
      throw session.denied(action);
    }
  }
}

function checkDuration(params: ReadonlyMap<string, string>, maximum: number): void {
  if (durationSeconds(params) > maximum) {
    throw validationError("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.");
  }
}
