import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Assertion, Profile, RoledProfile, RoleGrant, SamlAssertion } from "../core/types.ts";
import { unusable } from "./finding.ts";

/** How many of the granted roles a message lists. */
const LISTED = 12;

/**
 * The profile with the role to ask for: the stated one, or the only one that a SAML assertion grants; for SAML with its provider.
 *
 * @throws BrokerError CONFIG_INVALID where the configuration has to say more, ASSERTION_UNUSABLE where the role is not granted
 */
export function chooseRole(profile: Profile, assertion: Assertion): RoledProfile {
  const { role } = profile;
  if (assertion.kind === "oidc") {
    if (role.arn === undefined)
      throw config(
        `profile "${printable(profile.name, 80)}" has no role_arn`,
        "role_arn may be left out only where a SAML assertion grants a single role",
      );
    refuseReserved(role.arn);
    return { ...profile, role: { ...role, arn: role.arn } };
  }
  const grant = assertion.encrypted ? configured(profile) : chosen(profile, assertion);
  refuseReserved(grant.roleArn);
  checkRegion(profile, grant.roleArn);
  return { ...profile, role: { ...role, arn: grant.roleArn, principalArn: grant.principalArn } };
}

/** The roles that a person may choose from where the profile names none; empty for an assertion whose roles cannot be read. */
export function grantChoices({ role: { arn, principalArn } }: Profile, assertion: Assertion): readonly RoleGrant[] {
  if (assertion.kind === "oidc" || assertion.encrypted || arn !== undefined) return [];
  return assertion.grants.filter(
    (grant) => (principalArn === undefined || grant.principalArn === principalArn) && !isReserved(grant.roleArn),
  );
}

function configured({ name, role: { arn, principalArn } }: Profile): RoleGrant {
  if (arn !== undefined && principalArn !== undefined) return { roleArn: arn, principalArn };
  const missing =
    arn === undefined ? (principalArn === undefined ? "role_arn and principal_arn" : "role_arn") : "principal_arn";
  throw config(
    `the SAML assertion is encrypted, so its roles cannot be read here, and profile "${printable(name, 80)}" has no ${missing}`,
    'role_arn = "arn:aws:iam::123456789012:role/NAME", principal_arn = "arn:aws:iam::123456789012:saml-provider/NAME"',
  );
}

function chosen({ role: { arn, principalArn } }: Profile, { grants, subject }: SamlAssertion): RoleGrant {
  const who = subject === "" ? "the user" : `"${printable(subject, 120)}"`;
  const ofRole = arn === undefined ? grants : grants.filter(({ roleArn }) => roleArn === arn);
  if (arn !== undefined && ofRole.length === 0) throw notGranted(arn, grants, who);
  const fitting = principalArn === undefined ? ofRole : ofRole.filter((grant) => grant.principalArn === principalArn);
  const [only, ...others] = fitting;
  if (only === undefined) {
    const providers = [...new Set(ofRole.map((grant) => grant.principalArn))];
    throw unusable(
      `${who} is not granted ${arn === undefined ? "any role" : printable(arn)} through ${printable(principalArn)}, but through ${listed(providers)}`,
      `principal_arn = "${providers[0]}"`,
    );
  }
  if (others.length === 0) return only;
  if (arn !== undefined)
    throw config(
      `${printable(arn)} is granted through ${fitting.length} SAML providers: ${listed(fitting.map((grant) => grant.principalArn))}`,
      `principal_arn = "${only.principalArn}"`,
    );
  throw config(
    `${who} is granted ${fitting.length} roles and the profile names none: ${listed(fitting.map(({ roleArn }) => roleArn))}`,
    `role_arn = "${only.roleArn}"`,
  );
}

function notGranted(arn: string, grants: readonly RoleGrant[], who: string): BrokerError {
  const granted = [...new Set(grants.map(({ roleArn }) => roleArn))];
  const message = `${who} is not granted ${printable(arn)} at the identity provider`;
  const near = granted.map((one) => [one, difference(arn, one)] as const).find(([, what]) => what !== undefined);
  if (near !== undefined)
    return unusable(`${message}, but ${near[0]}, which differs in ${near[1]}`, `role_arn = "${near[0]}"`);
  const [first] = granted;
  return unusable(
    `${message}, but ${granted.length === 1 ? "" : `${granted.length} others: `}${listed(granted)}`,
    first === undefined ? undefined : `role_arn = "${first}"`,
  );
}

/** In what a granted role differs from the one that is meant, where it is so little that it may be a slip. */
function difference(wanted: string, granted: string): string | undefined {
  if (wanted.toLowerCase() === granted.toLowerCase()) return "upper and lower case";
  const [, partition, , , account, ...role] = wanted.split(":");
  const [, itsPartition, , , itsAccount, ...itsRole] = granted.split(":");
  const name = role.join(":");
  const itsName = itsRole.join(":");
  if (name === itsName && account === itsAccount) return `its partition (${itsPartition}, not ${partition})`;
  if (name === itsName) return `its account (${itsAccount}, not ${account})`;
  const withoutPath = (text: string): string => text.slice(text.lastIndexOf("/") + 1);
  if (partition === itsPartition && account === itsAccount && withoutPath(name) === withoutPath(itsName))
    return "its path";
  return undefined;
}

function refuseReserved(arn: string): void {
  if (!isReserved(arn)) return;
  throw unusable(
    `${printable(arn)} belongs to IAM Identity Center, and AWS lets nobody else assume such a role`,
    "aws configure sso, or name a role of your own",
  );
}

function isReserved(arn: string): boolean {
  return arn.slice(arn.lastIndexOf("/") + 1).startsWith("AWSReservedSSO_");
}

/** config/ holds a stated role against the region; a role that was taken from the assertion is seen here first. */
function checkRegion({ sts: { region, endpointUrl }, role }: Profile, arn: string): void {
  if (role.arn !== undefined || endpointUrl !== undefined) return;
  const partition = arn.split(":")[1] ?? "";
  const ofRegion = region.startsWith("cn-") ? "aws-cn" : region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
  if (!["aws", "aws-cn", "aws-us-gov"].includes(partition) || partition === ofRegion) return;
  throw config(
    `${printable(arn)} is in the partition ${partition}, and region ${printable(region, 40)} is in ${ofRegion}`,
    `region = "${partition === "aws-cn" ? "cn-north-1" : partition === "aws-us-gov" ? "us-gov-west-1" : "us-east-1"}"`,
  );
}

function listed(arns: readonly string[]): string {
  const shown = arns.slice(0, LISTED).map((arn) => printable(arn, 200));
  return shown.join(", ") + (arns.length > LISTED ? ` and ${arns.length - LISTED} more` : "");
}

function config(message: string, hint: string): BrokerError {
  return new BrokerError("CONFIG_INVALID", message, { hint });
}
