/**
 * Judges a SAML response as AWS STS does: the registered provider's signature, issuer, recipient, audience, times, roles. Only what
 * xmlsec1 digested is read. Texts of refusals are AWS's where somebody has quoted them; the others say so.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html
 */
import { createHash } from "node:crypto";
import { childrenOf, type Element, readCanonicalXml } from "./canonical-xml.ts";
import { accessDenied, invalidIdentityToken, StsError } from "./sts-error.ts";
import type { Account, RegisteredSamlProvider } from "./types.ts";
import { decrypt, verifySignature } from "./xmlsec.ts";

const ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion";
const PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol";
const ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/";
const FORMATS = "urn:oasis:names:tc:SAML:2.0:nameid-format:";
const REDEEM_WITHIN_MS = 300_000;
/** Clocks of IdPs run a little ahead. */
const SKEW_MS = 60_000;
const SIGN_IN = /^https:\/\/(?:[a-z0-9-]+\.)?signin\.(?:aws\.amazon\.com|amazonaws\.cn|amazonaws-us-gov\.com)\/saml$/;
const SESSION_NAME = /^[a-zA-Z_0-9+=,.@-]{2,64}$/;

/** What a verified response says. */
export interface SamlIdentity {
  readonly issuer: string;
  readonly subject: string;
  /** AWS leaves the common prefix out: "persistent", "transient". */
  readonly subjectType: string;
  /** What STS calls Audience: the Recipient. */
  readonly recipient: string;
  readonly nameQualifier: string;
  readonly sessionName: string;
  /** No session lasts longer. */
  readonly sessionNotOnOrAfterMs: number | undefined;
  readonly conditionKeys: Readonly<Record<string, readonly string[]>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly transitiveTagKeys: readonly string[];
  readonly sourceIdentity: string | undefined;
}

export interface SamlRequest {
  readonly samlAssertion: string;
  readonly roleArn: string;
  readonly principalArn: string;
}

/** Verifies, or throws AWS's refusal. */
export async function verifySamlResponse(
  { samlAssertion, roleArn, principalArn }: SamlRequest,
  account: Account,
): Promise<SamlIdentity> {
  const provider = account.samlProviders.find(({ arn }) => arn === principalArn);
  if (provider === undefined)
    throw fromDiscovery("Specified provider doesn't exist", "AuthSamlManifestNotFoundException");
  const assertion = await signedAssertion(decoded(samlAssertion), provider);
  const nowMs = account.nowMs();

  const issuer = textOf(assertion, "Issuer");
  if (issuer !== entityIdOf(provider)) {
    throw fromDiscovery("Issuer not present in specified provider", "AuthSamlInvalidSamlResponseException");
  }
  const subject = childrenOf(assertion, ASSERTION, "Subject")[0];
  const recipient = checkConfirmation(subject, nowMs);
  checkConditions(assertion, nowMs);
  if (nowMs > timeOf(assertion, "IssueInstant") + REDEEM_WITHIN_MS) {
    throw expired("Token must be redeemed within 5 minutes of issuance");
  }
  const nameId = childrenOf(subject, ASSERTION, "NameID")[0];
  // AWS names no more than this for a missing NameID.
  if (nameId === undefined || nameId.text === "")
    throw accessDenied("Not authorized to perform sts:AssumeRoleWithSAML");

  const values = attributesOf(assertion);
  checkRole(values.get("Role") ?? [], roleArn, principalArn);
  return describe(provider, issuer, recipient, nameId, values, sessionEndOf(assertion));
}

function decoded(samlAssertion: string): string {
  const xml = Buffer.from(samlAssertion, "base64").toString("utf8");
  if (!/^[A-Za-z0-9+/\s]+={0,2}\s*$/.test(samlAssertion) || !/^\s*</.test(xml) || /<!(?:DOCTYPE|ENTITY)/i.test(xml)) {
    throw fromDiscovery("Invalid base64 SAMLResponse", "AuthSamlInvalidSamlResponseException");
  }
  return xml;
}

/** The assertion, taken from the signed bytes: those of the Response, else those of its only assertion. */
async function signedAssertion(received: string, provider: RegisteredSamlProvider): Promise<Element> {
  let xml = received;
  if (/<(?:[\w.-]+:)?EncryptedAssertion[\s>]/.test(received)) {
    xml = (provider.privateKeyPem === undefined ? undefined : await decrypt(received, provider.privateKeyPem)) ?? "";
    // Not AWS's words.
    if (xml === "") throw invalidIdentityToken("Unable to decrypt the assertion");
  }
  const options = {
    certificates: certificatesOf(provider),
    ids: { Response: [PROTOCOL, "ID"], Assertion: [ASSERTION, "ID"] } as const,
  };
  const response = `/*[local-name()='Response' and namespace-uri()='${PROTOCOL}']`;
  const assertion = `/*[local-name()='Assertion' and namespace-uri()='${ASSERTION}']`;
  const wrapper = xml === received ? "" : "/*[local-name()='EncryptedAssertion']";
  let digested = await verifySignature(xml, { ...options, signature: `${response}/*[local-name()='Signature']` });
  if (digested === "no-signature") {
    const signature = `${response}${wrapper}${assertion}/*[local-name()='Signature']`;
    digested = await verifySignature(xml, { ...options, signature });
  }
  if (typeof digested === "string") throw invalidIdentityToken("Response signature invalid");
  const [bytes, ...more] = digested;
  if (bytes === undefined || more.length > 0) throw invalidIdentityToken("Response signature invalid");
  const signed = readCanonicalXml(bytes);
  if (signed.name === "Assertion" && signed.namespace === ASSERTION) return signed;
  const [only, ...others] = [
    ...childrenOf(signed, ASSERTION, "Assertion"),
    ...childrenOf(signed, ASSERTION, "EncryptedAssertion").flatMap((one) => childrenOf(one, ASSERTION, "Assertion")),
  ];
  if (only === undefined || others.length > 0) throw invalidIdentityToken("Response signature invalid");
  return only;
}

/** The first bearer confirmation has to carry both. The spelling is AWS's. */
function checkConfirmation(subject: Element | undefined, nowMs: number): string {
  const data = childrenOf(subject, ASSERTION, "SubjectConfirmation")
    .filter(({ attributes }) => attributes.Method === "urn:oasis:names:tc:SAML:2.0:cm:bearer")
    .flatMap((confirmation) => childrenOf(confirmation, ASSERTION, "SubjectConfirmationData"))[0];
  const { Recipient, NotOnOrAfter } = data?.attributes ?? {};
  if (data === undefined || Recipient === undefined || NotOnOrAfter === undefined) {
    throw invalidIdentityToken("Responses must contain SubjectConfirmatonData with a Recipient and NotOnOrAfter");
  }
  // Not AWS's words.
  if (!SIGN_IN.test(Recipient)) throw invalidIdentityToken("Recipient is not an AWS sign-in endpoint");
  if (nowMs >= timeOf(data, "NotOnOrAfter")) throw expired("Response has expired");
  return Recipient;
}

function checkConditions(assertion: Element, nowMs: number): void {
  const conditions = childrenOf(assertion, ASSERTION, "Conditions")[0];
  const audiences = childrenOf(conditions, ASSERTION, "AudienceRestriction").map((restriction) =>
    childrenOf(restriction, ASSERTION, "Audience").map(({ text }) => text.trim()),
  );
  const known = (audience: string): boolean => audience === "urn:amazon:webservices" || SIGN_IN.test(audience);
  if (conditions === undefined || audiences.length === 0 || !audiences.every((some) => some.some(known))) {
    throw invalidIdentityToken("Response does not contain the required audience.");
  }
  if (conditions.attributes.NotOnOrAfter !== undefined && nowMs >= timeOf(conditions, "NotOnOrAfter")) {
    throw expired("Response has expired");
  }
  // Not AWS's words.
  if (conditions.attributes.NotBefore !== undefined && nowMs < timeOf(conditions, "NotBefore") - SKEW_MS) {
    throw invalidIdentityToken("Response is not yet valid");
  }
}

/** Pairs in either order, with white space around them, as AWS takes them. */
function checkRole(roles: readonly string[], roleArn: string, principalArn: string): void {
  const wanted = [roleArn, principalArn].sort().join();
  const pairs = roles.map((role) =>
    role
      .split(",")
      .map((arn) => arn.trim())
      .sort()
      .join(),
  );
  if (pairs.includes(wanted)) return;
  throw invalidIdentityToken("SAML Assertion doesn't contain the requested Role and Metadata in the attributes");
}

function describe(
  provider: RegisteredSamlProvider,
  issuer: string,
  recipient: string,
  nameId: Element,
  values: ReadonlyMap<string, readonly string[]>,
  sessionNotOnOrAfterMs: number | undefined,
): SamlIdentity {
  const [sessionName] = values.get("RoleSessionName") ?? [];
  if (sessionName === undefined) throw invalidIdentityToken("RoleSessionName is required in AuthnResponse");
  if (!SESSION_NAME.test(sessionName)) {
    throw invalidIdentityToken("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}");
  }
  const [sourceIdentity] = values.get("SourceIdentity") ?? [];
  if (sourceIdentity !== undefined && (!SESSION_NAME.test(sourceIdentity) || sourceIdentity.startsWith("aws:"))) {
    throw invalidIdentityToken('Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"');
  }
  const [, account = "", name = ""] = /::(\d{12}):saml-provider\/(.+)$/.exec(provider.arn) ?? [];
  const subjectType = (nameId.attributes.Format ?? "unspecified").replace(FORMATS, "");
  const nameQualifier = createHash("sha1").update(`${issuer}${account}/${name}`).digest("base64");
  const subject = nameId.text.trim();
  return {
    issuer,
    subject,
    subjectType,
    recipient,
    nameQualifier,
    sessionName,
    sessionNotOnOrAfterMs,
    conditionKeys: {
      "saml:aud": [recipient],
      "saml:iss": [issuer],
      "saml:sub": [subject],
      "saml:sub_type": [subjectType],
      "saml:namequalifier": [nameQualifier],
      "saml:doc": [`${account}/${name}`],
    },
    tags: Object.fromEntries(
      [...values].flatMap(([key, [value]]) =>
        key.startsWith("PrincipalTag:") && value !== undefined ? [[key.slice("PrincipalTag:".length), value]] : [],
      ),
    ),
    transitiveTagKeys: values.get("TransitiveTagKeys") ?? [],
    sourceIdentity,
  };
}

/** Attributes of AWS's own, by the name behind the prefix. */
function attributesOf(assertion: Element): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const attribute of childrenOf(assertion, ASSERTION, "AttributeStatement").flatMap(({ children }) => children)) {
    const name = attribute.attributes.Name ?? "";
    if (attribute.name !== "Attribute" || !name.startsWith(ATTRIBUTES)) continue;
    const values = childrenOf(attribute, ASSERTION, "AttributeValue").map(({ text }) => text.trim());
    const key = name.slice(ATTRIBUTES.length);
    found.set(key, [...(found.get(key) ?? []), ...values]);
  }
  return found;
}

function sessionEndOf(assertion: Element): number | undefined {
  const ends = childrenOf(assertion, ASSERTION, "AuthnStatement")
    .filter(({ attributes }) => attributes.SessionNotOnOrAfter !== undefined)
    .map((statement) => timeOf(statement, "SessionNotOnOrAfter"));
  return ends.length === 0 ? undefined : Math.min(...ends);
}

function certificatesOf({ certificates, metadataXml = "" }: RegisteredSamlProvider): readonly string[] {
  if (certificates !== undefined) return certificates;
  return [
    ...metadataXml.matchAll(/<(?:\w+:)?KeyDescriptor([^>]*)>[\s\S]*?<(?:\w+:)?X509Certificate>([^<]+)</g),
  ].flatMap(([, attributes = "", base64 = ""]) =>
    /use="encryption"/.test(attributes)
      ? []
      : [
          `-----BEGIN CERTIFICATE-----\n${base64.replace(/\s/g, "").replace(/(.{64})(?=.)/g, "$1\n")}\n-----END CERTIFICATE-----\n`,
        ],
  );
}

function entityIdOf({ entityId, metadataXml = "" }: RegisteredSamlProvider): string | undefined {
  return entityId ?? /<(?:\w+:)?EntityDescriptor[^>]*\bentityID="([^"]+)"/.exec(metadataXml)?.[1];
}

function textOf(element: Element, name: string): string {
  return childrenOf(element, ASSERTION, name)[0]?.text.trim() ?? "";
}

function timeOf({ attributes }: Element, name: string): number {
  const ms = Date.parse(attributes[name] ?? "");
  if (Number.isNaN(ms)) throw fromDiscovery("Invalid base64 SAMLResponse", "AuthSamlInvalidSamlResponseException");
  return ms;
}

function expired(message: string): StsError {
  return new StsError("ExpiredTokenException", message);
}

/** STS hands on some refusals of the service behind it with all its details. */
function fromDiscovery(message: string, code: string): StsError {
  const details = `Service: AWSOpenIdDiscoveryService; Status Code: 400; Error Code: ${code}; Request ID: 00000000-0000-0000-0000-000000000000; Proxy: null`;
  return invalidIdentityToken(`${message} (${details})`);
}
