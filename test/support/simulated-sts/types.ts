/** What the parts of the simulated STS tell each other. */
import type { ServerTls } from "../listening-server.ts";
import type { CredentialBook, MintedCredentials } from "./credentials.ts";
import type { TrustPolicy } from "./policy.ts";

/** An IAM OIDC provider: the issuer, exactly as tokens carry it, and its client ids (at most 100 in AWS). */
export interface RegisteredProvider {
  readonly issuer: string;
  readonly clientIds: readonly string[];
}

/** An IAM SAML provider: metadata as it is uploaded, or what matters of it. */
export interface RegisteredSamlProvider {
  /** arn:aws:iam::123456789012:saml-provider/corp */
  readonly arn: string;
  readonly metadataXml?: string;
  /** Instead of the metadata's: PEM. */
  readonly certificates?: readonly string[];
  readonly entityId?: string;
  /** For encrypted assertions. */
  readonly privateKeyPem?: string;
}

/** An IAM role. The ARN is matched exactly, case included, as AWS does. */
export interface SimulatedRole {
  readonly arn: string;
  readonly trustPolicy: TrustPolicy;
  /** Default 3,600, at most 43,200. */
  readonly maxSessionDurationSeconds?: number;
}

/** An IAM user with a long-lived key, for calls that have to be signed by somebody. */
export interface SimulatedUser {
  readonly arn: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export interface SimulatedStsOptions {
  readonly providers?: readonly RegisteredProvider[];
  readonly samlProviders?: readonly RegisteredSamlProvider[];
  readonly roles?: readonly SimulatedRole[];
  readonly users?: readonly SimulatedUser[];
  readonly tls?: ServerTls;
  /** What the simulator itself trusts when it fetches discovery and keys from an https issuer (PEM). */
  readonly issuerCa?: string;
  /**
   * Host names that the simulator resolves by itself, to an address or to an address and a port, e.g.
   * `{ "idp.corp.example": "127.0.0.1:8443" }`: IAM knows no issuers with a port, a test server has no other way.
   */
  readonly issuerHosts?: Readonly<Record<string, string>>;
  /** Length of minted session tokens, default 1,200 characters; AWS's reach 4,096. */
  readonly sessionTokenLength?: number;
  /** Milliseconds since the epoch; default `Date.now`. */
  readonly clock?: () => number;
}

/** The simulated account: all of it may be changed while the server runs. */
export interface Account {
  readonly providers: RegisteredProvider[];
  readonly samlProviders: RegisteredSamlProvider[];
  readonly roles: SimulatedRole[];
  readonly users: SimulatedUser[];
  readonly credentials: CredentialBook;
  readonly issuers: IssuerFetching;
  readonly nowMs: () => number;
}

/** How the simulator reaches issuers. */
export interface IssuerFetching {
  readonly ca: string | undefined;
  readonly hosts: Record<string, string>;
  /** Every URL that was asked for, in order. */
  readonly fetched: string[];
  /** What an unreachable issuer is answered with; AWS knows both. Default InvalidIdentityToken. */
  failureCode: "InvalidIdentityToken" | "IDPCommunicationError";
}

/** Who signed a request. */
export interface Caller {
  readonly arn: string;
  readonly userId: string;
  readonly account: string;
  /** Set for temporary credentials. */
  readonly session: MintedCredentials | undefined;
}

/** One request of an action. */
export interface ActionRequest {
  readonly params: ReadonlyMap<string, string>;
  readonly account: Account;
  /** Verifies the signature; throws AWS's refusals. Unsigned actions do not call it. */
  authenticate(): Caller;
}

/** An action of the API: gives what stands inside `<XxxResult>`, or throws {@link StsError}. */
export type Action = (request: ActionRequest) => XmlFields | Promise<XmlFields>;

/** Nested elements in order; `undefined` is left out. */
export interface XmlFields {
  readonly [element: string]: string | number | XmlFields | undefined;
}
