/** What a token or an assertion puts under AWS's condition keys. */
import type { Claims } from "./jwt.ts";
import { awsValues } from "./saml-attributes.ts";
import type { SamlAttribute, SamlStatement } from "./saml-response.ts";

const TAGS_CLAIM = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY_CLAIM = "https://aws.amazon.com/source_identity";
const TAG_ATTRIBUTE = "https://aws.amazon.com/SAML/Attributes/PrincipalTag:";

export interface TrustContext {
  readonly federated: string;
  /** All have to be allowed; the first is the call itself. */
  readonly actions: readonly string[];
  readonly context: ReadonlyMap<string, readonly string[]>;
}

/**
 * `<issuer>:aud` is the token's azp, and only without it its aud; no other claim than these is a condition key.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html
 */
export function oidcTrustContext(claims: Claims, roleArn: string, sessionName: string): TrustContext {
  const issuer = issuerName(typeof claims.iss === "string" ? claims.iss : "");
  const audiences = stringsOf(claims.aud);
  const context = new Map<string, readonly string[]>([
    [`${issuer}:aud`, typeof claims.azp === "string" ? [claims.azp] : audiences],
    [`${issuer}:oaud`, audiences],
    [`${issuer}:sub`, stringsOf(claims.sub)],
    [`${issuer}:amr`, stringsOf(claims.amr)],
    [`${issuer}:email`, stringsOf(claims.email)],
    ["sts:RoleSessionName", [sessionName]],
  ]);
  const tags = isObject(claims[TAGS_CLAIM]) ? claims[TAGS_CLAIM] : {};
  const principalTags = Object.entries(isObject(tags.principal_tags) ? tags.principal_tags : {});
  const sourceIdentity = stringsOf(claims[SOURCE_IDENTITY_CLAIM]);
  return {
    federated: `${accountPrefix(roleArn)}:oidc-provider/${issuer}`,
    actions: [
      "sts:AssumeRoleWithWebIdentity",
      ...alsoNeeded(
        context,
        principalTags.map(([key, values]) => [key, stringsOf(values)]),
        stringsOf(tags.transitive_tag_keys),
        sourceIdentity,
      ),
    ],
    context,
  };
}

/**
 * `SAML:aud` is the Recipient, not the Audience.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-saml
 */
export async function samlTrustContext(statement: SamlStatement, principalArn: string): Promise<TrustContext> {
  const { issuer, nameId, attributes, confirmations } = statement;
  const account = principalArn.split(":")[4] ?? "";
  const provider = principalArn.slice(principalArn.lastIndexOf("/"));
  const { createHash } = await import("node:crypto");
  const some = (value: string | undefined): readonly string[] => (value === undefined ? [] : [value]);
  const context = new Map<string, readonly string[]>([
    ["SAML:aud", some(confirmations[0]?.recipient)],
    ["SAML:iss", [issuer]],
    ["SAML:sub", some(nameId?.value)],
    ["SAML:sub_type", some(subjectType(nameId?.format))],
    ["SAML:namequalifier", [createHash("sha1").update(`${issuer}${account}${provider}`).digest("base64")]],
    ["SAML:doc", [`${account}${provider}`]],
    ["sts:RoleSessionName", awsValues(attributes, "RoleSessionName")],
  ]);
  for (const [key, names] of Object.entries(SAML_KEYS)) {
    const values = attributes.filter(({ name }) => names.includes(name)).flatMap((attribute) => attribute.values);
    if (values.length > 0) context.set(`SAML:${key}`, values);
  }
  return {
    federated: principalArn,
    actions: [
      "sts:AssumeRoleWithSAML",
      ...alsoNeeded(
        context,
        tagsOf(attributes),
        awsValues(attributes, "TransitiveTagKeys"),
        awsValues(attributes, "SourceIdentity"),
      ),
    ],
    context,
  };
}

/** Session tags and a source identity need an action each, which trust policies tend to forget. */
function alsoNeeded(
  context: Map<string, readonly string[]>,
  tags: readonly (readonly [key: string, values: readonly string[]])[],
  transitive: readonly string[],
  sourceIdentity: readonly string[],
): string[] {
  for (const [key, values] of tags) context.set(`aws:RequestTag/${key}`, values);
  context.set(
    "aws:TagKeys",
    tags.map(([key]) => key),
  );
  context.set("sts:TransitiveTagKeys", transitive);
  context.set("sts:SourceIdentity", sourceIdentity);
  return [
    ...(tags.length > 0 ? ["sts:TagSession"] : []),
    ...(sourceIdentity.length > 0 ? ["sts:SetSourceIdentity"] : []),
  ];
}

function tagsOf(attributes: readonly SamlAttribute[]): (readonly [string, readonly string[]])[] {
  return attributes
    .filter(({ name }) => name.startsWith(TAG_ATTRIBUTE))
    .map(({ name, values }) => [name.slice(TAG_ATTRIBUTE.length), values]);
}

function subjectType(format: string | undefined): string | undefined {
  return format?.replace(/^urn:oasis:names:tc:SAML:2\.0:nameid-format:/, "");
}

/** The issuer without its scheme: how provider ARNs and condition keys carry it. A slash at its end (Auth0) is part of it. */
function issuerName(issuer: string): string {
  return issuer.replace(/^https?:\/\//, "");
}

function accountPrefix(roleArn: string): string {
  return roleArn.split(":").slice(0, 5).join(":");
}

function stringsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const EDU_PERSON = "urn:oid:1.3.6.1.4.1.5923.1.1.1.";
const EDU_ORG = "urn:oid:1.3.6.1.4.1.5923.1.2.1.";
const CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/";

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml-attribute-mapping */
const SAML_KEYS: Readonly<Record<string, readonly string[]>> = {
  cn: ["urn:oid:2.5.4.3"],
  commonName: ["http://schemas.xmlsoap.org/claims/CommonName"],
  givenName: [`${CLAIMS}givenname`, "urn:oid:2.5.4.42"],
  surname: [`${CLAIMS}surname`, "urn:oid:2.5.4.4"],
  name: [`${CLAIMS}name`],
  mail: ["urn:oid:0.9.2342.19200300.100.1.3"],
  uid: ["urn:oid:0.9.2342.19200300.100.1.1"],
  x500UniqueIdentifier: ["urn:oid:2.5.4.45"],
  organizationStatus: ["urn:oid:0.9.2342.19200300.100.1.45"],
  primaryGroupSID: ["http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid"],
  edupersonaffiliation: [`${EDU_PERSON}1`],
  edupersonnickname: [`${EDU_PERSON}2`],
  edupersonorgdn: [`${EDU_PERSON}3`],
  edupersonorgunitdn: [`${EDU_PERSON}4`],
  edupersonprimaryaffiliation: [`${EDU_PERSON}5`],
  edupersonprincipalname: [`${EDU_PERSON}6`],
  edupersonentitlement: [`${EDU_PERSON}7`],
  edupersonprimaryorgunitdn: [`${EDU_PERSON}8`],
  edupersonscopedaffiliation: [`${EDU_PERSON}9`],
  edupersontargetedid: [`${EDU_PERSON}10`],
  edupersonassurance: [`${EDU_PERSON}11`],
  eduorghomepageuri: [`${EDU_ORG}2`],
  eduorgidentityauthnpolicyuri: [`${EDU_ORG}3`],
  eduorglegalname: [`${EDU_ORG}4`],
  eduorgsuperioruri: [`${EDU_ORG}5`],
  eduorgwhitepagesuri: [`${EDU_ORG}6`],
};
