/** AssumeRole: signed. A caller that is a role session itself chains roles, which AWS caps at one hour. */
import type { MintedCredentials } from "../credentials.ts";
import {
  checkParameters,
  DURATION_SECONDS,
  durationSeconds,
  EXTERNAL_ID,
  POLICY,
  ROLE_ARN,
  ROLE_SESSION_NAME,
  sessionTags,
  transitiveTagKeys,
} from "../parameters.ts";
import { checkRoleArn, openSession } from "../role-session.ts";
import { accessDenied, validationError } from "../sts-error.ts";
import type { ActionRequest, Caller, XmlFields } from "../types.ts";

const CHAINING_CAP_SECONDS = 3600;

export function assumeRole(request: ActionRequest): XmlFields {
  const { params } = request;
  const caller = request.authenticate();
  checkParameters(params, [ROLE_ARN, ROLE_SESSION_NAME, DURATION_SECONDS, POLICY, EXTERNAL_ID]);
  const roleArn = checkRoleArn(params);
  if (caller.session !== undefined && durationSeconds(params) > CHAINING_CAP_SECONDS) {
    throw validationError(
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    );
  }
  const externalId = params.get("ExternalId");
  const inherited = transitiveTags(caller.session);
  return openSession(request, {
    trust: {
      kind: "AWS",
      principals: principalsOf(caller),
      action: "sts:AssumeRole",
      context: {
        "aws:principalarn": [caller.session?.roleArn ?? caller.arn],
        ...(externalId === undefined ? {} : { "sts:externalid": [externalId] }),
      },
    },
    tags: { ...sessionTags(params), ...inherited },
    transitiveTagKeys: [...Object.keys(inherited), ...transitiveTagKeys(params)],
    sourceIdentity: params.get("SourceIdentity") ?? caller.session?.sourceIdentity,
    denied: (action) =>
      accessDenied(`User: ${caller.arn} is not authorized to perform: ${action} on resource: ${roleArn}`),
  });
}

// An account as principal stands for everyone in it whom an identity policy lets; here, for everyone.
function principalsOf(caller: Caller): string[] {
  const partition = caller.arn.split(":")[1] ?? "aws";
  const own = caller.session === undefined ? [caller.arn] : [caller.arn, caller.session.roleArn];
  return [...own, caller.account, `arn:${partition}:iam::${caller.account}:root`];
}

function transitiveTags(session: MintedCredentials | undefined): Record<string, string> {
  const kept = Object.entries(session?.tags ?? {}).filter(([key]) => session?.transitiveTagKeys.includes(key));
  return Object.fromEntries(kept);
}
