import { BrokerError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import type { SamlAssertion } from "../core/types.ts";
import { type Now, unusable } from "./finding.ts";
import { readGrants, readSessionDuration, readSessionName } from "./saml-attributes.ts";
import { expiresAtMs, judgeSaml } from "./saml-judge.ts";
import { type IdpMetadata, readIdpMetadata } from "./saml-metadata.ts";
import { onlyAssertion, openResponse, readFacts, type SamlFacts } from "./saml-response.ts";
import { type SignedPart, signedPart } from "./saml-signature.ts";

/** What a source brought. */
export interface SamlProof {
  /** base64 of a samlp:Response. */
  readonly response: Secret;
  /** How errors call it, as in "the SAML response of https://idp.corp.example". */
  readonly name: string;
  /** XML; with it the response is checked before STS sees it. */
  readonly metadata?: string | undefined;
}

/** What became of the check of the signature. */
export type SignatureState =
  /** No metadata: STS judges. */
  | { readonly kind: "unchecked" }
  /** Encrypted, in a Response that is not signed: the signature is inside. */
  | { readonly kind: "out-of-sight" }
  | { readonly kind: "valid"; readonly part: SignedPart }
  | { readonly kind: "refused"; readonly error: BrokerError };

export interface SamlReading {
  readonly base64: string;
  readonly metadata: IdpMetadata | undefined;
  readonly signature: SignatureState;
  /** Of the signed bytes where the signature is valid; of nobody's word where it was refused: for `explain` alone. */
  readonly facts: SamlFacts;
}

/**
 * A SAML response read, and where there is metadata, checked. Without metadata it is opaque: what cannot succeed is refused, the rest is
 * STS's to judge.
 *
 * @param skewMs how far the servers' clocks are ahead of ours, when known
 * @throws BrokerError ASSERTION_UNUSABLE; IDP_REFUSED with the identity provider's status; CONFIG_INVALID for the metadata
 */
export async function toSamlAssertion(proof: SamlProof, nowMs: number, skewMs?: number): Promise<SamlAssertion> {
  const { base64, metadata, signature, facts } = await readSaml(proof);
  if (signature.kind === "refused") throw signature.error;
  const now: Now = { nowMs, skewMs };
  for (const { verdict, refuse, detail, hint } of judgeSaml(facts, metadata, now, proof.name)) {
    if (verdict !== "no" || refuse === "never") continue;
    if (refuse === "always" || metadata !== undefined) throw unusable(detail, hint);
  }
  const { statement } = facts;
  const attributes = statement?.attributes ?? [];
  const sessionName = lenient(() => readSessionName(attributes, proof.name));
  const sessionDurationSeconds = lenient(() => readSessionDuration(attributes, proof.name));
  return {
    kind: "saml",
    response: new Secret(base64),
    issuer: statement?.issuer ?? facts.responseIssuer ?? "",
    subject: statement?.nameId?.value ?? "",
    grants: readGrants(attributes).grants,
    ...(sessionName === undefined ? {} : { sessionName }),
    ...(sessionDurationSeconds === undefined ? {} : { sessionDurationSeconds }),
    ...(statement?.sessionNotOnOrAfterMs === undefined
      ? {}
      : { sessionNotOnOrAfterMs: statement.sessionNotOnOrAfterMs }),
    expiresAtMs: expiresAtMs(facts),
    encrypted: statement === undefined,
  };
}

/**
 * Reads, and checks the signature, but judges nothing else.
 *
 * @throws BrokerError ASSERTION_UNUSABLE for what cannot be read in one way; IDP_REFUSED; CONFIG_INVALID
 */
export async function readSaml({ response, name, metadata: metadataXml }: SamlProof): Promise<SamlReading> {
  const metadata = metadataXml === undefined ? undefined : await readIdpMetadata(metadataXml);
  const document = await openResponse(response, name);
  const assertion = onlyAssertion(document.root, name);
  const unproven = (signature: SignatureState): SamlReading => ({
    base64: document.base64,
    metadata,
    signature,
    facts: readFacts(document.root, assertion, name),
  });
  if (metadata === undefined) return unproven({ kind: "unchecked" });
  let part: SignedPart | undefined;
  try {
    part = await signedPart(document, assertion, metadata, name);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return unproven({ kind: "refused", error });
  }
  if (part === undefined) return unproven({ kind: "out-of-sight" });
  const facts =
    part.is === "Response"
      ? readFacts(part.element, onlyAssertion(part.element, name), name)
      : // Of what stands around the signed assertion, nothing is taken.
        readFacts({ ...document.root, elements: [], attributes: [] }, part.element, name);
  return { base64: document.base64, metadata, signature: { kind: "valid", part }, facts };
}

/** What AWS alone may refuse does not keep us from asking it. */
function lenient<T>(read: () => T | undefined): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof BrokerError) return undefined;
    throw error;
  }
}
