import { chooseRole } from "../assertion/role.ts";
import { readSaml, type SamlProof } from "../assertion/saml.ts";
import { readGrants } from "../assertion/saml-attributes.ts";
import { samlTrustContext } from "../assertion/trust-context.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Profile, SamlAssertion } from "../core/types.ts";
import { type TrustPlan, trustedRole } from "./plan.ts";
import { plainValue, trustPolicy } from "./policy.ts";

export interface SamlTrustOptions {
  /** Trust this subject alone; by itself the identity provider says who may have the role. */
  readonly subject: boolean;
  /** Path of the metadata, where the identity names it. */
  readonly metadataFile: string | undefined;
}

const ONE_LOGIN = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";

/**
 * The trust that this SAML response needs.
 *
 * @throws BrokerError CONFIG_INVALID where the role is not clear; ASSERTION_UNUSABLE for what is encrypted, badly signed or not for AWS;
 * IDP_REFUSED
 */
export async function samlTrustPlan(
  proof: SamlProof,
  profile: Profile,
  { subject: bindSubject, metadataFile }: SamlTrustOptions,
): Promise<TrustPlan> {
  const { facts, signature } = await readSaml(proof);
  if (signature.kind === "refused") throw signature.error;
  const { statement } = facts;
  if (statement === undefined)
    throw unusable(`${proof.name} is encrypted, so what a trust policy has to name cannot be read here`);
  const recipient = statement.confirmations[0]?.recipient;
  if (recipient === undefined) throw unusable(`${proof.name} names no Recipient, which is what AWS calls SAML:aud`);
  const { grants } = readGrants(statement.attributes);
  if (grants.length === 0)
    throw unusable(`${proof.name} grants no AWS role: it has no attribute Role that can be read`);
  const subject = statement.nameId?.value ?? "";
  const { role } = chooseRole(profile, { kind: "saml", grants, subject, encrypted: false } as unknown as SamlAssertion);
  const principalArn = role.principalArn ?? "";
  const trust = await samlTrustContext(statement, principalArn);

  const equal: Record<string, string> = {
    "SAML:aud": plainValue(recipient, "the Recipient"),
    "SAML:iss": plainValue(statement.issuer, "the issuer of the assertion"),
  };
  const warnings: string[] = [];
  if (bindSubject) {
    if (subject === "") throw unusable(`${proof.name} has no subject that can be read`);
    equal["SAML:sub"] = plainValue(subject, "the subject");
    const [type] = trust.context.get("SAML:sub_type") ?? [];
    if (type !== undefined) equal["SAML:sub_type"] = plainValue(type, "the format of the subject");
    if (statement.nameId?.format === ONE_LOGIN)
      warnings.push(`the subject "${printable(subject, 120)}" is transient: the next login has another one`);
  }
  return {
    profile: profile.name,
    role: trustedRole(role.arn, role.durationSeconds),
    provider: {
      kind: "saml",
      arn: principalArn,
      name: principalArn.slice(principalArn.lastIndexOf("/") + 1),
      metadata: proof.metadata,
      metadataFile,
    },
    policy: trustPolicy(trust, { StringEquals: equal }),
    warnings,
  };
}

function unusable(message: string): BrokerError {
  return new BrokerError("ASSERTION_UNUSABLE", message, { hint: "sts-broker explain shows all of what it says" });
}
