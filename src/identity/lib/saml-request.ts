import samlify from "samlify";
import { printable } from "../../core/printable.ts";
import { AWS_ACS } from "./assertion-consumer.ts";
import { unusable } from "./saml-metadata.ts";

const REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
const METADATA = "urn:oasis:names:tc:SAML:2.0:metadata";
const PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol";

/** No NameIDPolicy: what the IdP has configured for AWS decides. */
const TEMPLATE = `<samlp:AuthnRequest xmlns:samlp="${PROTOCOL}" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{ID}" Version="2.0" IssueInstant="{IssueInstant}" Destination="{Destination}" ProtocolBinding="${POST}" AssertionConsumerServiceURL="{AssertionConsumerServiceURL}"><saml:Issuer>{Issuer}</saml:Issuer></samlp:AuthnRequest>`;

export interface AuthnRequest {
  /** Where to send the browser: the IdP's single sign-on service with the request in its query. */
  readonly url: string;
  /** entityID of the IdP. */
  readonly issuer: string;
  /** ID of the request, which the response repeats as InResponseTo. */
  readonly id: string;
}

/**
 * AWS's request for a login, as AWS itself would send it if it did. It is not signed, whatever the metadata wants: AWS signs none, and
 * Keycloak's metadata asks for signatures that its client settings then do not.
 *
 * @param options.source where the metadata came from, for errors
 * @param options.acsUrl undefined: AWS's in the partition aws
 * @param options.id starts with a letter or _
 * @throws BrokerError CONFIG_INVALID
 * @see SAML 2.0 core §3.4.1, bindings §3.4
 */
export function authnRequest(
  metadata: string,
  options: {
    readonly source: string;
    readonly acsUrl: string | undefined;
    readonly id: string;
    readonly nowMs: number;
  },
): AuthnRequest {
  const { source, acsUrl = AWS_ACS, id, nowMs } = options;
  const { issuer, location } = singleSignOn(metadata, source);
  // Of the IdP's metadata samlify gets these two values alone, so nothing else in it has a say in the request.
  const idp = samlify.IdentityProvider({
    metadata: `<EntityDescriptor xmlns="${METADATA}" entityID="${xmlText(issuer)}"><IDPSSODescriptor protocolSupportEnumeration="${PROTOCOL}"><SingleSignOnService Binding="${REDIRECT}" Location="${xmlText(location)}"/></IDPSSODescriptor></EntityDescriptor>`,
  });
  const entityID = awsEntityId(acsUrl);
  const sp = samlify.ServiceProvider({
    entityID,
    assertionConsumerService: [{ Binding: POST, Location: acsUrl }],
    loginRequestTemplate: { context: TEMPLATE },
  });
  const { context } = sp.createLoginRequest(idp, "redirect", (template: string) => ({
    id,
    context: samlify.SamlLib.replaceTagsByValue(template, {
      ID: id,
      IssueInstant: new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z"),
      Destination: location,
      AssertionConsumerServiceURL: acsUrl,
      Issuer: entityID,
    }),
  }));
  return { url: String(context), issuer, id };
}

function singleSignOn(metadata: string, source: string): { issuer: string; location: string } {
  let read: { getEntityID(): unknown; getSingleSignOnService(binding: string): unknown };
  try {
    read = samlify.IdPMetadata(metadata);
  } catch (cause) {
    throw unusable(source, `is not SAML metadata of an IdP (${printable(firstLine(cause), 120)})`);
  }
  const issuer = read.getEntityID();
  if (typeof issuer !== "string" || issuer === "") {
    throw unusable(
      source,
      "does not describe exactly one entity",
      "save the <EntityDescriptor> of this IdP alone into a file",
    );
  }
  const location = read.getSingleSignOnService("redirect");
  if (typeof location !== "string" || !URL.canParse(location)) {
    throw unusable(
      source,
      "names no SingleSignOnService with the HTTP-Redirect binding",
      "use the IdP's own sign-on page for AWS instead: url",
    );
  }
  return { issuer, location };
}

/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_relying-party.html */
function awsEntityId(acsUrl: string): string {
  const { hostname } = new URL(acsUrl);
  if (hostname.endsWith(".amazonaws-us-gov.com")) return "urn:amazon:webservices:govcloud";
  if (hostname.endsWith(".amazonaws.cn")) return "urn:amazon:webservices:cn-north-1";
  return "urn:amazon:webservices";
}

function xmlText(text: string): string {
  return text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split("\n")[0] ?? "";
}
