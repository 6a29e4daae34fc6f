import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";
import type { AcquireContext } from "../source.ts";
import { type OauthContext, oauthFailure } from "./oauth-failure.ts";
import { openProvider, type Provider, type ProviderSettings } from "./oidc-provider.ts";
import { chosenToken, type Tokens } from "./oidc-tokens.ts";

/** The authorization code grant, whoever walks from the authorization endpoint to the redirect URI. */
export interface CodeFlowSettings extends ProviderSettings {
  readonly redirectUri: string;
  readonly assertion: "id_token" | "access_token";
}

export interface CodeFlow {
  /** Where the walk begins. */
  readonly authorizationUrl: URL;
  /** What the redirect that ends it has to bring back. */
  readonly state: string;
  /** True for the redirect that ends it. */
  isRedirect(url: URL): boolean;
  /**
   * The tokens, from the redirect. state, nonce and iss are checked before anything is sent.
   * @throws BrokerError IDP_REFUSED for an error in the redirect or at the token endpoint
   */
  redeem(redirect: URL): Promise<Tokens>;
}

/**
 * A new state, nonce and PKCE verifier, after discovery.
 *
 * @param provider where discovery was done already
 * @throws BrokerError as discovery does
 * @see RFC 6749 §4.1, RFC 7636, RFC 9207, OpenID Connect Core §3.1
 */
export async function beginCodeFlow(
  settings: CodeFlowSettings,
  context: AcquireContext,
  provider?: Provider,
): Promise<CodeFlow> {
  const { issuer, redirectUri } = settings;
  const opened = provider ?? (await openProvider(settings, "the authorization code grant", context));
  const { client, configuration, at } = opened;
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
    state,
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
        return chosenToken(tokens, settings);
      } catch (error) {
        throw (
          redirectFailure(error, at()) ??
          oauthFailure(error, at(new Secret(redirect.searchParams.get("code") ?? ""), new Secret(verifier)))
        );
      }
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
