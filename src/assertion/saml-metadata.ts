import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { DSIG } from "./saml-response.ts";
import { attributeOf, childrenOf, parseXml, withDescendants, type XmlElement } from "./xml.ts";
import { XML_LIMITS, XmlRefusal } from "./xml-scan.ts";

const METADATA = "urn:oasis:names:tc:SAML:2.0:metadata";

/** What is needed of an identity provider's metadata to check what it signs. */
export interface IdpMetadata {
  readonly entityId: string;
  /** Certificates in PEM; each may have signed. Their dates are not looked at: in metadata a certificate is a wrapping of its key. */
  readonly certificates: readonly string[];
}

/**
 * @throws BrokerError CONFIG_INVALID
 * @see saml-metadata-2.0-os §2.4; sstc-saml-metadata-iop-os §2.6.1 for the dates
 */
export async function readIdpMetadata(xml: string): Promise<IdpMetadata> {
  let root: XmlElement;
  try {
    root = await parseXml(xml.replace(/^\ufeff/, ""), { ...XML_LIMITS, characters: 4 * XML_LIMITS.characters });
  } catch (error) {
    if (!(error instanceof XmlRefusal)) throw error;
    throw invalid(error.message);
  }
  const entities = [...withDescendants(root)].filter(
    (element) =>
      element.name === "EntityDescriptor" &&
      element.namespace === METADATA &&
      childrenOf(element, METADATA, "IDPSSODescriptor").length > 0,
  );
  const [entity, ...others] = entities;
  if (entity === undefined) throw invalid(`has no IDPSSODescriptor in it (its root is <${printable(root.name, 60)}>)`);
  // Any member of a federation could sign for any other.
  if (others.length > 0)
    throw invalid(`describes ${entities.length} identity providers; give it the one that is meant`);
  const entityId = attributeOf(entity, "entityID")?.trim() ?? "";
  if (entityId === "") throw invalid("has no entityID");
  const certificates = new Set<string>();
  for (const descriptor of childrenOf(entity, METADATA, "IDPSSODescriptor")) {
    for (const key of childrenOf(descriptor, METADATA, "KeyDescriptor")) {
      if ((attributeOf(key, "use") ?? "signing") !== "signing") continue;
      for (const element of withDescendants(key)) {
        if (element.name !== "X509Certificate" || element.namespace !== DSIG) continue;
        const base64 = element.text.replace(/\s+/g, "");
        if (!/^[A-Za-z0-9+/]{1,20000}={0,2}$/.test(base64)) throw invalid("has a certificate that is not base64");
        const lines = base64.match(/.{1,64}/g) ?? [];
        certificates.add(`-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`);
      }
    }
  }
  if (certificates.size === 0) throw invalid("has no certificate for signing in it, and only those are looked at");
  return { entityId, certificates: [...certificates] };
}

function invalid(what: string): BrokerError {
  return new BrokerError("CONFIG_INVALID", `the identity provider's metadata ${what}`, {
    hint: "fetch it again from the identity provider (AD FS: /FederationMetadata/2007-06/FederationMetadata.xml)",
  });
}
