/** AWS's own attributes in a SAML assertion. @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html */
import { printable } from "../core/printable.ts";
import type { RoleGrant } from "../core/types.ts";
import { unusable } from "./finding.ts";
import type { SamlAttribute } from "./saml-response.ts";

export const AWS_ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/";
const ROLE = /^arn:[a-z-]{1,20}:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;
const PROVIDER = /^arn:[a-z-]{1,20}:iam::\d{12}:saml-provider\/[\w.-]{1,128}$/;
/** More than any directory grants one user; the message of a refusal lists some of them. */
const MOST_ROLES = 5_000;

export interface Grants {
  /** In the assertion's order, without duplicates. */
  readonly grants: readonly RoleGrant[];
  /** Values of the attribute that are no pair of ARNs, fit to be printed. */
  readonly unreadable: readonly string[];
  /** An attribute whose name differs in upper and lower case alone; AWS does not look at it. */
  readonly nearMiss: string | undefined;
}

/** The values of one of AWS's attributes. */
export function awsValues(attributes: readonly SamlAttribute[], name: string): readonly string[] {
  return attributes.find((attribute) => attribute.name === `${AWS_ATTRIBUTES}${name}`)?.values ?? [];
}

/** Pairs of a role and its SAML provider, in either order, with white space around. */
export function readGrants(attributes: readonly SamlAttribute[]): Grants {
  const grants = new Map<string, RoleGrant>();
  const unreadable: string[] = [];
  for (const value of awsValues(attributes, "Role").slice(0, MOST_ROLES)) {
    const [first = "", second = "", ...more] = splitPair(value);
    const [roleArn, principalArn] = ROLE.test(first) ? [first, second] : [second, first];
    if (more.length > 0 || !ROLE.test(roleArn) || !PROVIDER.test(principalArn)) unreadable.push(printable(value, 160));
    else grants.set(`${roleArn},${principalArn}`, { roleArn, principalArn });
  }
  const wanted = `${AWS_ATTRIBUTES}Role`;
  const nearMiss = attributes.find(
    ({ name }) => name !== wanted && name.trim().toLowerCase() === wanted.toLowerCase(),
  )?.name;
  return {
    grants: [...grants.values()],
    unreadable,
    nearMiss: nearMiss === undefined ? undefined : printable(nearMiss, 120),
  };
}

/** A role's name may hold a comma, so the pair is split before an ARN and nowhere else. */
function splitPair(value: string): string[] {
  return value.split(/,(?=\s*arn:)/).map((part) => part.trim());
}

/** @throws BrokerError ASSERTION_UNUSABLE for more than one value or one that STS does not take */
export function readSessionName(attributes: readonly SamlAttribute[], what: string): string | undefined {
  const [name, ...others] = new Set(awsValues(attributes, "RoleSessionName"));
  if (name === undefined) return undefined;
  if (others.length > 0) throw unusable(`${what} has several values in its attribute RoleSessionName`);
  if (!/^[\w+=,.@-]{2,64}$/.test(name))
    throw unusable(
      `${what} has the RoleSessionName "${printable(name, 80)}", and AWS takes 2 to 64 letters, digits and _+=,.@-`,
      "have the identity provider send the mail address, or the account's name without $ and domain, as RoleSessionName",
    );
  return name;
}

/** @throws BrokerError ASSERTION_UNUSABLE */
export function readSessionDuration(attributes: readonly SamlAttribute[], what: string): number | undefined {
  const [value, ...others] = new Set(awsValues(attributes, "SessionDuration"));
  if (value === undefined) return undefined;
  const seconds = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  if (others.length > 0 || seconds < 900 || seconds > 43_200)
    throw unusable(
      `${what} has the SessionDuration "${printable([value, ...others].join(", "), 60)}", and AWS takes one number from 900 to 43200`,
      "have the identity provider send the length of a session in seconds",
    );
  return seconds;
}
