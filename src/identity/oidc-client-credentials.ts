import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { Secret } from "../core/secret.ts";
import { SettingError, type SettingsSpec } from "../core/settings.ts";
import type { TomlTable } from "../core/types.ts";
import {
  type Credentials,
  clientAuthentication,
  KEY_ALGORITHMS,
  type KeyAlgorithm,
  METHODS,
  type Method,
} from "./lib/client-authentication.ts";
import { readCertificate } from "./lib/client-certificate.ts";
import { fetchAdapter } from "./lib/fetch-adapter.ts";
import { type OauthContext, oauthFailure } from "./lib/oauth-failure.ts";
import { absolutePath } from "./lib/path.ts";
import { readSecret, type SecretSource, secretSource } from "./lib/secret-source.ts";
import type { AcquireContext, IdentitySource, OidcProof } from "./source.ts";

const SETTINGS = {
  issuer: { type: "url", required: true, summary: 'the provider: the value of "issuer" in its discovery document' },
  client_id: { type: "string", required: true, summary: "the client registered for this machine or job" },
  client_secret: { type: "secret", summary: "where the client's secret is" },
  private_key: { type: "secret", summary: "where the client's private key is, PEM or JWK, for private_key_jwt" },
  private_key_id: { type: "string", summary: "kid of the private key", defaultText: "the JWK's own" },
  client_certificate: {
    type: "path",
    summary: "PEM certificate (chain) for mutual TLS; beside private_key it is named in the assertion (x5t)",
  },
  client_certificate_key: { type: "secret", summary: "where the certificate's key is, PEM" },
  token_endpoint_auth_method: {
    type: "string",
    oneOf: METHODS,
    summary: "how the client proves itself",
    defaultText: "client_secret_basic, private_key_jwt or tls_client_auth, by what is configured",
  },
  token_endpoint_auth_signing_alg: {
    type: "string",
    oneOf: KEY_ALGORITHMS,
    summary: "algorithm of private_key_jwt",
    defaultText: "RS256 or ES256, by the key",
  },
  client_assertion_audience: {
    type: "string",
    oneOf: ["issuer", "token_endpoint"],
    summary: "aud of a client assertion",
    defaultText: "issuer",
  },
  scope: { type: "string", summary: "scopes to ask for, separated by blanks" },
  audience: { type: "string", summary: "audience parameter of the token request (Auth0 and others)" },
  resource: { type: "string-or-strings", summary: "resource indicator of the token request (RFC 8707)" },
  parameters: { type: "string-table", summary: "further parameters of the token request" },
  assertion: {
    type: "string",
    oneOf: ["access_token", "id_token"],
    summary: "which of the tokens AWS gets",
    defaultText: "access_token",
  },
  discovery: {
    type: "string",
    oneOf: ["oidc", "oauth2"],
    summary: "well-known document: OpenID Connect Discovery or RFC 8414",
    defaultText: "oidc",
  },
  ca_file: { type: "path", summary: "PEM file of further authorities to trust for this provider" },
} as const satisfies SettingsSpec;

interface Settings {
  readonly issuer: string;
  readonly clientId: string;
  readonly method: Method;
  readonly secret: SecretSource | undefined;
  readonly privateKey: SecretSource | undefined;
  readonly keyId: string | undefined;
  readonly algorithm: KeyAlgorithm | undefined;
  readonly certificate: string | undefined;
  readonly certificateKey: SecretSource | undefined;
  readonly assertionAudience: "issuer" | "token_endpoint";
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly assertion: "access_token" | "id_token";
  readonly discovery: "oidc" | "oauth2";
  readonly caFile: string | undefined;
}

/** OAuth 2.0 client credentials at an OpenID provider. @see RFC 6749 §4.4, RFC 8414, RFC 7523, RFC 8705 */
export const oidcClientCredentials: IdentitySource<Settings, OidcProof> = {
  kind: "oidc-client-credentials",
  yields: "oidc",
  summary: "OAuth 2.0 client credentials at an OpenID provider (secret, private key or mutual TLS)",
  settings: SETTINGS,
  parse,
  acquire,
};

function parse(table: TomlTable): Settings {
  const text = (key: keyof typeof SETTINGS): string | undefined => table[key] as string | undefined;
  const has = (key: keyof typeof SETTINGS): boolean => table[key] !== undefined;
  const method =
    (text("token_endpoint_auth_method") as Method | undefined) ??
    (has("client_secret")
      ? "client_secret_basic"
      : has("private_key")
        ? "private_key_jwt"
        : has("client_certificate")
          ? "tls_client_auth"
          : undefined);
  if (method === undefined) {
    throw new SettingError(
      "client_id",
      "nothing proves the client: there is no client_secret, private_key or client_certificate",
      'client_secret = { file = "/path" }, for example',
    );
  }
  const need = (key: keyof typeof SETTINGS): void => {
    if (!has(key))
      throw new SettingError(
        "token_endpoint_auth_method",
        `${method} needs ${key}`,
        `${key}: ${SETTINGS[key].summary}`,
      );
  };
  if (method.startsWith("client_secret")) need("client_secret");
  if (method === "private_key_jwt") need("private_key");
  if (method.endsWith("tls_client_auth")) {
    need("client_certificate");
    need("client_certificate_key");
  }
  if (has("client_certificate_key") && !has("client_certificate"))
    throw new SettingError("client_certificate_key", "client_certificate_key needs client_certificate");
  const scope = text("scope");
  if (text("assertion") === "id_token" && scope !== undefined && !scope.split(" ").includes("openid")) {
    throw new SettingError("scope", 'an id_token is only issued for the scope "openid"', `scope = "openid ${scope}"`);
  }

  const resource = table.resource as string | readonly string[] | undefined;
  const extra = (table.parameters ?? {}) as Readonly<Record<string, string>>;
  for (const name of ["grant_type", "client_id", "client_secret", "client_assertion"]) {
    if (Object.hasOwn(extra, name)) throw new SettingError("parameters", `parameters must not set ${name}`);
  }
  const parameters: (readonly [string, string])[] = Object.entries(extra);
  if (scope !== undefined) parameters.push(["scope", scope]);
  const audience = text("audience");
  if (audience !== undefined) parameters.push(["audience", audience]);
  for (const one of resource === undefined ? [] : [resource].flat()) parameters.push(["resource", String(one)]);

  return {
    issuer: text("issuer") ?? "",
    clientId: text("client_id") ?? "",
    method,
    secret: secretSource(table.client_secret),
    privateKey: secretSource(table.private_key),
    keyId: text("private_key_id"),
    algorithm: text("token_endpoint_auth_signing_alg") as KeyAlgorithm | undefined,
    certificate: text("client_certificate"),
    certificateKey: secretSource(table.client_certificate_key),
    assertionAudience: text("client_assertion_audience") === "token_endpoint" ? "token_endpoint" : "issuer",
    parameters,
    assertion: text("assertion") === "id_token" ? "id_token" : "access_token",
    discovery: text("discovery") === "oauth2" ? "oauth2" : "oidc",
    caFile: text("ca_file"),
  };
}

async function acquire(settings: Settings, context: AcquireContext): Promise<OidcProof> {
  const { host, signal } = context;
  const { issuer, clientId, method } = settings;
  // Secrets first: without them no request is worth sending.
  const secret =
    settings.secret === undefined ? undefined : await readSecret(settings.secret, "client_secret", "one", context);
  const privateKey =
    settings.privateKey === undefined
      ? undefined
      : await readSecret(settings.privateKey, "private_key", "many", context);
  const certificate = settings.certificate === undefined ? undefined : readCertificate(settings.certificate, context);
  const certificateKey =
    settings.certificateKey === undefined
      ? undefined
      : await readSecret(settings.certificateKey, "client_certificate_key", "many", context);

  const tls = {
    ...(settings.caFile === undefined ? {} : { caFile: absolutePath(settings.caFile, host) }),
    ...(certificate === undefined || certificateKey === undefined ? {} : { certificate, key: certificateKey }),
  };
  const client = await import("openid-client");
  const server = new URL(issuer);
  const target = settings.parameters.find(([name]) => name === "resource" || name === "audience");
  const at = (): OauthContext => ({
    issuer: printable(issuer, 200),
    clientId,
    method,
    skewMs: host.http.skewMs(),
    scope: settings.parameters.find(([name]) => name === "scope")?.[1],
    target: target === undefined ? undefined : `${target[0]} "${target[1]}"`,
    secrets: [secret],
  });

  try {
    const metadata = method.endsWith("tls_client_auth") ? { use_mtls_endpoint_aliases: true } : {};
    const configuration = await client.discovery(server, clientId, metadata, client.None(), {
      algorithm: settings.discovery,
      [client.customFetch]: fetchAdapter(host, tls, signal),
      // Loopback alone: the HTTP stack refuses every other plain address.
      ...(server.protocol === "http:" ? { execute: [client.allowInsecureRequests] } : {}),
    });
    const { token_endpoint: tokenEndpoint } = configuration.serverMetadata();
    const credentials: Credentials = {
      secret,
      privateKey,
      keyId: settings.keyId,
      algorithm: settings.algorithm,
      certificate: method === "private_key_jwt" ? certificate : undefined,
      assertionAudience: settings.assertionAudience === "token_endpoint" ? tokenEndpoint : undefined,
    };
    const authenticated = new client.Configuration(
      configuration.serverMetadata(),
      clientId,
      metadata,
      await clientAuthentication(client, method, credentials),
    );
    // A signed assertion is good for one use.
    authenticated[client.customFetch] = fetchAdapter(host, tls, signal, !method.endsWith("_jwt"));
    if (server.protocol === "http:") client.allowInsecureRequests(authenticated);
    const parameters = new URLSearchParams(settings.parameters.map(([name, value]): [string, string] => [name, value]));
    const tokens = await client.clientCredentialsGrant(authenticated, parameters);
    host.log.debug(
      "idp",
      `${issuer}: ${tokens.id_token === undefined ? "access token" : "access token and id_token"} by ${method}`,
    );
    return chosenToken(tokens, settings);
  } catch (error) {
    throw oauthFailure(error, at());
  }
}

function chosenToken(tokens: { access_token: string; id_token?: string }, { issuer, assertion }: Settings): OidcProof {
  if (assertion === "access_token") {
    return {
      kind: "oidc",
      token: new Secret(tokens.access_token),
      name: `the access token of ${printable(issuer, 200)}`,
    };
  }
  if (tokens.id_token === undefined) {
    throw new BrokerError("ASSERTION_UNUSABLE", `${printable(issuer, 200)} issued no id_token for client credentials`, {
      hint: 'add the scope "openid" if the provider offers it, or use assertion = "access_token" and ask for a JWT',
    });
  }
  return { kind: "oidc", token: new Secret(tokens.id_token), name: `the id_token of ${printable(issuer, 200)}` };
}
