/** What STS's refusal of a SAML response means. English texts decide where one code has several causes; one not known here is quoted. */
import { rfc3339, spoken } from "../core/time.ts";
import type { StsRefusal } from "./answer.ts";
import {
  account,
  type Circumstances,
  clockHint,
  clockNote,
  explainCommand,
  missingPermission,
  named,
  quoted,
  roleCommand,
  shellWord,
  type Verdict,
} from "./circumstances.ts";
import type { SamlFacts } from "./saml-facts.ts";

type AtSaml = Circumstances<SamlFacts>;

const SIGN_IN = "https://signin.aws.amazon.com/saml";

/** Undefined: this code says nothing of the assertion. */
export function samlRefusal(answer: StsRefusal, at: AtSaml): Verdict | undefined {
  const { facts } = at;
  switch (answer.code) {
    case "AccessDenied":
      return accessDenied(answer, at);
    case "InvalidIdentityToken":
      return invalidResponse(answer, at);
    case "ExpiredToken":
      return expired(answer, at);
    case "IDPRejectedClaim":
      return refused(`AWS refused the SAML response of ${facts.issuer} (${named(answer)})${clockNote(at)}`, at);
    case "Validation":
      if (/sAMLAssertion/i.test(answer.message))
        return {
          code: "ASSERTION_UNUSABLE",
          text: `AWS takes no such SAML response from ${facts.issuer} (ValidationError): ${answer.message}`,
          hint: "STS takes 4 to 100,000 characters of base64: have the identity provider send AWS fewer groups and roles",
        };
      if (/principalArn/i.test(answer.message))
        return {
          code: "CONFIG_INVALID",
          text: `AWS does not take ${quoted(facts.principalArn)} as a SAML provider (ValidationError): ${answer.message}`,
          hint: "check principal_arn of the profile: arn:aws:iam::ACCOUNT:saml-provider/NAME",
        };
      return undefined;
    default:
      return undefined;
  }
}

function accessDenied(answer: StsRefusal, at: AtSaml): Verdict {
  const { facts, profile } = at;
  const missing = missingPermission(answer, "assertion", at);
  if (missing !== undefined) return missing;
  if (facts.subject === "" && !facts.encrypted)
    return refused(
      `AWS refused ${quoted(profile.role.arn)} (AccessDenied): the assertion of ${facts.issuer} has no NameID, and AWS needs one`,
      at,
      "have the identity provider send a NameID to AWS (AD FS: a claim rule that issues Name ID)",
    );
  if (/\/AWSReservedSSO_[^/]*$/.test(profile.role.arn))
    return refused(
      `AWS refused ${quoted(profile.role.arn)} (AccessDenied): roles of IAM Identity Center cannot be assumed with SAML`,
      at,
      "set role_arn to a role of your own",
    );
  const also = [
    ...(facts.tagged ? ["sts:TagSession (the assertion carries PrincipalTag attributes)"] : []),
    ...(facts.sourceIdentity ? ["sts:SetSourceIdentity (the assertion carries a SourceIdentity)"] : []),
  ];
  const says = [
    ...(facts.recipient === undefined ? [] : [`SAML:aud = ${quoted(facts.recipient)}`]),
    `SAML:iss = ${quoted(facts.issuer)}`,
    ...(facts.subject === "" ? [] : [`SAML:sub = ${quoted(facts.subject)}`]),
  ];
  return refused(
    `AWS refused ${quoted(profile.role.arn)} (AccessDenied): most likely its trust policy does not let ${quoted(facts.principalArn)} in for sts:AssumeRoleWithSAML, or not with what the assertion says, ${says.join(", ")}` +
      `${also.length > 0 ? `; it must also allow ${also.join(" and ")}` : ""}; or there is no role of that name (upper and lower case count)`,
    at,
    roleCommand(at),
  );
}

/** Texts as STS writes them, without what it adds in brackets. */
function invalidResponse(answer: StsRefusal, at: AtSaml): Verdict {
  const { facts, profile } = at;
  const { message } = answer;
  const provider = quoted(facts.principalArn);
  const show = `aws iam get-saml-provider --saml-provider-arn ${shellWord(facts.principalArn)}`;
  if (/specified provider doesn't exist/i.test(message))
    return refused(
      `AWS account ${account(at) ?? "of the role"} has no SAML provider ${provider} (${answer.code})`,
      at,
      `aws iam create-saml-provider --name ${shellWord(facts.principalArn.replace(/^.*saml-provider\//, ""))} --saml-metadata-document file://idp-metadata.xml`,
    );
  if (/issuer not present/i.test(message))
    return refused(
      `the SAML provider ${provider} does not know the issuer ${quoted(facts.issuer)}: the entityID in its metadata is another one (${answer.code})`,
      at,
      show,
    );
  if (/signature invalid/i.test(message))
    return refused(
      `the SAML provider ${provider} does not know the key that signed the response of ${facts.issuer}, or nothing in it is signed (${answer.code}: response signature invalid): most likely the identity provider has a new certificate`,
      at,
      `aws iam update-saml-provider --saml-provider-arn ${shellWord(facts.principalArn)} --saml-metadata-document file://idp-metadata.xml`,
    );
  // The spelling is AWS's.
  if (/SubjectConfirm\w+Data|recipient/i.test(message))
    return refused(
      `AWS does not take the assertion of ${facts.issuer}: its SubjectConfirmationData ${facts.recipient === undefined ? "names no Recipient" : `names the Recipient ${quoted(facts.recipient)}`}, and has to name ${SIGN_IN} and a NotOnOrAfter (${answer.code})`,
      at,
      facts.recipient === undefined
        ? 'AD FS leaves the Recipient out of assertions by WS-Trust: use type = "saml-kerberos" or "saml-password"'
        : `set the assertion consumer service of AWS at the identity provider to ${SIGN_IN}`,
    );
  if (/audience/i.test(message))
    return refused(
      `AWS does not take the assertion of ${facts.issuer}: its audience is ${facts.audience === undefined ? "missing" : quoted(facts.audience)}, and has to be urn:amazon:webservices or ${SIGN_IN} (${answer.code})`,
      at,
      "set the entity ID (audience) of AWS at the identity provider to urn:amazon:webservices",
    );
  if (/requested role and metadata/i.test(message))
    return refused(
      `the assertion of ${facts.issuer} does not grant ${quoted(profile.role.arn)} through ${provider} (${answer.code}): ${grantsOf(facts)}`,
      at,
      grantHint(at),
    );
  if (/RoleSessionName/.test(message))
    return refused(
      `the assertion of ${facts.issuer} has ${facts.sessionName === undefined ? "no RoleSessionName" : `the RoleSessionName ${quoted(facts.sessionName)}`}, and AWS needs 2 to 64 characters of letters, digits and _+=,.@- (${answer.code})`,
      at,
      "have the identity provider send https://aws.amazon.com/SAML/Attributes/RoleSessionName, the e-mail address for example",
    );
  return refused(`AWS does not take the SAML response of ${facts.issuer} (${named(answer)})${clockNote(at)}`, at);
}

/** Five minutes from issue, or earlier where the assertion itself says so. */
function expired(answer: StsRefusal, at: AtSaml): Verdict {
  const { facts } = at;
  const clock = clockNote(at) || `, and this machine's clock says ${rfc3339(at.nowMs)}`;
  const issued =
    facts.issuedAtMs === undefined
      ? ""
      : `: it was issued at ${rfc3339(facts.issuedAtMs)}, ${spoken(at.nowMs - facts.issuedAtMs)} ${facts.issuedAtMs > at.nowMs ? "from now" : "ago"}`;
  return refused(
    `AWS refused the SAML response of ${facts.issuer} as expired (${named(answer)})${issued}; AWS takes it within five minutes of issue and until ${rfc3339(facts.expiresAtMs)}${clock}`,
    at,
    clockHint(at) ?? "check the clocks of this machine and of the identity provider: date -u",
  );
}

function grantsOf({ grants, encrypted }: SamlFacts): string {
  if (encrypted) return "it is encrypted, so what it grants cannot be read here";
  if (grants.length === 0) return "it grants no role at all";
  const shown = grants.slice(0, 3).map(({ roleArn, principalArn }) => `${roleArn} through ${principalArn}`);
  const more = grants.length > shown.length ? ` and ${grants.length - shown.length} more` : "";
  return `it grants ${shown.join(", ")}${more}`;
}

function grantHint(at: AtSaml): string {
  const { facts, profile } = at;
  const same = facts.grants.find(({ roleArn }) => roleArn === profile.role.arn);
  if (same !== undefined) return `principal_arn = "${same.principalArn}"`;
  const similar = facts.grants.find(({ roleArn }) => roleArn.toLowerCase() === profile.role.arn.toLowerCase());
  return similar === undefined ? explainCommand(at) : `role_arn = "${similar.roleArn}"`;
}

function refused(text: string, at: AtSaml, hint?: string): Verdict {
  return { code: "STS_REFUSED", text, hint: hint ?? clockHint(at) ?? explainCommand(at) };
}
