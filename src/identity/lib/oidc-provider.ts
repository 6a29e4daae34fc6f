import type { Configuration } from "openid-client";
import { printable } from "../../core/printable.ts";
import type { Secret } from "../../core/secret.ts";
import type { TlsSettings } from "../../host/host.ts";
import type { AcquireContext } from "../source.ts";
import { clientAuthentication, type Method } from "./client-authentication.ts";
import { fetchAdapter } from "./fetch-adapter.ts";
import { type OauthContext, oauthFailure } from "./oauth-failure.ts";

export interface ProviderSettings {
  readonly issuer: string;
  readonly clientId: string;
  /** Undefined: a public client. */
  readonly client: { readonly method: Method; readonly secret: Secret } | undefined;
  /** Scope, audience and so on. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly resources: readonly string[];
  readonly tls: TlsSettings;
}

/** A provider whose discovery document has been read, and the client as it proves itself there. */
export interface Provider {
  readonly client: typeof import("openid-client");
  readonly configuration: Configuration;
  /** What an error is told with. @param sent secrets of this very request; the client's own is known */
  at(...sent: readonly (Secret | undefined)[]): OauthContext;
}

/**
 * @param grant as errors call it: "the authorization code grant"
 * @throws BrokerError as discovery does
 * @see OpenID Connect Discovery §4
 */
export async function openProvider(
  settings: ProviderSettings,
  grant: string,
  { host, signal }: AcquireContext,
): Promise<Provider> {
  const { issuer, clientId, tls } = settings;
  const client = await import("openid-client");
  const server = new URL(issuer);
  const fetch = fetchAdapter(host, tls, signal);
  const at = (...sent: readonly (Secret | undefined)[]): OauthContext => ({
    issuer: printable(issuer, 200),
    clientId,
    method: settings.client?.method ?? "PKCE alone",
    grant,
    skewMs: host.http.skewMs(),
    scope: settings.parameters.find(([name]) => name === "scope")?.[1],
    target: settings.resources[0] === undefined ? undefined : `resource "${settings.resources[0]}"`,
    secrets: [settings.client?.secret, ...sent],
  });
  try {
    const found = await client.discovery(server, clientId, undefined, client.None(), {
      [client.customFetch]: fetch,
      ...(server.protocol === "http:" ? { execute: [client.allowInsecureRequests] } : {}),
    });
    const proof =
      settings.client === undefined
        ? client.None()
        : await clientAuthentication(client, settings.client.method, { secret: settings.client.secret });
    // A machine whose clock is wrong hears of it; it is not kept from logging in.
    const skewSeconds = Math.round((host.http.skewMs() ?? 0) / 1000);
    const metadata = { [client.clockSkew]: skewSeconds };
    const configuration = new client.Configuration(found.serverMetadata(), clientId, metadata, proof);
    configuration[client.customFetch] = fetch;
    if (server.protocol === "http:") client.allowInsecureRequests(configuration);
    return { client, configuration, at };
  } catch (error) {
    throw oauthFailure(error, at());
  }
}
