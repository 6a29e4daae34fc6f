import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { deviceFlow, offersDeviceFlow } from "./lib/oidc-device-flow.ts";
import { LOGIN_SETTINGS, type LoginSettings, loginSettings, openLoginProvider } from "./lib/oidc-login.ts";
import { fromSession } from "./lib/oidc-refresh.ts";
import { tokenName } from "./lib/oidc-tokens.ts";
import { revokeToken } from "./lib/revocation.ts";
import type { IdentitySource, OidcProof } from "./source.ts";

/** A code that a person types on another device: for machines without a browser. @see RFC 8628 */
export const oidcDevice: IdentitySource<LoginSettings, OidcProof> = {
  kind: "oidc-device",
  yields: "oidc",
  revoke: revokeToken,
  summary: "a person logs in at an OpenID provider with a code, on any device (sts-broker login)",
  settings: LOGIN_SETTINGS,
  parse: loginSettings,
  async acquire(login, context) {
    if (context.presenter === undefined) return fromSession(login, context);
    context.presenter.progress(`asking ${printable(new URL(login.issuer).host, 120)} for a code`);
    const opened = await openLoginProvider(login, "the device grant", context);
    if (!offersDeviceFlow(opened)) {
      throw new BrokerError("IDP_REFUSED", `${printable(login.issuer, 200)} does not offer the device grant`, {
        hint: 'its discovery document names no device_authorization_endpoint; type = "oidc-browser"',
      });
    }
    return { kind: "oidc", name: tokenName(login), ...(await deviceFlow(opened, context)) };
  },
};
