import type { Configuration } from "openid-client";
import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";
import type { TlsSettings } from "../../host/host.ts";
import type { AcquireContext } from "../source.ts";
import { clientAuthentication, type Method } from "./client-authentication.ts";
import { fetchAdapter } from "./fetch-adapter.ts";
import { type OauthContext, oauthFailure } from "./oauth-failure.ts";

/** The authorization code grant, whoever walks from the authorization endpoint to the redirect URI. */
export interface CodeFlowSettings {
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined: a public client, whose proof is PKCE alone. */
  readonly client: { readonly method: Method; readonly secret: Secret } | undefined;
  readonly redirectUri: string;
  /** Of the authorization request: scope, audience and so on. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly resources: readonly string[];
  readonly assertion: "id_token" | "access_token";
  readonly tls: TlsSettings;
}

export interface CodeFlow {
  /** Where the walk begins. */
  readonly authorizationUrl: URL;
  /** True for the redirect that ends it. */
  isRedirect(url: URL): boolean;
  /**
   * The token, from the redirect. state, nonce and iss are checked before anything is sent.
   * @throws BrokerError IDP_REFUSED for an error in the redirect or at the token endpoint
   */
  redeem(redirect: URL): Promise<Secret>;
}

/**
 * Discovery, and a new state, nonce and PKCE verifier.
 *
 * @throws BrokerError as discovery does
 * @see RFC 6749 §4.1, RFC 7636, RFC 9207, OpenID Connect Core §3.1
 */
export async function beginCodeFlow(settings: CodeFlowSettings, { host, signal }: AcquireContext): Promise<CodeFlow> {
  const { issuer, clientId, redirectUri, tls } = settings;
  const client = await import("openid-client");
  const server = new URL(issuer);
  const fetch = fetchAdapter(host, tls, signal);
  const at = (): OauthContext => ({
    issuer: printable(issuer, 200),
    clientId,
    method: settings.client?.method ?? "PKCE alone",
    grant: "the authorization code grant",
    skewMs: host.http.skewMs(),
    scope: settings.parameters.find(([name]) => name === "scope")?.[1],
    target: settings.resources[0] === undefined ? undefined : `resource "${settings.resources[0]}"`,
  });

  let configuration: Configuration;
  try {
    const found = await client.discovery(server, clientId, undefined, client.None(), {
      [client.customFetch]: fetch,
      ...(server.protocol === "http:" ? { execute: [client.allowInsecureRequests] } : {}),
    });
    const proof =
      settings.client === undefined
        ? client.None()
        : await clientAuthentication(client, settings.client.method, { secret: settings.client.secret });
    configuration = new client.Configuration(found.serverMetadata(), clientId, undefined, proof);
    configuration[client.customFetch] = fetch;
    if (server.protocol === "http:") client.allowInsecureRequests(configuration);
  } catch (error) {
    throw oauthFailure(error, at());
  }
  if (configuration.serverMetadata().authorization_endpoint === undefined) {
    throw new BrokerError("IDP_INVALID_ANSWER", `${printable(issuer, 200)} has no authorization endpoint`, {
      hint: "its discovery document names none, so it knows no authorization code grant",
    });
  }

  const state = client.randomState();
  const nonce = client.randomNonce();
  const verifier = client.randomPKCECodeVerifier();
  const parameters = new URLSearchParams([
    ...settings.parameters.map(([name, value]): [string, string] => [name, value]),
    ...settings.resources.map((resource): [string, string] => ["resource", resource]),
    ["redirect_uri", redirectUri],
    ["state", state],
    ["nonce", nonce],
    ["code_challenge", await client.calculatePKCECodeChallenge(verifier)],
    ["code_challenge_method", "S256"],
  ]);
  const target = new URL(redirectUri);

  return {
    authorizationUrl: client.buildAuthorizationUrl(configuration, parameters),
    isRedirect: ({ protocol, host: where, pathname }) =>
      protocol === target.protocol && where === target.host && pathname === target.pathname,
    async redeem(redirect) {
      try {
        const tokens = await client.authorizationCodeGrant(
          configuration,
          redirect,
          { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: hasOpenid() },
          new URLSearchParams(settings.resources.map((resource): [string, string] => ["resource", resource])),
        );
        if (settings.assertion === "access_token") return new Secret(tokens.access_token);
        if (tokens.id_token !== undefined) return new Secret(tokens.id_token);
      } catch (error) {
        throw redirectFailure(error, at()) ?? oauthFailure(error, at());
      }
      throw new BrokerError("ASSERTION_UNUSABLE", `${printable(issuer, 200)} issued no id_token`, {
        hint: 'scope = "openid"',
      });
    },
  };

  function hasOpenid(): boolean {
    return settings.parameters.some(([name, value]) => name === "scope" && value.split(" ").includes("openid"));
  }
}

/** What is wrong with the redirect itself; undefined for anything else. */
function redirectFailure(error: unknown, { issuer }: OauthContext): BrokerError | undefined {
  const text = error instanceof Error ? `${error.message} ${(error.cause as Error | undefined)?.message ?? ""}` : "";
  const part = /"(state|iss)"/.exec(text)?.[1];
  if (part === undefined || !/response parameter/.test(text)) return undefined;
  const why =
    part === "state" ? "the state of another login" : "another issuer (iss): two identity providers may be mixed up";
  return new BrokerError("IDP_INVALID_ANSWER", `${issuer} redirected back with ${why}; its code was not used`, {
    hint: "try again; if it stays, somebody is interfering",
  });
}
