import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";
import type { AcquireContext, OidcProof, Redemption } from "../source.ts";
import { fetchAdapter } from "./fetch-adapter.ts";
import { loginRequired } from "./login-required.ts";
import { oauthFailure } from "./oauth-failure.ts";
import { type LoginSettings, openLoginProvider } from "./oidc-login.ts";
import { chosenToken, type Tokens, tokenName } from "./oidc-tokens.ts";
import { withoutSecrets } from "./without-secrets.ts";

/** For the one request that must not be interrupted. */
const REDEMPTION_MS = 10_000;

/** What a token endpoint says of a refresh token that is spent, revoked or too old; anything else may be better tomorrow. */
const DEAD = "invalid_grant";

/**
 * Renews without a person, by the refresh token that a login left.
 *
 * @throws BrokerError LOGIN_REQUIRED where there is none, or the provider takes it no more
 * @see RFC 6749 §6, OpenID Connect Core §12
 */
export async function fromSession(login: LoginSettings, context: AcquireContext): Promise<OidcProof> {
  const issuer = printable(login.issuer, 200);
  const tokens = await context.session?.redeem(async (refreshToken, onItsWay): Promise<Redemption<() => Tokens>> => {
    // This may be interrupted: nothing is lost while the refresh token has not been sent.
    const { provider, settings } = await openLoginProvider(login, "the refresh token grant", context);
    const { client, configuration, at } = provider;
    if (context.signal.aborted) throw new BrokerError("TIMEOUT", `${issuer} took too long for its discovery document`);
    const uninterrupted = new AbortController().signal;
    const send = fetchAdapter(context.host, settings.tls, uninterrupted, false, REDEMPTION_MS);
    let next: Secret | undefined;
    configuration[client.customFetch] = async (...request) => {
      const answer = await send(...request);
      // Whatever is wrong with the rest of the answer: this is the only refresh token that there is now.
      next = refreshTokenIn(await answer.clone().text());
      return answer;
    };
    const resources = settings.resources.map((resource): [string, string] => ["resource", resource]);
    await onItsWay();
    try {
      const answer = await client.refreshTokenGrant(
        configuration,
        refreshToken.reveal(),
        new URLSearchParams(resources),
      );
      context.host.log.debug("idp", `${issuer}: refreshed${next === undefined ? "" : ", and rotated"}`);
      // What is wrong with the tokens is said once the new refresh token is kept.
      const value = (): Tokens => {
        if (settings.assertion === "id_token" && answer.id_token === undefined) throw withoutIdToken(issuer);
        return chosenToken(answer, settings);
      };
      return { outcome: "redeemed", refreshToken: next, value };
    } catch (error) {
      const { error: code, error_description: said } = error as { error?: unknown; error_description?: unknown };
      const failure = oauthFailure(error, at(refreshToken, next));
      if (next !== undefined) {
        const value = (): never => {
          throw failure;
        };
        return { outcome: "redeemed", refreshToken: next, value };
      }
      // Said by what may be a token endpoint of yesterday it is nothing to end a login for.
      if (code !== DEAD || (await context.documentsHold?.()) === false) throw failure;
      const words = said === undefined ? "" : `: ${printable(withoutSecrets(String(said), [refreshToken]), 200)}`;
      return { outcome: "refused", detail: `${issuer} does not renew the login any more (${DEAD}${words})` };
    }
  });
  if (tokens === undefined) throw loginRequired(context, `nobody is logged in at ${issuer}`);
  return { kind: "oidc", token: tokens().token, name: tokenName(login) };
}

function refreshTokenIn(body: string): Secret | undefined {
  try {
    const { refresh_token: token } = JSON.parse(body) as { refresh_token?: unknown };
    return typeof token === "string" && token !== "" ? new Secret(token) : undefined;
  } catch {
    return undefined;
  }
}

function withoutIdToken(issuer: string): BrokerError {
  return new BrokerError("ASSERTION_UNUSABLE", `${issuer} issues no id_token when a login is renewed`, {
    hint: 'assertion = "access_token", if that is a JWT that AWS takes (sts-broker explain); or log in each time with refresh_token_store = "none"',
  });
}
