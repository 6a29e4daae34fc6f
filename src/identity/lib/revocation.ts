import type { Secret } from "../../core/secret.ts";
import type { AcquireContext } from "../source.ts";
import { oauthFailure } from "./oauth-failure.ts";
import { type LoginSettings, openLoginProvider } from "./oidc-login.ts";

/**
 * Tells the provider that a refresh token is not used any more; most end what came of it, too.
 *
 * @returns "not-offered" where the discovery document names no endpoint for it
 * @throws BrokerError as a token request does
 * @see RFC 7009
 */
export async function revokeRefreshToken(
  login: LoginSettings,
  refreshToken: Secret,
  context: AcquireContext,
): Promise<"revoked" | "not-offered"> {
  const { client, configuration, at } = (await openLoginProvider(login, "token revocation", context)).provider;
  if (configuration.serverMetadata().revocation_endpoint === undefined) return "not-offered";
  try {
    await client.tokenRevocation(configuration, refreshToken.reveal(), { token_type_hint: "refresh_token" });
    return "revoked";
  } catch (error) {
    throw oauthFailure(error, at());
  }
}
