import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { SettingError, type SettingsSpec } from "../core/settings.ts";
import type { TomlTable } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { loginRequired } from "./lib/login-required.ts";
import { beginCodeFlow } from "./lib/oidc-code.ts";
import { deviceFlow, offersDeviceFlow } from "./lib/oidc-device-flow.ts";
import {
  LOGIN_SETTINGS,
  type LoginProvider,
  type LoginSettings,
  loginSettings,
  openLoginProvider,
} from "./lib/oidc-login.ts";
import { fromSession } from "./lib/oidc-refresh.ts";
import { type Tokens, tokenName } from "./lib/oidc-tokens.ts";
import { listenForRedirect, type Redirected, type RedirectListener } from "./lib/redirect-listener.ts";
import { revokeToken } from "./lib/revocation.ts";
import type { Presenter } from "./presenter.ts";
import type { AcquireContext, IdentitySource, OidcProof } from "./source.ts";

/** Any port may stand in a registered loopback URI. @see RFC 8252 §7.3 */
const REDIRECT_URI = "http://127.0.0.1/callback";

const SETTINGS = {
  ...LOGIN_SETTINGS,
  redirect_uri: {
    type: "url",
    summary: "the loopback redirect URI registered for the client; with a port where the provider wants a fixed one",
    defaultText: `${REDIRECT_URI}, on a free port`,
  },
  device_fallback: {
    type: "boolean",
    summary:
      "over SSH, and where no browser can be opened, log in with a code on another device if the provider offers it",
    defaultText: "true",
  },
} as const satisfies SettingsSpec;

interface Settings extends LoginSettings {
  readonly redirectUri: string;
  readonly deviceFallback: boolean;
}

type PersonContext = AcquireContext & { readonly presenter: Presenter };

/** Authorization code and PKCE in the person's own browser. @see RFC 8252, RFC 7636, RFC 9207 */
export const oidcBrowser: IdentitySource<Settings, OidcProof> = {
  kind: "oidc-browser",
  yields: "oidc",
  revoke: revokeToken,
  summary: "a person logs in at an OpenID provider in the browser (sts-broker login)",
  settings: SETTINGS,
  parse,
  async acquire(login, context) {
    const { presenter } = context;
    if (presenter === undefined) return fromSession(login, context);
    presenter.progress(`asking ${printable(new URL(login.issuer).host, 120)} how it logs people in`);
    const opened = await openLoginProvider(login, "the authorization code grant", context);
    const tokens = await signIn(login, opened, { ...context, presenter });
    return { kind: "oidc", name: tokenName(login), ...tokens };
  },
};

const LISTENABLE = ["127.0.0.1", "[::1]", "localhost"];

function parse(table: TomlTable): Settings {
  const redirectUri = (table.redirect_uri as string | undefined) ?? REDIRECT_URI;
  const url = new URL(redirectUri);
  if (url.protocol !== "http:" || !LISTENABLE.includes(url.hostname) || url.search !== "" || url.hash !== "")
    throw new SettingError(
      "redirect_uri",
      "redirect_uri has to lead to this machine: http to 127.0.0.1, [::1] or localhost, and a path",
      'redirect_uri = "http://127.0.0.1:8400/callback", and the same at the provider',
    );
  return { ...loginSettings(table), redirectUri, deviceFallback: table.device_fallback !== false };
}

async function signIn(login: Settings, opened: LoginProvider, context: PersonContext): Promise<Tokens> {
  const { host } = context;
  const codeInstead = login.deviceFallback && offersDeviceFlow(opened);
  if (codeInstead && isRemote(host)) {
    host.log.debug("login", "over SSH without a display: a code for another device");
    return deviceFlow(opened, context);
  }
  const listener = await listenForRedirect(host, login.redirectUri);
  try {
    return (await inBrowser(opened, listener, codeInstead, context)) ?? (await deviceFlow(opened, context));
  } finally {
    await listener.close();
  }
}

/** @returns undefined where no browser can be opened, and a code serves better than an address */
async function inBrowser(
  { provider, settings }: LoginProvider,
  { redirectUri, port, redirected, startAt }: RedirectListener,
  codeInstead: boolean,
  context: PersonContext,
): Promise<Tokens | undefined> {
  const { host, signal, presenter } = context;
  const flow = await beginCodeFlow({ ...settings, redirectUri }, context, provider);
  let start = "";
  const intruded = new Promise<never>((_, reject) => {
    start = startAt(flow.authorizationUrl, () =>
      reject(loginRequired(context, "somebody else opened this login's page, or the browser asked for it twice")),
    );
  });
  const arrival = Promise.race([redirected(flow.state), intruded]);
  // It may come to this while the browser is still being opened.
  arrival.catch(() => undefined);
  const shown = await presenter.openPage(flow.authorizationUrl.href, start);
  if (shown === "shown" && codeInstead) {
    host.log.debug("login", "no browser could be opened: a code for another device");
    return undefined;
  }
  const idp = printable(new URL(settings.issuer).host, 120);
  presenter.progress(
    isRemote(host)
      ? `waiting for the browser; if it runs on another machine, first run there: ssh -L ${port}:127.0.0.1:${port} ${printable(host.system.hostname(), 120)}`
      : `waiting for you to sign in at ${idp} in the browser`,
  );
  const hit = await untilAborted(arrival, signal, idp);
  presenter.progress(`back from ${idp}, fetching the token`);
  try {
    const tokens = await flow.redeem(hit.url);
    hit.welcome();
    return tokens;
  } catch (error) {
    hit.refuse(error instanceof BrokerError ? error.message : "Something went wrong; the terminal says more.");
    throw error;
  }
}

async function untilAborted(arrival: Promise<Redirected>, signal: AbortSignal, idp: string): Promise<Redirected> {
  const late = (): BrokerError => new BrokerError("TIMEOUT", `nobody came back from ${idp} in time`);
  if (signal.aborted) throw late();
  let give: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    give = () => reject(late());
    signal.addEventListener("abort", give);
  });
  try {
    return await Promise.race([arrival, aborted]);
  } finally {
    if (give !== undefined) signal.removeEventListener("abort", give);
  }
}

/** Somebody sits at another machine, and a browser of this one would open where nobody looks. */
function isRemote({ env }: Host): boolean {
  const has = (name: string): boolean => (env[name] ?? "") !== "";
  return has("SSH_CONNECTION") && !has("DISPLAY") && !has("WAYLAND_DISPLAY");
}
