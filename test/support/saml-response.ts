/** Signed SAML responses, well-made ones and forgeries, over the key and pen of saml-issuer.ts. */
import { createHash, createHmac, createPrivateKey, sign } from "node:crypto";
import { SignedXml } from "xml-crypto";
import type { AssertionOptions, SamlIssuer } from "./saml-issuer.ts";

const EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success";

const RESPONSE_ID = "_response";
export const ASSERTION_ID = "_assertion";
/** The role that every forgery is after. */
export const STOLEN_ROLE = "arn:aws:iam::123456789012:role/admin";
const STOLEN_GRANT = `${STOLEN_ROLE},arn:aws:iam::123456789012:saml-provider/corp`;

export interface ResponseOptions extends AssertionOptions {
  /** What is signed, default "assertion". */
  readonly signed?: "response" | "assertion" | "both" | "nothing";
  /** XML in the place of the status code. */
  readonly status?: string;
  /** XML in the place of the assertion. */
  readonly inside?: string;
  /** Changes the assertion before it is signed. */
  readonly edit?: (assertion: string) => string;
  readonly signWith?: Algorithms;
}

export interface Algorithms {
  readonly signature?: string;
  readonly digest?: string;
}

export const base64 = (xml: string): string => Buffer.from(xml).toString("base64");

/** The XML of a samlp:Response. */
export function responseXml(issuer: SamlIssuer, options: ResponseOptions = {}): string {
  const { signed = "assertion", status, inside, edit = (xml) => xml, signWith, ...assertionOptions } = options;
  const plain = edit(issuer.assertion({ id: ASSERTION_ID, ...assertionOptions, sign: false }));
  const withSignature = (xml: string, id: string): string =>
    signWith === undefined ? issuer.sign(xml, id) : signXml(issuer, xml, id, signWith);
  const assertion = signed === "assertion" || signed === "both" ? withSignature(plain, ASSERTION_ID) : plain;
  const at = new Date(options.nowMs ?? Date.now()).toISOString();
  const xml =
    `<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="${RESPONSE_ID}" Version="2.0" IssueInstant="${at}" Destination="https://signin.aws.amazon.com/saml">` +
    `<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">${options.issuer ?? issuer.entityId}</saml:Issuer>` +
    `<samlp:Status>${status ?? `<samlp:StatusCode Value="${SUCCESS}"/>`}</samlp:Status>${inside ?? assertion}</samlp:Response>`;
  return signed === "response" || signed === "both" ? withSignature(xml, RESPONSE_ID) : xml;
}

/** Signs by algorithms that nobody should take any more, as well as by good ones. */
function signXml({ privateKey, certificate }: SamlIssuer, xml: string, id: string, algorithms: Algorithms): string {
  const {
    signature = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    digest = "http://www.w3.org/2001/04/xmlenc#sha256",
  } = algorithms;
  const signer = new SignedXml({
    privateKey,
    publicCert: certificate,
    signatureAlgorithm: signature,
    canonicalizationAlgorithm: EXCLUSIVE,
    idAttribute: "ID",
  });
  const hash = /(?:sha(\d+)|md5)/.exec(signature);
  const name = hash?.[1] === undefined ? "md5" : `sha${hash[1]}`;
  signer.SignatureAlgorithms[signature] = class {
    getAlgorithmName = () => signature;
    getSignature = (text: unknown): string =>
      /hmac/.test(signature)
        ? createHmac(name, certificate).update(String(text)).digest("base64")
        : sign(name, Buffer.from(String(text)), {
            key: createPrivateKey(privateKey),
            dsaEncoding: "ieee-p1363",
          }).toString("base64");
    verifySignature = () => false;
  } as never;
  signer.HashAlgorithms[digest] = class {
    getAlgorithmName = () => digest;
    getHash = (text: string): string =>
      createHash(/sha(?:1|256|384|512)$/.exec(digest)?.[0] ?? "md5")
        .update(text)
        .digest("base64");
  } as never;
  signer.addReference({ xpath: `//*[@ID='${id}']`, digestAlgorithm: digest, transforms: [ENVELOPED, EXCLUSIVE] });
  signer.computeSignature(xml, {
    prefix: "ds",
    location: { reference: `//*[@ID='${id}']/*[local-name()='Issuer']`, action: "after" },
  });
  return signer.getSignedXml();
}

/** The element of that ID, from its < to its last >. */
export function elementOf(xml: string, name: string): string {
  const start = xml.indexOf(`<${name}`);
  const end = xml.lastIndexOf(`</${name}>`) + name.length + 3;
  if (start < 0 || end < start) throw new Error(`there is no <${name}>`);
  return xml.slice(start, end);
}

/** The same element with another ID and the role that is to be stolen. */
export function forged(xml: string): string {
  return xml.replace(/ ID="[^"]+"/, ' ID="_evil"').replace(/arn:aws:iam::\d{12}:role\/[^<]*/g, STOLEN_GRANT);
}

/** A response with its first signature taken out. */
export function withoutSignature(xml: string): string {
  const signature = elementOf(xml, "ds:Signature");
  return xml.replace(signature, "");
}

/**
 * The eight permutations of signature wrapping, as SAML Raider numbers them: 1 and 2 with a signed Response, 3 to 8 with a signed
 * Assertion.
 *
 * @see Somorovsky et al., "On Breaking SAML: Be Whoever You Want to Be", USENIX Security 2012
 */
export function wrapped(issuer: SamlIssuer): readonly (readonly [name: string, xml: string])[] {
  const ofResponse = responseXml(issuer, { signed: "response" });
  const responseSignature = elementOf(ofResponse, "ds:Signature");
  const original = withoutSignature(ofResponse);
  const evilResponse = forged(ofResponse);

  const ofAssertion = responseXml(issuer, { signed: "assertion" });
  const assertion = elementOf(ofAssertion, "saml:Assertion");
  const bare = withoutSignature(assertion);
  const evilBare = forged(bare);
  const evilSigned = forged(assertion);
  const signature = elementOf(assertion, "ds:Signature");
  const inSignature = (one: string, content: string): string =>
    one.replace("</ds:Signature>", `${content}</ds:Signature>`);
  const around = (content: string): string => ofAssertion.replace(assertion, () => content);
  return [
    ["XSW1: the signed Response inside the signature of the forged one", inSignature(evilResponse, original)],
    [
      "XSW2: the signed Response beside its signature in the forged one",
      evilResponse.replace(responseSignature, () => original + responseSignature),
    ],
    ["XSW3: the forged Assertion before the signed one", around(evilBare + assertion)],
    [
      "XSW4: the signed Assertion inside the forged one",
      around(evilBare.replace("</saml:Assertion>", () => `${assertion}</saml:Assertion>`)),
    ],
    ["XSW5: the signature moved to the forged Assertion, the signed one at the end", around(evilSigned + bare)],
    ["XSW6: the signed Assertion inside the signature of the forged one", around(inSignature(evilSigned, bare))],
    [
      "XSW7: the forged Assertion in Extensions",
      around(`<samlp:Extensions>${evilBare}</samlp:Extensions>${assertion}`),
    ],
    [
      "XSW8: the signed Assertion in an Object of the signature of the forged one",
      around(evilSigned.replace(signature, () => inSignature(signature, `<ds:Object>${bare}</ds:Object>`))),
    ],
  ];
}
