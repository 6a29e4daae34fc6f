/**
 * The registered clients, one for each way in which a client proves who it is at the token endpoint (OIDC Core §9, RFC 8705 §2).
 * The keys are new for each provider, so nothing in the repository looks like a credential.
 */
import { generateKeyPair as generate, type JsonWebKey, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { certificateToJwk } from "../certificates.ts";

const generateKeyPair = promisify(generate);

/** A client that shares a secret with the provider. */
export interface SecretClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A client that signs its assertions (RFC 7523). `kid` is what the provider knows the key by. */
export interface KeyClient {
  readonly clientId: string;
  readonly alg: "RS256" | "PS256" | "ES256";
  readonly kid: string;
  /** PEM, PKCS #8. */
  readonly privateKeyPem: string;
  readonly privateJwk: JsonWebKey & { readonly kid: string; readonly alg: string };
}

/** Every client of a test provider, by authentication method. */
export interface TestClients {
  readonly secretBasic: SecretClient;
  readonly secretPost: SecretClient;
  readonly secretJwt: SecretClient;
  readonly rs256: KeyClient;
  readonly ps256: KeyClient;
  readonly es256: KeyClient;
  /** `tls_client_auth`, known by its subject. */
  readonly mutualTls: { readonly clientId: string; readonly subjectDn: string };
  /** A public native client that people log in with: browser (any loopback port), device code, refresh tokens. */
  readonly people: { readonly clientId: string };
  /** `self_signed_tls_client_auth`; registered only when the provider was given that certificate. */
  readonly selfSignedTls: { readonly clientId: string };
}

export interface ClientSettings {
  readonly clientSecret: string;
  readonly mutualTlsSubjectDn: string;
  readonly selfSignedCert: string | undefined;
}

/** Makes the keys; RSA keys of 2,048 bits are made at the same time, since each takes a tenth of a second. */
export async function createClients(settings: ClientSettings): Promise<TestClients> {
  const [rs, ps, es] = await Promise.all([newRsaKey(), newRsaKey(), newEcKey()]);
  const { clientSecret } = settings;
  return {
    secretBasic: { clientId: "cc-basic", clientSecret },
    secretPost: { clientId: "cc-post", clientSecret },
    secretJwt: { clientId: "cc-secret-jwt", clientSecret },
    rs256: keyClient("cc-rs256", "RS256", rs),
    ps256: keyClient("cc-ps256", "PS256", ps),
    es256: keyClient("cc-es256", "ES256", es),
    mutualTls: { clientId: "cc-mtls", subjectDn: settings.mutualTlsSubjectDn },
    people: { clientId: "people" },
    selfSignedTls: { clientId: "cc-self-signed" },
  };
}

/** The clients as oidc-provider registers them (OIDC Dynamic Client Registration §2). */
export function toRegistrations(clients: TestClients, selfSignedCert: string | undefined): Record<string, unknown>[] {
  const secret = (client: SecretClient, method: string) =>
    registration(client.clientId, method, { client_secret: client.clientSecret });
  const key = (client: KeyClient) =>
    registration(client.clientId, "private_key_jwt", {
      token_endpoint_auth_signing_alg: client.alg,
      jwks: { keys: [toPublicJwk(client.privateJwk)] },
    });
  return [
    secret(clients.secretBasic, "client_secret_basic"),
    secret(clients.secretPost, "client_secret_post"),
    secret(clients.secretJwt, "client_secret_jwt"),
    key(clients.rs256),
    key(clients.ps256),
    key(clients.es256),
    registration(clients.mutualTls.clientId, "tls_client_auth", {
      tls_client_auth_subject_dn: clients.mutualTls.subjectDn,
    }),
    registration(clients.people.clientId, "none", {
      application_type: "native",
      grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
      response_types: ["code"],
      redirect_uris: ["http://127.0.0.1/callback"],
      scope: "openid offline_access aws",
    }),
    ...(selfSignedCert === undefined
      ? []
      : [
          registration(clients.selfSignedTls.clientId, "self_signed_tls_client_auth", {
            jwks: { keys: [certificateToJwk(selfSignedCert)] },
          }),
        ]),
  ];
}

export async function newRsaKey(): Promise<KeyObject> {
  return (await generateKeyPair("rsa", { modulusLength: 2048 })).privateKey;
}

export async function newEcKey(): Promise<KeyObject> {
  return (await generateKeyPair("ec", { namedCurve: "P-256" })).privateKey;
}

function keyClient(clientId: string, alg: KeyClient["alg"], key: KeyObject): KeyClient {
  const kid = `${clientId}-key`;
  return {
    clientId,
    alg,
    kid,
    privateKeyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
    privateJwk: { ...key.export({ format: "jwk" }), kid, alg, use: "sig" } as KeyClient["privateJwk"],
  };
}

function registration(clientId: string, method: string, extra: object): Record<string, unknown> {
  return {
    client_id: clientId,
    token_endpoint_auth_method: method,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    scope: "aws",
    ...extra,
  };
}

function toPublicJwk(jwk: JsonWebKey): JsonWebKey {
  const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicPart } = jwk;
  return publicPart;
}
