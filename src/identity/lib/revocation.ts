import type { AcquireContext, RevokedToken } from "../source.ts";
import { oauthFailure } from "./oauth-failure.ts";
import { type LoginSettings, openLoginProvider } from "./oidc-login.ts";

/** What providers say of tokens that they do not keep: a JWT is good until it ends. */
const NOT_REVOCABLE = "unsupported_token_type";

/**
 * Tells the provider that a token is not used any more; most end what came of a refresh token, too.
 *
 * @returns "not-offered" where the discovery document names no endpoint for it, or the provider cannot end such a token
 * @throws BrokerError as a token request does
 * @see RFC 7009
 */
export async function revokeToken(
  login: LoginSettings,
  { kind, token }: RevokedToken,
  context: AcquireContext,
): Promise<"revoked" | "not-offered"> {
  const { client, configuration, at } = (await openLoginProvider(login, "token revocation", context)).provider;
  if (configuration.serverMetadata().revocation_endpoint === undefined) return "not-offered";
  try {
    await client.tokenRevocation(configuration, token.reveal(), { token_type_hint: kind });
    return "revoked";
  } catch (error) {
    if ((error as { error?: unknown }).error === NOT_REVOCABLE) return "not-offered";
    throw oauthFailure(error, at(token));
  }
}
