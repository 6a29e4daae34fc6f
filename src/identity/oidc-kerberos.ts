import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { SettingError, type SettingsSpec } from "../core/settings.ts";
import type { TomlTable } from "../core/types.ts";
import type { HttpRequest, HttpResponse } from "../host/host.ts";
import type { Page } from "./lib/browser.ts";
import type { Method } from "./lib/client-authentication.ts";
import { KERBEROS_SETTINGS, type KerberosSettings, kerberosSettings } from "./lib/kerberos-settings.ts";
import { negotiatedRequest, prepareNegotiate } from "./lib/negotiate.ts";
import { beginCodeFlow, type CodeFlow } from "./lib/oidc-code.ts";
import { tokenName } from "./lib/oidc-tokens.ts";
import { absolutePath } from "./lib/path.ts";
import { readSecret, type SecretSource, secretSource } from "./lib/secret-source.ts";
import type { AcquireContext, IdentitySource, OidcProof } from "./source.ts";

/** Any port may stand in a registered loopback URI (RFC 8252 §7.3); nothing listens, so none does here. */
const REDIRECT_URI = "http://127.0.0.1/callback";

const SETTINGS = {
  issuer: { type: "url", required: true, summary: 'the provider: the value of "issuer" in its discovery document' },
  client_id: { type: "string", required: true, summary: "the client registered for sts-broker" },
  client_secret: {
    type: "secret",
    summary: "where the client's secret is; a public client has none, and PKCE proves it",
  },
  token_endpoint_auth_method: {
    type: "string",
    oneOf: ["client_secret_basic", "client_secret_post"],
    summary: "how the secret is sent",
    defaultText: "client_secret_basic",
  },
  redirect_uri: {
    type: "url",
    summary: "a redirect URI registered for the client; the redirect is intercepted, and nothing listens",
    defaultText: REDIRECT_URI,
  },
  scope: { type: "string", summary: "scopes to ask for, separated by blanks", defaultText: "openid" },
  assertion: {
    type: "string",
    oneOf: ["id_token", "access_token"],
    summary: "which of the tokens AWS gets",
    defaultText: "id_token",
  },
  audience: { type: "string", summary: "audience parameter of the authorization request (Auth0 and others)" },
  resource: { type: "string-or-strings", summary: "resource indicator of the requests (RFC 8707)" },
  parameters: { type: "string-table", summary: "further parameters of the authorization request" },
  origins: {
    type: "strings",
    summary:
      'further origins that belong to the provider, as in "https://login.corp.example"; redirects go nowhere else',
  },
  ca_file: { type: "path", summary: "PEM file of further authorities to trust for this provider" },
  ...KERBEROS_SETTINGS,
} as const satisfies SettingsSpec;

interface Settings {
  readonly issuer: string;
  readonly clientId: string;
  readonly secret: SecretSource | undefined;
  readonly method: Method;
  readonly redirectUri: string;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly resources: readonly string[];
  readonly assertion: "id_token" | "access_token";
  readonly origins: readonly string[];
  readonly caFile: string | undefined;
  readonly kerberos: KerberosSettings;
}

/** Authorization code and PKCE, with a Kerberos ticket in the place of a person. @see RFC 6749 §4.1, RFC 7636, RFC 4559 */
export const oidcKerberos: IdentitySource<Settings, OidcProof> = {
  kind: "oidc-kerberos",
  yields: "oidc",
  summary: "OpenID Connect by Kerberos single sign-on (Negotiate), without a person or a browser",
  settings: SETTINGS,
  parse,
  acquire,
};

/** They are made anew for each login, or stated elsewhere. */
const OWN_PARAMETERS = [
  "response_type",
  "response_mode",
  "client_id",
  "redirect_uri",
  "scope",
  "state",
  "nonce",
  "code_challenge",
  "code_challenge_method",
];

function parse(table: TomlTable): Settings {
  const text = (key: keyof typeof SETTINGS): string | undefined => table[key] as string | undefined;
  const scope = text("scope") ?? "openid";
  const assertion = text("assertion") === "access_token" ? "access_token" : "id_token";
  if (assertion === "id_token" && !scope.split(" ").includes("openid"))
    throw new SettingError("scope", 'an id_token is only issued for the scope "openid"', `scope = "openid ${scope}"`);
  if (table.token_endpoint_auth_method !== undefined && table.client_secret === undefined)
    throw new SettingError("token_endpoint_auth_method", "token_endpoint_auth_method needs client_secret");
  const extra = (table.parameters ?? {}) as Readonly<Record<string, string>>;
  for (const name of OWN_PARAMETERS)
    if (Object.hasOwn(extra, name)) throw new SettingError("parameters", `parameters must not set ${name}`);
  const audience = text("audience");
  const resource = table.resource as string | readonly string[] | undefined;
  const origins = ((table.origins as readonly string[] | undefined) ?? []).map((one) => {
    if (URL.canParse(one) && new URL(one).href === `${new URL(one).origin}/` && one.startsWith("https://"))
      return new URL(one).origin;
    throw new SettingError(
      "origins",
      `origins: "${printable(one, 120)}" is not an https origin`,
      'origins = ["https://login.corp.example"]',
    );
  });
  return {
    issuer: text("issuer") ?? "",
    clientId: text("client_id") ?? "",
    secret: secretSource(table.client_secret),
    method: text("token_endpoint_auth_method") === "client_secret_post" ? "client_secret_post" : "client_secret_basic",
    redirectUri: text("redirect_uri") ?? REDIRECT_URI,
    parameters: [
      ["scope", scope],
      ...(audience === undefined ? [] : [["audience", audience] as const]),
      ...Object.entries(extra),
    ],
    resources: resource === undefined ? [] : [resource].flat().map(String),
    assertion,
    origins,
    caFile: text("ca_file"),
    kerberos: kerberosSettings(table, [text("issuer")]),
  };
}

async function acquire(settings: Settings, context: AcquireContext): Promise<OidcProof> {
  const { host } = context;
  const { issuer, caFile } = settings;
  prepareNegotiate(settings.kerberos, context);
  const secret =
    settings.secret === undefined ? undefined : await readSecret(settings.secret, "client_secret", "one", context);
  const tls = caFile === undefined ? {} : { caFile: absolutePath(caFile, host) };
  const client = secret === undefined ? undefined : { method: settings.method, secret };
  const flow = await beginCodeFlow({ ...settings, client, tls }, context);
  const redirect = await signOn(flow, settings, tls, context);
  host.log.debug("idp", `${issuer}: redirected back, the code is redeemed`);
  const { token } = await flow.redeem(redirect);
  return { kind: "oidc", token, name: tokenName(settings) };
}

/** The redirect that would leave the provider for the client; nobody follows it. */
class RedirectedBack extends Error {
  readonly url: URL;
  constructor(url: URL) {
    super("redirected back");
    this.url = url;
  }
}

/** From the authorization endpoint to the redirect URI, with a ticket wherever the provider asks for one. */
async function signOn(
  flow: CodeFlow,
  { issuer, origins, kerberos }: Settings,
  tls: { readonly caFile?: string },
  context: AcquireContext,
): Promise<URL> {
  const { openBrowser } = await import("./lib/browser.ts");
  const idp = printable(issuer, 200);
  const send = async (request: HttpRequest): Promise<HttpResponse> => {
    const answer = await negotiatedRequest(request, kerberos, context);
    const { location } = answer.headers;
    const target = URL.canParse(location ?? "", request.url) ? new URL(location ?? "", request.url) : undefined;
    if (target !== undefined && answer.status >= 300 && answer.status < 400 && flow.isRedirect(target))
      throw new RedirectedBack(target);
    return answer;
  };
  const browser = openBrowser({
    idp,
    origins: new Set([new URL(issuer).origin, flow.authorizationUrl.origin, ...origins]),
    acsUrl: undefined,
    userAgent: "sts-broker",
    tls,
    send,
    signal: context.signal,
    log: context.host.log,
  });
  try {
    const arrival = await browser.open(flow.authorizationUrl.href);
    if (arrival.kind === "page") throw await refusal(arrival.page, idp);
    throw new BrokerError("IDP_INVALID_ANSWER", `${idp} answered an OpenID Connect request with a SAML response`);
  } catch (error) {
    if (error instanceof RedirectedBack) return error.url;
    throw error;
  }
}

async function refusal(page: Page, idp: string): Promise<BrokerError> {
  const { loginForm, secondFactor } = await import("./lib/login-page.ts");
  const place = printable(page.url.hostname, 120);
  const factor = secondFactor(page);
  if (factor !== undefined) {
    return new BrokerError("LOGIN_REQUIRED", `${idp} asks for a second factor (${printable(factor, 60)})`, {
      hint: "a person may use login (sts-broker login); a machine has to be exempt from it at the provider",
    });
  }
  if (loginForm(page) !== undefined) {
    return new BrokerError("IDP_REFUSED", `no single sign-on: ${idp} showed its login page`, {
      hint: `likely causes: ${place} offers Negotiate only to some clients, networks or user agents, it has no keytab for HTTP/${place}, or it does not know the principal (klist)`,
    });
  }
  if (asksForConsent(page)) {
    return new BrokerError("IDP_REFUSED", `${idp} asks a person to consent to what the client may see`, {
      hint: "let an administrator grant the consent for this client, or turn it off (Keycloak: Consent required; LemonLDAP::NG: Bypass consent)",
    });
  }
  const title = page.title === "" ? "" : ` (page "${printable(page.title, 80)}")`;
  return new BrokerError("IDP_INVALID_ANSWER", `${idp} shows a page instead of redirecting back${title}`, {
    hint: "check client_id and redirect_uri: both have to be registered at the provider",
  });
}

function asksForConsent({ title, text, forms }: Page): boolean {
  if (/\b(consent|grant access|allow access|authori[sz]e|approve|permissions?)\b/i.test(`${title} ${text}`))
    return true;
  // LemonLDAP::NG's page has no words but a script's.
  return forms.some(({ fields }) => fields.some(({ name, type }) => name === "confirm" && type === "hidden"));
}
