/** AssumeRoleWithWebIdentity: unsigned, the token is the only proof. */
import { parseRoleArn } from "../arn.ts";
import {
  checkParameters,
  DURATION_SECONDS,
  POLICY,
  ROLE_ARN,
  ROLE_SESSION_NAME,
  WEB_IDENTITY_TOKEN,
} from "../parameters.ts";
import { checkRoleArn, openSession } from "../role-session.ts";
import { accessDenied } from "../sts-error.ts";
import type { ActionRequest, XmlFields } from "../types.ts";
import { verifyWebIdentityToken } from "../web-identity-token.ts";

export async function assumeRoleWithWebIdentity(request: ActionRequest): Promise<XmlFields> {
  const { params, account } = request;
  checkParameters(params, [ROLE_ARN, ROLE_SESSION_NAME, WEB_IDENTITY_TOKEN, DURATION_SECONDS, POLICY]);
  const role = parseRoleArn(checkRoleArn(params));
  const identity = await verifyWebIdentityToken(params.get("WebIdentityToken") ?? "", account);
  const provider = `arn:${role?.partition}:iam::${role?.account}:oidc-provider/${identity.issuerName}`;
  const answer = openSession(request, {
    trust: {
      kind: "Federated",
      principals: [provider],
      action: "sts:AssumeRoleWithWebIdentity",
      context: identity.conditionKeys,
    },
    tags: identity.tags,
    transitiveTagKeys: identity.transitiveTagKeys,
    sourceIdentity: identity.sourceIdentity,
    denied: (action) => accessDenied(`Not authorized to perform ${action}`),
  });
  return {
    SubjectFromWebIdentityToken: identity.subject,
    Audience: identity.audience,
    ...answer,
    Provider: provider,
  };
}
