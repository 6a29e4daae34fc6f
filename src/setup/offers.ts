/** What an identity provider offers, as far as it says so without being asked for a login. */
export interface Offers {
  readonly oidc: OidcOffer | undefined;
  readonly saml: SamlOffer | undefined;
}

export interface OidcOffer {
  /** As its discovery document has it: what AWS has to know it by. */
  readonly issuer: string;
  /** Grant types; where it names none, those that it most likely has. */
  readonly grants: readonly string[];
  readonly authorizationEndpoint: string | undefined;
  readonly deviceEndpoint: string | undefined;
  /** token_endpoint_auth_methods_supported; client_secret_basic where it names none. */
  readonly clientAuthentication: readonly string[];
  readonly mutualTls: boolean;
  /** Its login page answered 401 with Negotiate. */
  readonly negotiate: boolean;
}

export interface SamlOffer {
  readonly entityId: string;
  readonly metadataUrl: string;
  /** XML. */
  readonly metadata: string;
  /** Where this make has its sign-on page for AWS (IdP-initiated); undefined where nobody can know. */
  readonly signOnUrl: string | undefined;
  readonly negotiate: boolean;
}
