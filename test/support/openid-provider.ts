/**
 * A real OpenID provider (npm oidc-provider) on a free loopback port: its refusals and its tokens are not ours to invent. Around it
 * stands what a test needs: a log of requests, faults by path, a clock that is wrong.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { certificateToX5c, selfSignRsaKey } from "./certificates.ts";
import { createFaultPlan, type FaultPlan, playFault } from "./faults.ts";
import { listen, type ServerTls } from "./listening-server.ts";
import { createClients, newEcKey, newRsaKey, type TestClients, toRegistrations } from "./openid-provider/clients.ts";
import { createConfiguration, type PeopleSettings, type TokenSettings } from "./openid-provider/configuration.ts";

import { newProvider } from "./openid-provider/new-provider.ts";

export type { KeyClient, TestClients } from "./openid-provider/clients.ts";
export { type PeopleSettings, STS_AUDIENCE, type TokenSettings } from "./openid-provider/configuration.ts";

/** How to start it; everything has a default. */
export interface OpenIdProviderOptions {
  /** With it the provider speaks https and asks for client certificates, which it judges by `ca`. */
  readonly tls?: ServerTls;
  /** The host in the issuer, default 127.0.0.1. Another name needs a client that resolves it to 127.0.0.1. */
  readonly issuerHost?: string;
  /** The whole issuer, for one without a port or with a path; wins over `issuerHost`. */
  readonly issuer?: string;
  readonly token?: Partial<TokenSettings>;
  /** At least 32 bytes. The default holds characters that HTTP Basic needs encoded (RFC 6749 §2.3.1). */
  readonly clientSecret?: string;
  /** Subject of the `tls_client_auth` client, default `CN=client.corp.example`. */
  readonly mutualTlsSubjectDn?: string;
  /** The certificate (PEM) of the `self_signed_tls_client_auth` client. */
  readonly selfSignedCert?: string;
  /** Puts `x5c` beside the RSA key in the JWKS. */
  readonly x5c?: boolean;
}

/** One request as it was answered; `path` is the one below the issuer, `status` is 0 while there is no answer, or never was one. */
export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  status: number;
}

/** A running provider. */
export interface OpenIdProvider {
  readonly issuer: string;
  readonly port: number;
  /** Where it listens, by address. */
  readonly url: string;
  readonly tokenEndpoint: string;
  readonly clients: TestClients;
  /** May be changed while it runs. */
  readonly token: TokenSettings;
  /** May be changed while it runs. */
  readonly people: PeopleSettings;
  readonly requests: readonly LoggedRequest[];
  /** Keyed by path below the issuer: `/.well-known/openid-configuration`, `/token`, `/jwks`, or `"*"`. */
  readonly faults: FaultPlan;
  count(path?: string): number;
  /** Moves the `Date` header of all answers; the tokens keep the real time. */
  setDateSkewMs(ms: number): void;
  close(): Promise<void>;
}

const DEFAULT_SECRET = "s3cret+with/odd=chars%and:more&0123456789";

/** Starts a provider. */
export async function startOpenIdProvider(options: OpenIdProviderOptions = {}): Promise<OpenIdProvider> {
  const token: TokenSettings = { ...defaultToken(), ...options.token };
  const people: PeopleSettings = { rotates: true, deviceCodeSeconds: 600 };
  const clients = await createClients({
    clientSecret: options.clientSecret ?? DEFAULT_SECRET,
    mutualTlsSubjectDn: options.mutualTlsSubjectDn ?? "CN=client.corp.example",
    selfSignedCert: options.selfSignedCert,
  });
  const signingKeys = await createSigningKeys(options.x5c ?? false);
  const registrations = toRegistrations(clients, options.selfSignedCert);

  const requests: LoggedRequest[] = [];
  const faults = createFaultPlan();
  let dateSkewMs = 0;
  let issuerUrl = new URL("http://unset.invalid");
  let answer: (req: IncomingMessage, res: ServerResponse) => Promise<void> = async () => {};

  const server = await listen(async (req, res) => {
    const path = mount(req, issuerUrl);
    const entry: LoggedRequest = { method: req.method ?? "", path, status: 0 };
    requests.push(entry);
    const writeHead = res.writeHead.bind(res) as (...args: unknown[]) => ServerResponse;
    res.writeHead = ((...args: unknown[]) => {
      entry.status = args[0] as number;
      return writeHead(...args);
    }) as typeof res.writeHead;
    if (dateSkewMs !== 0) res.setHeader("date", new Date(Date.now() + dateSkewMs).toUTCString());
    const fault = faults.take(path);
    if (fault !== undefined && (await playFault(fault, res)) === "done") return;
    // The provider writes its endpoints by the Host it was asked under; a provider behind a name always says its own name.
    req.headers.host = issuerUrl.host;
    await answer(req, res);
  }, options.tls);

  const scheme = options.tls === undefined ? "http" : "https";
  const issuer = options.issuer ?? `${scheme}://${options.issuerHost ?? "127.0.0.1"}:${server.port}`;
  issuerUrl = new URL(issuer);
  answer = (await newProvider(issuer, createConfiguration(registrations, signingKeys, token, people))).callback();
  return {
    issuer,
    port: server.port,
    url: server.url,
    tokenEndpoint: `${issuer.replace(/\/$/, "")}/token`,
    clients,
    token,
    people,
    requests,
    faults,
    count: (path) => requests.filter((request) => path === undefined || request.path === path).length,
    setDateSkewMs: (ms) => {
      dateSkewMs = ms;
    },
    close: server.close,
  };
}

/** Takes an issuer's path off the request, as a mounting framework would, and gives the rest without its query. */
function mount(req: IncomingMessage & { originalUrl?: string }, issuer: URL): string {
  const prefix = issuer.pathname.replace(/\/$/, "");
  req.originalUrl = req.url ?? "/";
  if (prefix !== "" && req.originalUrl.startsWith(`${prefix}/`)) req.url = req.originalUrl.slice(prefix.length);
  return (req.url ?? "/").replace(/\?.*$/, "");
}

function defaultToken(): TokenSettings {
  return { ttlSeconds: 300, alg: "RS256", azp: undefined, claims: {}, defaultAudience: undefined };
}

async function createSigningKeys(x5c: boolean): Promise<Record<string, unknown>[]> {
  const [rsaKey, ecKey] = await Promise.all([newRsaKey(), newEcKey()]);
  const rsa = rsaKey.export({ format: "jwk" });
  return [
    {
      ...rsa,
      kid: "op-rs256",
      alg: "RS256",
      use: "sig",
      ...(x5c ? { x5c: [certificateToX5c(await selfSignRsaKey(rsa, "op"))] } : {}),
    },
    { ...ecKey.export({ format: "jwk" }), kid: "op-es256", alg: "ES256", use: "sig" },
  ];
}
