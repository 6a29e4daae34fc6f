/** WS-Trust 1.3, the issuance binding: a request for a SAML 2.0 bearer token, and what comes back. @see WS-Trust 1.3 §4 */
import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";
import { AWS_ACS } from "./assertion-consumer.ts";
import { envelope, SOAP_12, type SoapAnswer, xmlValue } from "./soap.ts";
import { type Credential, securityHeader, toHeader, WSA } from "./ws-security.ts";
import { childrenOf, cutOut, onlyChild, type XmlElement } from "./xml-source.ts";

const WST = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const WSP = "http://schemas.xmlsoap.org/ws/2004/09/policy";
const ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion";
const PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol";
const XENC = "http://www.w3.org/2001/04/xmlenc#";
/** Also the SOAP action. */
export const ISSUE = `${WST}/RST/Issue`;

export interface TokenRequest {
  /** Where it is sent. */
  readonly url: string;
  /** Identifier of the relying party trust. */
  readonly appliesTo: string;
  /** Undefined: the transport authenticates. */
  readonly credential: Credential | undefined;
  /** A UUID. */
  readonly messageId: string;
  readonly nowMs: number;
}

/** The whole envelope. @throws CONFIG_INVALID */
export function requestSecurityToken({ url, appliesTo, credential, messageId, nowMs }: TokenRequest): string {
  const to = toHeader(url);
  const header =
    `<a:Action s:mustUnderstand="1">${ISSUE}</a:Action><a:MessageID>urn:uuid:${messageId}</a:MessageID>` +
    `<a:ReplyTo><a:Address>${WSA}/anonymous</a:Address></a:ReplyTo>${to}` +
    (credential === undefined ? "" : securityHeader(credential, to, nowMs));
  const body =
    `<t:RequestSecurityToken xmlns:t="${WST}"><p:AppliesTo xmlns:p="${WSP}"><a:EndpointReference><a:Address>${xmlValue(appliesTo, "applies_to")}</a:Address></a:EndpointReference></p:AppliesTo>` +
    `<t:KeyType>${WST}/Bearer</t:KeyType><t:RequestType>${WST}/Issue</t:RequestType><t:TokenType>${ASSERTION}</t:TokenType></t:RequestSecurityToken>`;
  return envelope(SOAP_12, { a: WSA }, header, body);
}

/**
 * The issued assertion, in a samlp:Response as STS wants one. Its bytes stay as they are: a signature is over them.
 *
 * @param who as in "AD FS at https://adfs.corp.example"
 * @param responseId for the Response
 * @throws IDP_INVALID_ANSWER, ASSERTION_UNUSABLE
 */
export function issuedResponse(
  { source, header, body }: SoapAnswer,
  who: string,
  { messageId, responseId, nowMs }: { messageId: string; responseId: string; nowMs: number },
): Secret {
  const relatesTo = onlyChild(header, WSA, "RelatesTo")?.text.trim();
  if (relatesTo !== undefined && relatesTo !== `urn:uuid:${messageId}`) {
    throw invalid(`${who} answered another request than ours (RelatesTo)`);
  }
  const collection = onlyChild(body, WST, "RequestSecurityTokenResponseCollection") ?? body;
  const answers = childrenOf(collection, WST, "RequestSecurityTokenResponse");
  const [answer, ...others] = answers;
  if (answer === undefined || others.length > 0) {
    throw invalid(`${who} answered with ${answers.length} tokens where one was asked for`);
  }
  const [token, ...more] = onlyChild(answer, WST, "RequestedSecurityToken")?.children ?? [];
  if (token === undefined || more.length > 0) throw invalid(`${who} answered without a token, or with several`);
  // A default namespace can be taken back where a prefix cannot: with it nothing new is in scope of what is signed.
  const cut = cutOut(source, token, "a default namespace");
  const issuer = onlyChild(token, ASSERTION, "Issuer");
  const response =
    `<Response xmlns="${PROTOCOL}" ID="${responseId}" Version="2.0" IssueInstant="${new Date(nowMs).toISOString()}" Destination="${xmlValue(recipientOf(token) ?? AWS_ACS, "the recipient")}">` +
    (issuer === undefined
      ? ""
      : `<Issuer xmlns="${ASSERTION}">${xmlValue(issuer.text.trim(), "the issuer")}</Issuer>`) +
    `<Status><StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></Status>${wrapped(token, cut, who)}</Response>`;
  return new Secret(Buffer.from(response, "utf8").toString("base64"));
}

/** Other partitions have another sign-in endpoint than {@link AWS_ACS}. */
function recipientOf(token: XmlElement): string | undefined {
  const confirmation = childrenOf(onlyChild(token, ASSERTION, "Subject"), ASSERTION, "SubjectConfirmation")[0];
  return onlyChild(confirmation, ASSERTION, "SubjectConfirmationData")?.attributes.Recipient;
}

function wrapped(token: XmlElement, cut: string, who: string): string {
  if (token.namespace === ASSERTION && (token.name === "Assertion" || token.name === "EncryptedAssertion")) return cut;
  if (token.namespace === XENC && token.name === "EncryptedData") {
    return `<EncryptedAssertion xmlns="${ASSERTION}">${cut}</EncryptedAssertion>`;
  }
  const what =
    token.namespace === "urn:oasis:names:tc:SAML:1.0:assertion"
      ? "a SAML 1.1 assertion"
      : `<${printable(token.name, 60)}>`;
  throw new BrokerError("ASSERTION_UNUSABLE", `${who} issued ${what}, and AWS takes SAML 2.0 assertions`, {
    hint: "the relying party trust for AWS has to issue SAML 2.0 tokens",
  });
}

function invalid(message: string): BrokerError {
  return new BrokerError("IDP_INVALID_ANSWER", message, { hint: "check endpoint: a WS-Trust 1.3 endpoint is needed" });
}
