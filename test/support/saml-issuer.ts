/** A SAML identity provider's key and pen: assertions and responses as AWS wants them, signed with xml-crypto, and wrong on request. */
import { webcrypto } from "node:crypto";
import { SignedXml } from "xml-crypto";
import { certificateToX5c, selfSignRsaKey } from "./certificates.ts";

export const AWS_RECIPIENT = "https://signin.aws.amazon.com/saml";
const AWS_AUDIENCE = "urn:amazon:webservices";
const ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/";
const EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#";
const INCLUSIVE = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";

export interface AssertionOptions {
  readonly nowMs?: number;
  readonly issuer?: string;
  readonly id?: string;
  /** Undefined leaves the element or attribute out. */
  readonly nameId?: string | undefined;
  readonly nameIdFormat?: string;
  readonly recipient?: string | undefined;
  readonly audience?: string | undefined;
  /** Values of the attribute Role, "role-arn,provider-arn". */
  readonly roles?: readonly string[];
  readonly sessionName?: string | undefined;
  readonly sessionDuration?: string;
  readonly sourceIdentity?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly sessionNotOnOrAfterMs?: number;
  readonly lifetimeMs?: number;
  /** Prefix of the SAML namespace; "" for a default namespace. */
  readonly prefix?: string;
  /** False: the prefixes are left for an ancestor to declare, as some IdPs do. */
  readonly declare?: boolean;
  readonly sign?: boolean;
  readonly canonicalization?: "exclusive" | "inclusive";
  readonly prefixList?: string;
}

export interface SamlIssuer {
  readonly entityId: string;
  readonly certificate: string;
  readonly privateKey: string;
  metadata(services?: string): string;
  /** An assertion; `context` is put around it before it is signed, so that what it inherits is part of what is signed. */
  assertion(options?: AssertionOptions, context?: (assertion: string) => string): string;
  /** base64 of a samlp:Response. */
  response(options?: AssertionOptions & { readonly signResponse?: boolean }): string;
  /** Signs the element with that ID. */
  sign(xml: string, id: string, options?: Pick<AssertionOptions, "canonicalization" | "prefixList">): string;
}

/** A key of its own for each. */
export async function createSamlIssuer(entityId = "http://adfs.corp.example/adfs/services/trust"): Promise<SamlIssuer> {
  const keys = (await webcrypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    true,
    ["sign", "verify"],
  )) as webcrypto.CryptoKeyPair;
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const privateKey = `-----BEGIN PRIVATE KEY-----\n${der.replace(/(.{64})(?=.)/g, "$1\n")}\n-----END PRIVATE KEY-----\n`;
  const certificate = await selfSignRsaKey(await webcrypto.subtle.exportKey("jwk", keys.privateKey), "SAML signing");

  const sign: SamlIssuer["sign"] = (xml, id, { canonicalization = "exclusive", prefixList } = {}) => {
    const algorithm = canonicalization === "exclusive" ? EXCLUSIVE : INCLUSIVE;
    const signer = new SignedXml({
      privateKey,
      publicCert: certificate,
      signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
      canonicalizationAlgorithm: algorithm,
      idAttribute: "ID",
    });
    signer.addReference({
      xpath: `//*[@ID='${id}']`,
      digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
      transforms: ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", algorithm],
      ...(prefixList === undefined ? {} : { inclusiveNamespacesPrefixList: prefixList.split(" ") }),
    });
    signer.computeSignature(xml, {
      prefix: "ds",
      location: { reference: `//*[@ID='${id}']/*[local-name()='Issuer']`, action: "after" },
    });
    return signer.getSignedXml();
  };

  const assertion: SamlIssuer["assertion"] = (options = {}, context = (xml) => xml) => {
    const id = options.id ?? `_${webcrypto.randomUUID()}`;
    const xml = context(unsigned(entityId, id, options));
    return options.sign === false ? xml : sign(xml, id, options);
  };
  return {
    entityId,
    certificate,
    privateKey,
    metadata: (services = "") =>
      `<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="${entityId}">` +
      `<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing">` +
      `<ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>${certificateToX5c(certificate)}` +
      `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>${services}</md:IDPSSODescriptor></md:EntityDescriptor>`,
    assertion,
    response: ({ signResponse, ...options } = {}) => {
      const id = `_${webcrypto.randomUUID()}`;
      const xml =
        `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${id}" Version="2.0" IssueInstant="${instant(options.nowMs ?? Date.now())}" Destination="${AWS_RECIPIENT}">` +
        `<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${options.issuer ?? entityId}</saml:Issuer>` +
        `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>` +
        `${assertion(options)}</samlp:Response>`;
      return Buffer.from(signResponse === true ? sign(xml, id) : xml).toString("base64");
    },
    sign,
  };
}

function unsigned(entityId: string, id: string, options: AssertionOptions): string {
  const nowMs = options.nowMs ?? Date.now();
  const { prefix = "saml", declare = true, lifetimeMs = 300_000 } = options;
  const has = (key: keyof AssertionOptions): boolean => key in options;
  const p = prefix === "" ? "" : `${prefix}:`;
  const xmlns = declare
    ? ` xmlns${prefix === "" ? "" : `:${prefix}`}="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`
    : "";
  const end = instant(nowMs + lifetimeMs);
  const nameId = has("nameId") ? options.nameId : "CORP\\svc-billing";
  const recipient = has("recipient") ? options.recipient : AWS_RECIPIENT;
  const audience = has("audience") ? options.audience : AWS_AUDIENCE;
  const sessionName = has("sessionName") ? options.sessionName : "svc-billing@corp.example";
  const attribute = (name: string, values: readonly string[]): string =>
    values.length === 0
      ? ""
      : `<${p}Attribute Name="${ATTRIBUTES}${name}" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri">${values
          .map((value) => `<${p}AttributeValue xsi:type="xs:string">${value}</${p}AttributeValue>`)
          .join("")}</${p}Attribute>`;
  return (
    `<${p}Assertion${xmlns} ID="${id}" IssueInstant="${instant(nowMs)}" Version="2.0"><${p}Issuer>${options.issuer ?? entityId}</${p}Issuer>` +
    `<${p}Subject>${nameId === undefined ? "" : `<${p}NameID Format="${options.nameIdFormat ?? "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"}">${nameId}</${p}NameID>`}` +
    `<${p}SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><${p}SubjectConfirmationData NotOnOrAfter="${end}"${recipient === undefined ? "" : ` Recipient="${recipient}"`}/></${p}SubjectConfirmation></${p}Subject>` +
    `<${p}Conditions NotBefore="${instant(nowMs - 1000)}" NotOnOrAfter="${end}">${audience === undefined ? "" : `<${p}AudienceRestriction><${p}Audience>${audience}</${p}Audience></${p}AudienceRestriction>`}</${p}Conditions>` +
    `<${p}AttributeStatement>${attribute("Role", options.roles ?? ["arn:aws:iam::123456789012:role/ci/billing,arn:aws:iam::123456789012:saml-provider/corp"])}` +
    `${attribute("RoleSessionName", sessionName === undefined ? [] : [sessionName])}` +
    `${attribute("SessionDuration", options.sessionDuration === undefined ? [] : [options.sessionDuration])}` +
    `${attribute("SourceIdentity", options.sourceIdentity === undefined ? [] : [options.sourceIdentity])}` +
    `${Object.entries(options.tags ?? {})
      .map(([key, value]) => attribute(`PrincipalTag:${key}`, [value]))
      .join("")}</${p}AttributeStatement>` +
    `<${p}AuthnStatement AuthnInstant="${instant(nowMs)}"${options.sessionNotOnOrAfterMs === undefined ? "" : ` SessionNotOnOrAfter="${instant(options.sessionNotOnOrAfterMs)}"`}>` +
    `<${p}AuthnContext><${p}AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</${p}AuthnContextClassRef></${p}AuthnContext></${p}AuthnStatement></${p}Assertion>`
  );
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
