/** AssumeRoleWithSAML: unsigned, the response of the identity provider is the only proof. */
import {
  checkParameters,
  DURATION_SECONDS,
  durationSeconds,
  POLICY,
  PRINCIPAL_ARN,
  ROLE_ARN,
  SAML_ASSERTION,
} from "../parameters.ts";
import { checkRoleArn, openSession } from "../role-session.ts";
import { verifySamlResponse } from "../saml-response.ts";
import { accessDenied } from "../sts-error.ts";
import type { ActionRequest, XmlFields } from "../types.ts";

export async function assumeRoleWithSaml(request: ActionRequest): Promise<XmlFields> {
  const { params, account } = request;
  checkParameters(params, [ROLE_ARN, PRINCIPAL_ARN, SAML_ASSERTION, DURATION_SECONDS, POLICY]);
  const roleArn = checkRoleArn(params);
  const denied = (action: string) => accessDenied(`Not authorized to perform ${action}`);
  // The roles of IAM Identity Center are not for others to assume.
  if (/\/AWSReservedSSO_[^/]*$/.test(roleArn)) throw denied("sts:AssumeRoleWithSAML");
  const principalArn = params.get("PrincipalArn") ?? "";
  const samlAssertion = params.get("SAMLAssertion") ?? "";
  const identity = await verifySamlResponse({ samlAssertion, roleArn, principalArn }, account);
  const endMs = identity.sessionNotOnOrAfterMs ?? Number.POSITIVE_INFINITY;
  const answer = openSession(request, {
    trust: {
      kind: "Federated",
      principals: [principalArn],
      action: "sts:AssumeRoleWithSAML",
      context: identity.conditionKeys,
    },
    sessionName: identity.sessionName,
    lifetimeMs: Math.min(durationSeconds(params) * 1000, endMs - account.nowMs()),
    tags: identity.tags,
    transitiveTagKeys: identity.transitiveTagKeys,
    sourceIdentity: identity.sourceIdentity,
    denied,
  });
  return {
    Issuer: identity.issuer,
    ...answer,
    Subject: identity.subject,
    SubjectType: identity.subjectType,
    Audience: identity.recipient,
    NameQualifier: identity.nameQualifier,
  };
}
