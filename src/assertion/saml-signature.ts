/**
 * Checks a response's signature with the keys of the metadata, and hands out what was signed: the canonical bytes that were digested,
 * parsed again. What stands around them is never read, so there is nothing to wrap.
 *
 * What a signature may look like is checked first and strictly, one SignedInfo with one Reference to the element it stands in. xml-crypto
 * then only has to compute.
 *
 * @see saml-core-2.0-os §5.4; Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be"; CVE-2025-29774, CVE-2025-29775
 */
import type { KeyObject } from "node:crypto";
import { printable } from "../core/printable.ts";
import { unusable } from "./finding.ts";
import type { IdpMetadata } from "./saml-metadata.ts";
import { DSIG, type ResponseDocument, readXml } from "./saml-response.ts";
import { attributeOf, childrenOf, withDescendants, type XmlElement } from "./xml.ts";

const MORE = "http://www.w3.org/2001/04/xmldsig-more#";
const RSA_PSS_SHA256 = "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1";
const SIGNATURE_METHODS: Readonly<Record<string, { readonly hash: string; readonly key: "rsa" | "ec" }>> = {
  [`${MORE}rsa-sha256`]: { hash: "sha256", key: "rsa" },
  [`${MORE}rsa-sha384`]: { hash: "sha384", key: "rsa" },
  [`${MORE}rsa-sha512`]: { hash: "sha512", key: "rsa" },
  [RSA_PSS_SHA256]: { hash: "sha256", key: "rsa" },
  [`${MORE}ecdsa-sha256`]: { hash: "sha256", key: "ec" },
  [`${MORE}ecdsa-sha384`]: { hash: "sha384", key: "ec" },
  [`${MORE}ecdsa-sha512`]: { hash: "sha512", key: "ec" },
};
const DIGESTS: Readonly<Record<string, string>> = {
  "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
  [`${MORE}sha384`]: "sha384",
  "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
};
const CANONICALIZATIONS = [
  "http://www.w3.org/2001/10/xml-exc-c14n#",
  "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
  "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
  "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
];
const ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const LEAST_RSA_BITS = 2048;

const RESIGN_HINT = "set the signature algorithm of the application AWS at the identity provider to RSA-SHA256";

export interface SignedPart {
  /** Made of the signed bytes alone. */
  readonly element: XmlElement;
  readonly is: "Response" | "Assertion";
  /** As in "rsa-sha256". */
  readonly algorithm: string;
}

/**
 * @param assertion the only one, in its place
 * @returns the outermost part that is signed; undefined where nothing is that can be seen: an encrypted assertion in a plain Response
 * @throws BrokerError ASSERTION_UNUSABLE
 */
export async function signedPart(
  document: ResponseDocument,
  assertion: XmlElement,
  metadata: IdpMetadata,
  what: string,
): Promise<SignedPart | undefined> {
  const { root } = document;
  checkIds(root, what);
  const holders = [root, assertion].filter(({ elements }) => elements.some(isSignature));
  const signatures = [...withDescendants(root)].filter(isSignature);
  if (signatures.some((signature) => !holders.some(({ elements }) => elements.includes(signature))))
    throw unusable(`${what} has a signature in an odd place (signature wrapping)`);
  if (signatures.length > holders.length) throw unusable(`${what} has several signatures in one element`);
  if (signatures.length === 0) {
    if (assertion.name === "EncryptedAssertion") return undefined;
    throw unusable(
      `${what} is not signed, and identity provider metadata is configured`,
      "have the identity provider sign the assertion; AWS refuses unsigned ones as well",
    );
  }
  let outermost: SignedPart | undefined;
  for (const holder of holders) {
    const part = await verify(document, holder, metadata, what);
    outermost ??= part;
  }
  return outermost;
}

function isSignature({ name, namespace }: XmlElement): boolean {
  return name === "Signature" && namespace === DSIG;
}

/** An ID that occurs twice lets the signature cover one element and the reader take the other. */
function checkIds(root: XmlElement, what: string): void {
  const seen = new Set<string>();
  for (const { attributes } of withDescendants(root)) {
    for (const { name, value } of attributes) {
      if (name.toLowerCase() !== "id") continue;
      if (seen.has(value)) throw unusable(`${what} uses one ID for several elements (signature wrapping)`);
      seen.add(value);
    }
  }
}

async function verify(
  { xml }: ResponseDocument,
  holder: XmlElement,
  { certificates, entityId }: IdpMetadata,
  what: string,
): Promise<SignedPart> {
  const is = holder.name === "Assertion" ? "Assertion" : "Response";
  const signature = holder.elements.find(isSignature);
  if (signature === undefined) throw unusable(`${what} is not signed`);
  const method = checkShape(signature, holder, what);
  const { SignedXml } = await import("./xml-crypto.ts");
  const crypto = await import("node:crypto");

  let fitting = 0;
  for (const certificate of certificates) {
    let key: KeyObject;
    try {
      key = new crypto.X509Certificate(certificate).publicKey;
    } catch {
      continue;
    }
    if (
      key.asymmetricKeyType !== method.key ||
      (key.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS) < LEAST_RSA_BITS
    )
      continue;
    fitting++;
    const signed = new SignedXml({
      publicCert: key.export({ type: "spki", format: "pem" }),
      // Whatever certificate the response brings along says nothing.
      getCertFromKeyInfo: () => null,
    });
    signed.idAttributes = ["ID"];
    signed.SignatureAlgorithms = { [method.uri]: verifierOf(crypto, method) };
    signed.HashAlgorithms = Object.fromEntries(
      Object.entries(DIGESTS).map(([uri, hash]) => [uri, hasherOf(crypto, uri, hash)]),
    );
    let intact: boolean;
    try {
      signed.loadSignature(signature.node as never);
      intact = signed.checkSignature(xml);
    } catch {
      // Another key's, or a document that it cannot take; its messages quote the signature.
      continue;
    }
    if (!intact) throw unusable(`${what} was changed after it was signed: the digest of its ${is} does not match`);
    const [canonical, ...more] = signed.getSignedReferences();
    if (canonical === undefined || more.length > 0) throw unusable(`${what} has a signature over several things`);
    const element = await readXml(canonical, what);
    if (element.name !== holder.name || element.namespace !== holder.namespace || idOf(element) !== idOf(holder))
      throw unusable(`${what} has a signature over something else than its ${is} (signature wrapping)`);
    return { element, is, algorithm: method.uri.slice(method.uri.indexOf("#") + 1) };
  }
  const keys = `${certificates.length} key${certificates.length === 1 ? "" : "s"}`;
  throw unusable(
    fitting === 0
      ? `${what} is signed with ${method.uri.slice(method.uri.indexOf("#") + 1)}, and none of the ${keys} in the metadata of ${printable(entityId, 200)} is for that (RSA from ${LEAST_RSA_BITS} bits)`
      : `the signature of ${what} is not by any of the ${keys} in the metadata of ${printable(entityId, 200)}`,
    "the identity provider may have changed its certificate: fetch its metadata again, and update the SAML provider at AWS too",
  );
}

interface Method {
  readonly uri: string;
  readonly hash: string;
  readonly key: "rsa" | "ec";
}

/** One SignedInfo, one Reference, to the element the signature stands in, by algorithms that still mean something. */
function checkShape(signature: XmlElement, holder: XmlElement, what: string): Method {
  const odd = (detail: string) => unusable(`${what} has a signature of an odd shape: ${detail}`);
  for (const { hasComment } of withDescendants(signature)) if (hasComment) throw odd("it has a comment in it");
  const [signedInfo, signatureValue] = inOrder(signature, ["SignedInfo", "SignatureValue", "KeyInfo?"], odd);
  const [canonicalization, signatureMethod, reference] = inOrder(
    signedInfo,
    ["CanonicalizationMethod", "SignatureMethod", "Reference"],
    odd,
  );
  const [transforms, digestMethod, digestValue] = inOrder(
    reference,
    ["Transforms", "DigestMethod", "DigestValue"],
    odd,
  );
  if (!CANONICALIZATIONS.includes(attributeOf(canonicalization, "Algorithm") ?? ""))
    throw odd("its canonicalization is none of XML's");
  const algorithms = childrenOf(transforms, DSIG, "Transform").map((one) => attributeOf(one, "Algorithm") ?? "");
  const [first = "", second, ...further] = algorithms;
  if (
    algorithms.length !== transforms?.elements.length ||
    first !== ENVELOPED ||
    (second !== undefined && !CANONICALIZATIONS.includes(second)) ||
    further.length > 0
  )
    throw odd("its transforms are not the enveloped signature and one canonicalization");
  const id = idOf(holder);
  if (id === undefined || !/^[\w.-]{1,256}$/.test(id) || attributeOf(reference, "URI") !== `#${id}`)
    throw unusable(`${what} has a signature that does not refer to the element it stands in (signature wrapping)`);
  for (const value of [signatureValue, digestValue]) {
    if (value?.elements.length !== 0 || !/^[A-Za-z0-9+/\s]{1,4000}={0,2}\s*$/.test(value.text))
      throw odd(`its ${value?.name} is not base64`);
  }
  const digest = attributeOf(digestMethod, "Algorithm") ?? "";
  if (!Object.hasOwn(DIGESTS, digest)) throw weak(digest, "digest", what);
  const uri = attributeOf(signatureMethod, "Algorithm") ?? "";
  const method = Object.hasOwn(SIGNATURE_METHODS, uri) ? SIGNATURE_METHODS[uri] : undefined;
  if (method === undefined) throw weak(uri, "signature", what);
  return { uri, ...method };
}

/** The children of a signature's element: these, once each, in this order; "?" may be missing. */
function inOrder(
  parent: XmlElement | undefined,
  names: readonly string[],
  odd: (detail: string) => Error,
): readonly XmlElement[] {
  const children = parent?.elements ?? [];
  const wanted = names.filter((name, index) => !name.endsWith("?") || children.length > index);
  const fits =
    children.length === wanted.length &&
    children.every(({ name, namespace }, index) => namespace === DSIG && name === wanted[index]?.replace("?", ""));
  if (!fits)
    throw odd(`its ${parent?.name ?? "Signature"} holds other things than ${names.join(", ").replace("?", "")}`);
  return children;
}

function weak(uri: string, kind: string, what: string): Error {
  const name = printable(uri.slice(uri.indexOf("#") + 1) || "no algorithm", 60);
  const known = /sha1|md5|ripemd/i.test(name);
  return unusable(
    `${what} has a ${kind} by ${name}, ${known ? "which can be forged today" : /hmac/i.test(name) ? "for which everybody would need the key" : "which is not known here"}`,
    RESIGN_HINT,
  );
}

function idOf(element: XmlElement): string | undefined {
  return attributeOf(element, "ID");
}

type NodeCrypto = typeof import("node:crypto");

/** xml-crypto has neither ECDSA nor SHA-384. @see RFC 6931 §2.3.6 for the form of ECDSA's value */
function verifierOf(crypto: NodeCrypto, { uri, hash, key }: Method) {
  return class {
    getAlgorithmName = () => uri;
    getSignature = (): never => {
      throw new Error("nothing is signed here");
    };
    verifySignature = (material: unknown, publicKey: unknown, value: unknown): boolean =>
      crypto.verify(
        hash,
        Buffer.from(String(material)),
        key === "ec"
          ? { key: String(publicKey), dsaEncoding: "ieee-p1363" }
          : uri === RSA_PSS_SHA256
            ? {
                key: String(publicKey),
                padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
                saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST,
              }
            : { key: String(publicKey) },
        Buffer.from(String(value), "base64"),
      );
  };
}

function hasherOf(crypto: NodeCrypto, uri: string, hash: string) {
  return class {
    getAlgorithmName = () => uri;
    getHash = (xml: string): string => crypto.createHash(hash).update(xml, "utf8").digest("base64");
  };
}
