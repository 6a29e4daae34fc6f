/**
 * The Security header of a WS-Trust request: how old it is and who sends it. What is signed is written in canonical form to begin
 * with (namespaces on the element itself, attributes in order, no empty-element tags), so its digest is the digest of the text.
 *
 * @see WSS: SOAP Message Security 1.1, UsernameToken Profile 1.0, X.509 Token Profile 1.0; Exclusive XML Canonicalization 1.0
 */
import { createHash, createPrivateKey, createSign, type KeyObject, X509Certificate } from "node:crypto";
import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import type { Secret } from "../../core/secret.ts";
import { SOAP_12, xmlValue } from "./soap.ts";

export const WSA = "http://www.w3.org/2005/08/addressing";
const WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const USERNAME_TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";
const X509_TOKEN = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
const BASE64 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";
const DSIG = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#";
/** WCF takes five minutes of difference between the clocks. */
const LIFETIME_MS = 300_000;

/** Basic256, the suite that AD FS names in its policy, means RSA-SHA1 (WS-SecurityPolicy 1.2 §6.1). */
export const SIGNATURE_ALGORITHMS = ["rsa-sha1", "rsa-sha256"] as const;
export type SignatureAlgorithm = (typeof SIGNATURE_ALGORITHMS)[number];

const ALGORITHMS = {
  "rsa-sha1": { signature: `${DSIG}rsa-sha1`, digest: `${DSIG}sha1`, hash: "sha1" },
  "rsa-sha256": {
    signature: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    digest: "http://www.w3.org/2001/04/xmlenc#sha256",
    hash: "sha256",
  },
} as const;

export type Credential =
  | { readonly kind: "password"; readonly username: string; readonly password: Secret }
  | {
      readonly kind: "certificate";
      /** PEM; the first of a chain is the one that signs. */
      readonly certificate: string;
      /** PEM, RSA. */
      readonly key: Secret;
      readonly algorithm: SignatureAlgorithm;
    };

/** The addressing header To, with the id that a signature refers to. */
export function toHeader(url: string): string {
  const text = url.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<a:To xmlns:a="${WSA}" xmlns:s="${SOAP_12}" xmlns:u="${WSU}" u:Id="_1" s:mustUnderstand="1">${text}</a:To>`;
}

/**
 * @param to what {@link toHeader} made
 * @throws CONFIG_INVALID for a name that XML cannot carry, or a certificate or key that cannot be used
 */
export function securityHeader(credential: Credential, to: string, nowMs: number): string {
  const timestamp = `<u:Timestamp xmlns:u="${WSU}" u:Id="_0"><u:Created>${instant(nowMs)}</u:Created><u:Expires>${instant(nowMs + LIFETIME_MS)}</u:Expires></u:Timestamp>`;
  const token = credential.kind === "password" ? usernameToken(credential) : signedBy(credential, timestamp, to);
  return `<o:Security xmlns:o="${WSSE}" s:mustUnderstand="1">${timestamp}${token}</o:Security>`;
}

function usernameToken({ username, password }: Extract<Credential, { kind: "password" }>): string {
  return (
    `<o:UsernameToken><o:Username>${xmlValue(username, "username")}</o:Username>` +
    `<o:Password Type="${USERNAME_TOKEN}#PasswordText">${xmlValue(password.reveal(), "password")}</o:Password></o:UsernameToken>`
  );
}

/** An endorsing signature over Timestamp and To, which is what AD FS's policy for certificatemixed asks for. */
function signedBy(credential: Extract<Credential, { kind: "certificate" }>, timestamp: string, to: string): string {
  const { signature, digest, hash } = ALGORITHMS[credential.algorithm];
  const { token, key } = keyPair(credential);
  const reference = (id: string, xml: string): string =>
    `<Reference URI="#${id}"><Transforms><Transform Algorithm="${EXCLUSIVE}"></Transform></Transforms>` +
    `<DigestMethod Algorithm="${digest}"></DigestMethod><DigestValue>${createHash(hash).update(xml).digest("base64")}</DigestValue></Reference>`;
  const signedInfo =
    `<SignedInfo xmlns="${DSIG}"><CanonicalizationMethod Algorithm="${EXCLUSIVE}"></CanonicalizationMethod>` +
    `<SignatureMethod Algorithm="${signature}"></SignatureMethod>${reference("_0", timestamp)}${reference("_1", to)}</SignedInfo>`;
  const value = createSign(hash).update(signedInfo).sign(key, "base64");
  return (
    `<o:BinarySecurityToken xmlns:u="${WSU}" u:Id="_2" ValueType="${X509_TOKEN}" EncodingType="${BASE64}">${token}</o:BinarySecurityToken>` +
    `<Signature xmlns="${DSIG}">${signedInfo}<SignatureValue>${value}</SignatureValue>` +
    `<KeyInfo><o:SecurityTokenReference><o:Reference URI="#_2" ValueType="${X509_TOKEN}"/></o:SecurityTokenReference></KeyInfo></Signature>`
  );
}

function keyPair({ certificate, key: secret }: Extract<Credential, { kind: "certificate" }>): {
  token: string;
  key: KeyObject;
} {
  let x509: X509Certificate;
  let key: KeyObject;
  try {
    x509 = new X509Certificate(certificate);
    key = createPrivateKey(secret.reveal());
  } catch (error) {
    // OpenSSL's own texts name the format that failed, never the key.
    const code = (error as NodeJS.ErrnoException).code ?? "unreadable";
    throw unusable(`client_certificate or client_certificate_key cannot be read (${printable(code, 80)})`);
  }
  if (key.asymmetricKeyType !== "rsa")
    throw unusable("client_certificate_key is not an RSA key, and AD FS takes no other");
  if (!x509.checkPrivateKey(key)) throw unusable("client_certificate_key is not the key of client_certificate");
  return { token: x509.raw.toString("base64"), key };
}

function unusable(message: string): BrokerError {
  return new BrokerError("CONFIG_INVALID", message, { hint: "both are PEM; the key must not have a passphrase" });
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
