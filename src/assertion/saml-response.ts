/**
 * What a SAML response says, with none of it judged by AWS's rules yet. Refused here is what cannot be read in one way only: another
 * document, several assertions, elements that look like SAML's from another namespace.
 *
 * @see saml-core-2.0-os §2, §3
 */
import { BrokerError } from "../core/errors.ts";
import { hasControlCharacter, printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import { unusable } from "./finding.ts";
import { attributeOf, childrenOf, parseXml, withDescendants, type XmlElement } from "./xml.ts";
import { XmlRefusal } from "./xml-scan.ts";

const PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol";
const ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion";
export const DSIG = "http://www.w3.org/2000/09/xmldsig#";
const STATUS_PREFIX = "urn:oasis:names:tc:SAML:2.0:status:";
const BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/** STS's own bound on SAMLAssertion, in characters of base64. */
const MAX_LENGTH = 100_000;

export interface Confirmation {
  readonly bearer: boolean;
  readonly recipient: string | undefined;
  readonly notBeforeMs: number | undefined;
  readonly notOnOrAfterMs: number | undefined;
}

export interface NameId {
  readonly value: string;
  readonly format: string | undefined;
}

export interface SamlAttribute {
  readonly name: string;
  readonly values: readonly string[];
}

/** Inside the assertion; undefined altogether where it is encrypted. */
export interface SamlStatement {
  readonly issuer: string;
  /** Undefined: the subject is encrypted, or there is none. */
  readonly nameId: NameId | undefined;
  readonly nameIdEncrypted: boolean;
  readonly confirmations: readonly Confirmation[];
  readonly notBeforeMs: number | undefined;
  readonly notOnOrAfterMs: number | undefined;
  /** One list an AudienceRestriction; each has to be met by one of its members. */
  readonly audiences: readonly (readonly string[])[];
  readonly sessionNotOnOrAfterMs: number | undefined;
  /** In the assertion's own order, same names merged. */
  readonly attributes: readonly SamlAttribute[];
}

export interface SamlFacts {
  /** Of the Response; often missing. */
  readonly responseIssuer: string | undefined;
  readonly destination: string | undefined;
  /** Of the assertion, or of the Response where it is encrypted. */
  readonly issueInstantMs: number;
  readonly statement: SamlStatement | undefined;
}

export interface ResponseDocument {
  /** Base64 without white space, as it goes to AWS. */
  readonly base64: string;
  readonly xml: string;
  readonly root: XmlElement;
}

/**
 * The document behind a base64 SAMLResponse.
 *
 * @param what names it in errors, as in "the SAML response of https://idp.example"
 * @throws BrokerError ASSERTION_UNUSABLE
 */
export async function openResponse(response: Secret, what: string): Promise<ResponseDocument> {
  const text = response.reveal();
  if (text.trim() === "") throw unusable(`${what} is empty`);
  if (/^\s*</.test(text)) throw unusable(`${what} is XML, and AWS takes it in base64`, "base64 -w0 response.xml");
  if (/%(?:2B|2F|3D|0A|0D)/i.test(text))
    throw unusable(
      `${what} is still URL-encoded`,
      "give the value of the form field SAMLResponse as it was before encoding",
    );
  // Browsers and `base64` break lines; what goes to AWS has none.
  const base64 = text.length > 2 * MAX_LENGTH ? text : text.replace(/[ \t\r\n]+/g, "");
  if (base64.length > MAX_LENGTH)
    throw unusable(
      `${what} is ${base64.length} characters long, and AWS takes at most ${MAX_LENGTH}`,
      "have the identity provider put fewer attributes into it: groups and roles first",
    );
  if (base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw unusable(`${what} is not base64`);
  let xml: string;
  try {
    xml = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(base64, "base64"));
  } catch {
    throw unusable(`${what} is not XML in UTF-8`);
  }
  return { base64, xml, root: await readXml(xml, what) };
}

/** @throws BrokerError ASSERTION_UNUSABLE */
export async function readXml(xml: string, what: string): Promise<XmlElement> {
  try {
    return await parseXml(xml);
  } catch (error) {
    if (!(error instanceof XmlRefusal)) throw error;
    throw unusable(`${what} ${error.message}`);
  }
}

/**
 * The one assertion of a response, in its place, and nothing elsewhere that could be taken for it.
 *
 * @throws BrokerError ASSERTION_UNUSABLE, or IDP_REFUSED with the status that the identity provider gave
 */
export function onlyAssertion(root: XmlElement, what: string): XmlElement {
  if (root.name !== "Response" || root.namespace !== PROTOCOL)
    throw unusable(`${what} is not a SAML 2.0 Response but <${printable(root.name, 60)}> in ${shownNamespace(root)}`);
  checkStatus(root, what);
  const found: XmlElement[] = [];
  for (const element of withDescendants(root)) {
    const { name, namespace } = element;
    if (name === "Assertion" || name === "EncryptedAssertion") {
      if (namespace !== ASSERTION)
        throw unusable(`${what} has an <${name}> in ${shownNamespace(element)}, which is not SAML 2.0's namespace`);
      found.push(element);
    } else if ((name === "Response" && element !== root) || (name === "Signature" && namespace !== DSIG)) {
      throw unusable(`${what} has a <${name}> where none belongs (signature wrapping)`);
    }
  }
  const [only, ...others] = found;
  if (only === undefined) throw unusable(`${what} has no assertion in it`);
  if (others.length > 0)
    throw unusable(`${what} has ${found.length} assertions in it, and exactly one is taken (signature wrapping)`);
  if (!root.elements.includes(only)) throw unusable(`${what} has its assertion in an odd place (signature wrapping)`);
  return only;
}

/** @throws BrokerError ASSERTION_UNUSABLE */
export function readFacts(root: XmlElement, assertion: XmlElement, what: string): SamlFacts {
  const issuer = issuerOf(root, what);
  const encrypted = assertion.name === "EncryptedAssertion";
  const issueInstantMs = timeOf(encrypted ? root : assertion, "IssueInstant", what);
  if (issueInstantMs === undefined) throw unusable(`${what} does not say when it was issued`);
  return {
    responseIssuer: issuer,
    destination: attributeOf(root, "Destination"),
    issueInstantMs,
    statement: encrypted ? undefined : readStatement(assertion, what),
  };
}

function readStatement(assertion: XmlElement, what: string): SamlStatement {
  const issuer = issuerOf(assertion, what);
  if (issuer === undefined || issuer === "") throw unusable(`${what} does not say who issued its assertion`);
  const subject = one(assertion, "Subject", what);
  const nameId = one(subject, "NameID", what);
  const conditions = one(assertion, "Conditions", what);
  return {
    issuer,
    nameId: nameId === undefined ? undefined : { value: textOf(nameId, what), format: attributeOf(nameId, "Format") },
    nameIdEncrypted: childrenOf(subject, ASSERTION, "EncryptedID").length > 0,
    confirmations: childrenOf(subject, ASSERTION, "SubjectConfirmation").map((confirmation) => {
      const data = one(confirmation, "SubjectConfirmationData", what);
      return {
        bearer: attributeOf(confirmation, "Method") === BEARER,
        recipient: attributeOf(data, "Recipient"),
        notBeforeMs: timeOf(data, "NotBefore", what),
        notOnOrAfterMs: timeOf(data, "NotOnOrAfter", what),
      };
    }),
    notBeforeMs: timeOf(conditions, "NotBefore", what),
    notOnOrAfterMs: timeOf(conditions, "NotOnOrAfter", what),
    audiences: childrenOf(conditions, ASSERTION, "AudienceRestriction").map((restriction) =>
      childrenOf(restriction, ASSERTION, "Audience").map((audience) => textOf(audience, what)),
    ),
    sessionNotOnOrAfterMs: earliest(
      childrenOf(assertion, ASSERTION, "AuthnStatement").map((authn) => timeOf(authn, "SessionNotOnOrAfter", what)),
    ),
    attributes: readAttributes(assertion),
  };
}

function readAttributes(assertion: XmlElement): SamlAttribute[] {
  const merged = new Map<string, string[]>();
  for (const statement of childrenOf(assertion, ASSERTION, "AttributeStatement")) {
    for (const attribute of childrenOf(statement, ASSERTION, "Attribute")) {
      const name = attributeOf(attribute, "Name") ?? "";
      const values = childrenOf(attribute, ASSERTION, "AttributeValue").map(({ text }) => text.trim());
      merged.set(name, [...(merged.get(name) ?? []), ...values]);
    }
  }
  return [...merged].map(([name, values]) => ({ name, values }));
}

/** @see saml-core-2.0-os §3.2.2.2 */
function checkStatus(root: XmlElement, what: string): void {
  const [status, ...others] = childrenOf(root, PROTOCOL, "Status");
  if (status === undefined || others.length > 0) throw unusable(`${what} has no status in it, or several`);
  const codes: string[] = [];
  for (let [code] = childrenOf(status, PROTOCOL, "StatusCode"); code !== undefined; ) {
    codes.push(attributeOf(code, "Value") ?? "");
    [code] = childrenOf(code, PROTOCOL, "StatusCode");
  }
  if (codes[0] === `${STATUS_PREFIX}Success`) return;
  const [outer = "", ...inner] = codes.map((code) => printable(code.replace(STATUS_PREFIX, ""), 80));
  const said = printable(childrenOf(status, PROTOCOL, "StatusMessage")[0]?.text ?? "", 200);
  const code = inner.at(-1) ?? (outer || "no status code");
  const beside = inner.length > 0 ? ` (${outer})` : "";
  throw new BrokerError("IDP_REFUSED", `${what} is a refusal: ${code}${beside}${said === "" ? "" : `, "${said}"`}`, {
    hint: STATUS_HINTS[code] ?? "the identity provider's own log says more; look there for this time",
  });
}

const STATUS_HINTS: Readonly<Record<string, string>> = {
  AuthnFailed:
    "the identity provider did not accept who we say we are: check the password, the ticket (klist) or the certificate",
  NoPassive:
    "the identity provider wants to talk to a person: sts-broker login, or have it accept this way of signing on",
  NoAuthnContext: "the identity provider cannot authenticate in the way that was asked for (RequestedAuthnContext)",
  UnknownPrincipal: "the identity provider does not know this user",
  RequestDenied: "the identity provider does not let this user, or this machine, use the application AWS",
  RequestUnsupported: "the identity provider does not offer this way of signing on to the application AWS",
  InvalidNameIDPolicy:
    "set the NameID format of the application AWS at the identity provider to persistent or transient",
};

function issuerOf(element: XmlElement, what: string): string | undefined {
  const issuer = one(element, "Issuer", what);
  return issuer === undefined ? undefined : textOf(issuer, what);
}

function one(parent: XmlElement | undefined, name: string, what: string): XmlElement | undefined {
  const [first, ...others] = childrenOf(parent, ASSERTION, name);
  if (others.length > 0) throw unusable(`${what} has several ${name} elements where one belongs`);
  return first;
}

function textOf(element: XmlElement, what: string): string {
  const text = element.text.trim();
  if (element.elements.length > 0 || hasControlCharacter(text))
    throw unusable(`${what} has a ${element.name} that is not plain text`);
  return text;
}

/** UTC, with or without the Z. @see saml-core-2.0-os §1.3.3 */
function timeOf(element: XmlElement | undefined, name: string, what: string): number | undefined {
  const value = attributeOf(element, name);
  if (value === undefined) return undefined;
  const match = /^\s*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?(Z|[+-]\d\d:\d\d)?\s*$/.exec(value);
  const timeMs =
    match === null ? Number.NaN : Date.parse(`${match[1]}.${(match[2] ?? "0").slice(0, 3)}${match[3] ?? "Z"}`);
  if (Number.isNaN(timeMs)) throw unusable(`${what} has ${name}="${printable(value, 60)}", which is not a time`);
  return timeMs;
}

export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function shownNamespace({ namespace }: XmlElement): string {
  return namespace === "" ? "no namespace" : `the namespace ${printable(namespace, 80)}`;
}
