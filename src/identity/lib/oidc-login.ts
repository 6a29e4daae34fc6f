import { SettingError, type SettingsSpec } from "../../core/settings.ts";
import type { TomlTable } from "../../core/types.ts";
import type { AcquireContext } from "../source.ts";
import type { Method } from "./client-authentication.ts";
import { openProvider, type Provider, type ProviderSettings } from "./oidc-provider.ts";
import { absolutePath } from "./path.ts";
import { readSecret, type SecretSource, secretSource } from "./secret-source.ts";

/** What the sources share that a person logs in to: the client, what it asks for, and where the refresh token is kept. */
export const LOGIN_SETTINGS = {
  issuer: { type: "url", required: true, summary: 'the provider: the value of "issuer" in its discovery document' },
  client_id: { type: "string", required: true, summary: "the client registered for sts-broker, a public one" },
  client_secret: {
    type: "secret",
    summary: "where the client's secret is, for providers that insist on one",
  },
  token_endpoint_auth_method: {
    type: "string",
    oneOf: ["client_secret_basic", "client_secret_post"],
    summary: "how the secret is sent",
    defaultText: "client_secret_basic",
  },
  scope: {
    type: "string",
    summary: "scopes to ask for, separated by blanks",
    defaultText: "openid, and offline_access where the provider lists it and the refresh token is kept",
  },
  assertion: {
    type: "string",
    oneOf: ["id_token", "access_token"],
    summary: "which of the tokens AWS gets",
    defaultText: "id_token",
  },
  audience: { type: "string", summary: "audience parameter of the login request (Auth0 and others)" },
  resource: { type: "string-or-strings", summary: "resource indicator of the requests (RFC 8707)" },
  parameters: { type: "string-table", summary: "further parameters of the login request" },
  refresh_token_store: {
    type: "string",
    oneOf: ["keychain", "kernel", "runtime", "file", "none"],
    summary: "the one place where the refresh token is kept; no other is used in its stead",
    defaultText: "keychain",
  },
  ca_file: { type: "path", summary: "PEM file of further authorities to trust for this provider" },
} as const satisfies SettingsSpec;

export interface LoginSettings {
  readonly issuer: string;
  readonly clientId: string;
  readonly secret: SecretSource | undefined;
  readonly method: Method;
  /** Undefined: the default, which depends on the provider. */
  readonly scope: string | undefined;
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly resources: readonly string[];
  readonly assertion: "id_token" | "access_token";
  readonly keepsRefreshToken: boolean;
  readonly caFile: string | undefined;
}

/** They are made anew for each login, or stated elsewhere. */
const OWN_PARAMETERS = [
  "response_type",
  "response_mode",
  "client_id",
  "client_secret",
  "redirect_uri",
  "scope",
  "state",
  "nonce",
  "code_challenge",
  "code_challenge_method",
  "grant_type",
];

/** @throws SettingError */
export function loginSettings(table: TomlTable): LoginSettings {
  const text = (key: keyof typeof LOGIN_SETTINGS): string | undefined => table[key] as string | undefined;
  const scope = text("scope");
  const assertion = text("assertion") === "access_token" ? "access_token" : "id_token";
  if (assertion === "id_token" && scope !== undefined && !scope.split(" ").includes("openid"))
    throw new SettingError("scope", 'an id_token is only issued for the scope "openid"', `scope = "openid ${scope}"`);
  if (table.token_endpoint_auth_method !== undefined && table.client_secret === undefined)
    throw new SettingError("token_endpoint_auth_method", "token_endpoint_auth_method needs client_secret");
  const extra = (table.parameters ?? {}) as Readonly<Record<string, string>>;
  for (const name of OWN_PARAMETERS)
    if (Object.hasOwn(extra, name)) throw new SettingError("parameters", `parameters must not set ${name}`);
  const audience = text("audience");
  const resource = table.resource as string | readonly string[] | undefined;
  return {
    issuer: text("issuer") ?? "",
    clientId: text("client_id") ?? "",
    secret: secretSource(table.client_secret),
    method: text("token_endpoint_auth_method") === "client_secret_post" ? "client_secret_post" : "client_secret_basic",
    scope,
    parameters: [...(audience === undefined ? [] : [["audience", audience] as const]), ...Object.entries(extra)],
    resources: resource === undefined ? [] : [resource].flat().map(String),
    assertion,
    keepsRefreshToken: text("refresh_token_store") !== "none",
    caFile: text("ca_file"),
  };
}

/** A provider as one login or one renewal uses it. */
export interface LoginProvider {
  readonly provider: Provider;
  readonly settings: ProviderSettings & { readonly assertion: "id_token" | "access_token" };
}

/**
 * Discovery, and what the client sends there.
 * @param grant as errors call it
 */
export async function openLoginProvider(
  login: LoginSettings,
  grant: string,
  context: AcquireContext,
): Promise<LoginProvider> {
  const { issuer, clientId, method, resources, assertion, caFile } = login;
  const secret =
    login.secret === undefined ? undefined : await readSecret(login.secret, "client_secret", "one", context);
  const plain = {
    issuer,
    clientId,
    client: secret === undefined ? undefined : { method, secret },
    resources,
    assertion,
    tls: caFile === undefined ? {} : { caFile: absolutePath(caFile, context.host) },
  };
  const provider = await openProvider({ ...plain, parameters: [["scope", login.scope ?? "openid"]] }, grant, context);
  const scope = login.scope ?? defaultScope(provider, login);
  return { provider, settings: { ...plain, parameters: [["scope", scope], ...login.parameters] } };
}

/** Who would not keep the refresh token does not ask for one. @see OpenID Connect Core §11 */
function defaultScope({ configuration }: Provider, { keepsRefreshToken }: LoginSettings): string {
  const offered = configuration.serverMetadata().scopes_supported ?? [];
  return keepsRefreshToken && offered.includes("offline_access") ? "openid offline_access" : "openid";
}
