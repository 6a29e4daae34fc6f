/** SAML V2.0 Enhanced Client or Proxy Profile 2.0, without a service provider in the middle: the request that AWS would send is ours. */
import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";
import { type SamlStatus, samlStatus } from "./saml-status.ts";
import { envelope, SOAP_11, type SoapAnswer, xmlValue } from "./soap.ts";
import { childrenOf, cutOut, readXml, type XmlElement, XmlRefused } from "./xml-source.ts";

const ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion";
const PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol";
const METADATA = "urn:oasis:names:tc:SAML:2.0:metadata";
const ECP = "urn:oasis:names:tc:SAML:2.0:profiles:SSO:ecp";
const PAOS = "urn:oasis:names:tc:SAML:2.0:bindings:PAOS";
const SOAP_BINDING = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP";

/** What tells a provider that this is no browser. @see SAML 2.0 bindings §3.2.3.1, §3.3.3 */
export const ECP_HEADERS = {
  "content-type": "text/xml; charset=utf-8",
  accept: "text/html; application/vnd.paos+xml",
  paos: `ver="urn:liberty:paos:2003-08"; "${ECP}"`,
  soapaction: '"http://www.oasis-open.org/committees/security"',
} as const;

export interface EcpRequest {
  readonly id: string;
  /** Of AWS, as the provider knows it. */
  readonly entityId: string;
  readonly acsUrl: string;
  readonly destination: string;
  readonly nowMs: number;
}

/** The envelope for the provider: the header blocks of PAOS are between service provider and client, and stay out (§2.3.4). */
export function ecpRequest({ id, entityId, acsUrl, destination, nowMs }: EcpRequest): string {
  const request =
    `<samlp:AuthnRequest ID="${id}" Version="2.0" IssueInstant="${new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z")}"` +
    ` Destination="${xmlValue(destination, "idp_ecp_url")}" ProtocolBinding="${PAOS}" AssertionConsumerServiceURL="${xmlValue(acsUrl, "acs_url")}">` +
    `<saml:Issuer>${xmlValue(entityId, "entity_id")}</saml:Issuer></samlp:AuthnRequest>`;
  return envelope(SOAP_11, { samlp: PROTOCOL, saml: ASSERTION }, "", request);
}

/**
 * The samlp:Response in an answer, its bytes as they came, with the namespaces that stood on the Envelope.
 *
 * @param who as in "https://idp.corp.example"
 * @param refusal makes the error of a status other than Success
 * @throws IDP_INVALID_ANSWER for an answer that is for another service or another request
 */
export function ecpResponse(
  { source, header, body }: SoapAnswer,
  who: string,
  { id, acsUrl }: Pick<EcpRequest, "id" | "acsUrl">,
  refusal: (status: SamlStatus) => BrokerError,
): Secret {
  const [response, ...others] = body.children;
  if (response === undefined || others.length > 0 || response.name !== "Response" || response.namespace !== PROTOCOL) {
    throw invalid(`${who} answered without a SAML response, or with more than that`);
  }
  const status = samlStatus(response);
  if (status.code !== "Success") throw refusal(status);
  // §2.3.6: a mismatch means that somebody else asked, and the response must not be used.
  const stated = childrenOf(header, ECP, "Response").map(({ attributes }) => attributes.AssertionConsumerServiceURL);
  if (stated.length !== 1 || stated[0] !== acsUrl) {
    const other = stated.length === 1 ? `is for "${printable(stated[0] ?? "", 200)}"` : "does not say whom it is for";
    throw new BrokerError("IDP_INVALID_ANSWER", `the SAML response of ${who} ${other}, and not for ${acsUrl}`, {
      hint: `register ${acsUrl} for AWS at the identity provider (binding PAOS), or set acs_url`,
    });
  }
  const { InResponseTo } = response.attributes;
  if (InResponseTo !== undefined && InResponseTo !== id) {
    throw invalid(`${who} answered another request than ours (InResponseTo)`);
  }
  return new Secret(Buffer.from(cutOut(source, response, "nothing"), "utf8").toString("base64"));
}

/** Where metadata says that ECP requests go. @throws CONFIG_INVALID */
export function ecpEndpoint(metadata: string, source: string): string {
  const unusable = (line: string): BrokerError =>
    new BrokerError("CONFIG_INVALID", `metadata ${printable(source, 200)} ${line}`, {
      hint: 'idp_ecp_url = "https://idp.corp.example/idp/profile/SAML2/SOAP/ECP", as Shibboleth has it',
    });
  let root: XmlElement;
  try {
    root = readXml(metadata.replace(/^\uFEFF/, "").trim());
  } catch (error) {
    if (error instanceof XmlRefused) throw unusable(`is refused: ${error.message}`);
    throw error;
  }
  if (root.name !== "EntityDescriptor" || root.namespace !== METADATA)
    throw unusable("does not describe exactly one entity");
  const services = childrenOf(root, METADATA, "IDPSSODescriptor").flatMap((idp) =>
    childrenOf(idp, METADATA, "SingleSignOnService"),
  );
  const location = services.find(({ attributes }) => attributes.Binding === SOAP_BINDING)?.attributes.Location;
  if (location === undefined || !URL.canParse(location))
    throw unusable("names no SingleSignOnService with the SOAP binding, so no ECP");
  return new URL(location).href;
}

function invalid(message: string): BrokerError {
  return new BrokerError("IDP_INVALID_ANSWER", message);
}
