/** The certificates that a server shows: a TLS handshake and nothing after it, so that no request meets a server that is not trusted. */
import { X509Certificate } from "node:crypto";
import { EventEmitter } from "node:events";
import type { ClientRequest } from "node:http";
import { isIP } from "node:net";
import tls from "node:tls";
import { HttpsProxyAgent } from "https-proxy-agent";
import { BrokerError } from "../core/errors.ts";
import { spoken } from "../core/time.ts";
import type { PeerCertificate, PeerChain } from "./host.ts";
import { connectionFailure, proxyRefusal, type Route, targetOf } from "./http/failure.ts";
import { lookupWith, refuseForbidden } from "./http/lookup.ts";
import { proxyName } from "./http/proxy.ts";
import type { Resolve } from "./resolver/resolve.ts";

/** More than any chain has; a certificate may name itself as its issuer without being its own. */
const LONGEST_CHAIN = 12;

export interface PeerOptions {
  readonly host: string;
  readonly port: number;
  readonly proxy: URL | undefined;
  readonly caSetting: Route["caSetting"];
  readonly secureContext: tls.SecureContext;
  readonly proxyContext?: tls.SecureContext;
  readonly resolve: Resolve;
  readonly timeoutMs: number;
}

/** @throws BrokerError UNREACHABLE, TIMEOUT */
export function peerChain(options: PeerOptions): Promise<PeerChain> {
  const { host, port, proxy, caSetting, timeoutMs } = options;
  const route: Route = {
    host: port === 443 ? host : `${host}:${port}`,
    proxy: proxy === undefined ? undefined : proxyName(proxy),
    caSetting,
  };
  let tunnelled = proxy === undefined;
  return new Promise((resolve, reject) => {
    let socket: tls.TLSSocket | undefined;
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      socket?.destroy();
      act();
    };
    const fail = (error: unknown): void =>
      settle(() => reject(error instanceof BrokerError ? error : connectionFailure(error, route, !tunnelled)));
    const timer = setTimeout(() => {
      const line = `${targetOf(route)} did not show a certificate within ${spoken(timeoutMs)}`;
      fail(new BrokerError("TIMEOUT", line, { hint: "check the network, the firewall and HTTPS_PROXY" }));
    }, timeoutMs);
    opened(options, (status) => {
      tunnelled = status === 200;
      if (!tunnelled) fail(proxyRefusal(status, route));
    }).then((open) => {
      socket = open;
      socket.once("error", fail);
      socket.once("secureConnect", () => {
        const chain = chainOf(open, route);
        settle(() => resolve(chain));
      });
    }, fail);
  });
}

async function opened(
  { host, port, proxy, secureContext, proxyContext, resolve }: PeerOptions,
  onTunnel: (status: number) => void,
): Promise<tls.TLSSocket> {
  const options = {
    host,
    port,
    secureContext,
    // It is shown, whatever it is worth; `chainOf` tells what we make of it.
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
  if (proxy === undefined) return tls.connect({ ...options, lookup: lookupWith(resolve, refuseForbidden) });
  const agent = new HttpsProxyAgent(proxy, {
    lookup: lookupWith(resolve, () => {}),
    ...(proxyContext === undefined ? {} : { secureContext: proxyContext }),
  });
  const request = new EventEmitter();
  request.on("proxyConnect", ({ statusCode }: { statusCode: number }) => onTunnel(statusCode));
  const socket = await agent.connect(request as ClientRequest, { ...options, secureEndpoint: true });
  return socket as tls.TLSSocket;
}

function chainOf(socket: tls.TLSSocket, route: Route): PeerChain {
  const certificates: PeerCertificate[] = [];
  let last: tls.DetailedPeerCertificate | undefined;
  let next: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && next !== last && certificates.length < LONGEST_CHAIN) {
    certificates.push({
      subject: nameOf(next.subject),
      issuer: nameOf(next.issuer),
      notAfterMs: Date.parse(next.valid_to),
    });
    last = next;
    next = next.issuerCertificate;
  }
  // A code, whatever the types say.
  const code: unknown = socket.authorized ? undefined : socket.authorizationError;
  const problem =
    code === undefined
      ? undefined
      : connectionFailure(
          Object.assign(new Error(String(code)), { code: String(code) }),
          route,
          false,
          certificates.at(-1)?.issuer,
        );
  const ends = last !== undefined && last.issuerCertificate === last;
  return { certificates, publicRoot: ends && last ? (isPublic(last.raw) ? "yes" : "no") : "unknown", problem };
}

/** The runtime brings Mozilla's list. */
function isPublic(root: Buffer): boolean {
  return tls.rootCertificates.some((pem) => new X509Certificate(pem).raw.equals(root));
}

function nameOf(name: Partial<tls.Certificate> | undefined): string {
  return [name?.CN ?? name?.O ?? ""].flat()[0] ?? "";
}
