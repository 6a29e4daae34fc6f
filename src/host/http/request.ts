import dns from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import { HttpsProxyAgent } from "https-proxy-agent";
import { BrokerError } from "../../core/errors.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import { hasControlCharacter, printable } from "../../core/printable.ts";
import { spoken } from "../../core/time.ts";
import type { Clock, Http, HttpRequest, HttpResponse, Log, TlsSettings } from "../host.ts";
import type { Resolve } from "../resolver/resolve.ts";
import { hostOf, isForbiddenAddress } from "./address.ts";
import { type Ahead, openingAhead } from "./ahead.ts";
import {
  connectionFailure,
  isStale,
  isUnheard,
  oversized,
  proxyRefusal,
  type Route,
  resolverSilent,
  targetOf,
} from "./failure.ts";
import { forbiddenAddress, lookupWith, refuseForbidden } from "./lookup.ts";
import { proxyFor, proxyName } from "./proxy.ts";
import { issuerOf, secureContexts } from "./trust.ts";

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_MAX_BYTES = 1024 * 1024;

/** For the second look at each address of a host; Node's first gives none more than 250 ms, which a lost packet or a far continent takes. */
const PATIENT_CONNECT_MS = 3_000;

function checkedUrl(text: string): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new BrokerError("CONFIG_INVALID", `"${printable(text, 120)}" is not a URL`);
  }
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopbackUrl(url))) {
    throw new BrokerError(
      "CONFIG_INVALID",
      `${printable(`${url.protocol}//${url.host}`)} is refused: only https is spoken, and plain http to loopback alone`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new BrokerError("CONFIG_INVALID", `the URL for ${printable(url.host)} holds a user name or password`);
  }
  if (isForbiddenAddress(hostOf(url))) throw forbiddenAddress(url.host, hostOf(url));
  return url;
}

function checkHeaders(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (hasControlCharacter(name) || hasControlCharacter(value)) {
      throw new BrokerError(
        "CONFIG_INVALID",
        `the value for the header ${printable(name, 60)} holds a control character`,
      );
    }
    // Node would throw a TypeError, which reads like a bug of ours.
    if (/[^\0-\xff]/.test(value)) {
      throw new BrokerError(
        "CONFIG_INVALID",
        `the value for the header ${printable(name, 60)} holds a character that HTTP cannot carry`,
      );
    }
  }
}

/**
 * The one HTTP stack: proxy, trust, mutual TLS, a deadline over the whole exchange, a cap on the body, redirects handed back.
 * @param resolve default: getaddrinfo in this process, which an exit waits for
 */
export function realHttp(
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  log: Log,
  resolve: Resolve = (name) => dns.lookup(name, { all: true, verbatim: true }),
): Required<Http> & { close(): void } {
  const contextFor = secureContexts(env);
  const agents = new Map<string, { readonly agent: http.Agent; readonly ahead: Ahead }>();
  let skewMs: number | undefined;
  /** Connections to open once the proxy has taken our name and password: wrong ones that come twice may lock an account. */
  const untilProxyKnowsUs: (() => void)[] = [];
  let proxyKnowsUs = false;
  /** Names that are being asked for. */
  const unresolved = new Set<string>();
  const resolveNoted: Resolve = async (name) => {
    unresolved.add(name);
    try {
      return await resolve(name);
    } finally {
      unresolved.delete(name);
    }
  };

  const agentFor = (url: URL, tls: TlsSettings, proxy: URL | undefined): { agent: http.Agent; ahead: Ahead } => {
    const { peer = "idp", caFile, certificate } = tls;
    const id = JSON.stringify([url.protocol, proxy?.href, peer, caFile, certificate]);
    const known = agents.get(id);
    if (known !== undefined) return known;
    let agent: http.Agent;
    if (url.protocol === "http:") agent = new http.Agent({ keepAlive: true });
    else if (proxy === undefined) agent = new https.Agent({ keepAlive: true });
    else
      agent = new HttpsProxyAgent(proxy, {
        keepAlive: true,
        lookup: lookupWith(resolveNoted, () => {}),
        ...(proxy.protocol === "https:" ? { secureContext: contextFor({}) } : {}),
      }) as http.Agent;
    const made = { agent, ahead: openingAhead(agent) };
    agents.set(id, made);
    return made;
  };

  const connecting = (url: URL, tls: TlsSettings): https.RequestOptions => ({
    lookup: lookupWith(resolveNoted, refuseForbidden),
    ...(url.protocol === "https:" ? { secureContext: contextFor(tls), rejectUnauthorized: true } : {}),
  });

  const noteClock = ({ date, age = "0" }: Readonly<Record<string, string>>): void => {
    // Out of a cache on the way: the date is of when it was put there.
    if (Number(age) !== 0) return;
    const serverMs = date === undefined ? Number.NaN : Date.parse(date);
    // The header counts whole seconds: half a second is the best guess of the rest.
    if (!Number.isNaN(serverMs)) skewMs = serverMs + 500 - clock.nowMs();
  };

  const request = (wanted: HttpRequest): Promise<HttpResponse> => {
    const url = checkedUrl(wanted.url);
    const headers = { "accept-encoding": "identity", ...wanted.headers };
    checkHeaders(headers);
    if (env.NODE_TLS_REJECT_UNAUTHORIZED === "0") throw certificateChecksOff();
    const proxy = proxyFor(url, env);
    const route: Route = {
      host: url.host,
      proxy: proxy === undefined ? undefined : proxyName(proxy),
      caSetting: wanted.tls?.peer === "aws" ? "AWS_CA_BUNDLE" : "ca_file",
    };
    const timeoutMs = wanted.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const maxBytes = wanted.maxBytes ?? DEFAULT_MAX_BYTES;
    const secure = url.protocol === "https:";
    const { agent, ahead } = agentFor(url, wanted.tls ?? {}, proxy);
    const options: https.RequestOptions = {
      method: wanted.method,
      headers:
        wanted.body === undefined ? headers : { ...headers, "content-length": String(Buffer.byteLength(wanted.body)) },
      agent,
      ...connecting(url, wanted.tls ?? {}),
    };
    const startMs = clock.monotonicMs();

    return new Promise((resolve, reject) => {
      let sent: http.ClientRequest;
      let settled = false;
      let tunnelled = false;
      let again = false;
      let signedBy: string | undefined;
      const settle = (act: () => void): void => {
        if (settled) return;
        settled = true;
        clearTimeout(timer);
        wanted.signal?.removeEventListener("abort", onAbort);
        act();
      };
      const fail = (error: BrokerError): void =>
        settle(() => {
          sent.destroy();
          log.debug("http", `${wanted.method} ${url.origin}${url.pathname}: ${error.message}`);
          reject(error);
        });
      const late = (line: string): void => {
        const name = hostOf(proxy ?? url);
        const hint = "check that the host is up and reachable, and HTTPS_PROXY";
        fail(unresolved.has(name) ? resolverSilent(name, route) : new BrokerError("TIMEOUT", line, { hint }));
      };
      const onAbort = (): void => late(`${targetOf(route)} had not answered at the deadline`);
      const timer = setTimeout(
        () => late(`${targetOf(route)} did not answer completely within ${spoken(timeoutMs)}`),
        timeoutMs,
      );

      const onError = (error: Error): void => {
        if (error instanceof BrokerError) return fail(error);
        // Once, on a new connection. Who can tell whether the server of a broken one had read the request: a code or a rotating
        // refresh token that is sent twice may end the whole login. @see RFC 9110 §9.2.2
        const harmless = wanted.repeatable ?? wanted.method === "GET";
        const kept = sent.reusedSocket || (sent.socket !== null && ahead.has(sent.socket));
        if (!settled && !again && (isUnheard(error) || (harmless && kept && isStale(error)))) {
          again = true;
          log.debug("http", `${wanted.method} ${url.origin}${url.pathname}: tried again on another connection`);
          return send({ ...options, autoSelectFamilyAttemptTimeout: PATIENT_CONNECT_MS });
        }
        fail(connectionFailure(error, route, proxy !== undefined && !tunnelled && !sent.reusedSocket, signedBy));
      };
      const onResponse = (response: http.IncomingMessage): void => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length <= maxBytes) chunks.push(chunk);
          else fail(oversized(maxBytes, route));
        });
        response.on("error", (error) => fail(connectionFailure(error, route)));
        response.on("aborted", () =>
          fail(connectionFailure(Object.assign(new Error(), { code: "ECONNRESET" }), route)),
        );
        response.on("end", () =>
          settle(() => {
            const flat: Record<string, string> = {};
            for (const [name, value] of Object.entries(response.headers))
              flat[name] = Array.isArray(value) ? value.join(", ") : (value ?? "");
            noteClock(flat);
            const tookMs = (clock.monotonicMs() - startMs).toFixed(0);
            log.debug(
              "http",
              `${wanted.method} ${url.origin}${url.pathname}: ${response.statusCode} in ${tookMs} ms${route.proxy === undefined ? "" : ` through ${route.proxy}`}`,
            );
            resolve({
              status: response.statusCode ?? 0,
              headers: flat,
              setCookie: response.headers["set-cookie"] ?? [],
              body: Buffer.concat(chunks),
              url: url.href,
            });
          }),
        );
      };
      const send = (how: https.RequestOptions & { autoSelectFamilyAttemptTimeout?: number }): void => {
        sent = (secure ? https : http).request(url, how);
        sent.on("proxyConnect", (connect: { statusCode: number }) => {
          tunnelled = true;
          if (connect.statusCode !== 200) return fail(proxyRefusal(connect.statusCode, route));
          proxyKnowsUs = true;
          for (const open of untilProxyKnowsUs.splice(0)) open();
        });
        // Before the certificate is judged: a socket that refused it has forgotten it.
        sent.on("socket", (socket) => {
          if (sent.reusedSocket) return;
          socket.prependOnceListener("secure", () => {
            signedBy = issuerOf(socket);
          });
        });
        sent.on("error", onError);
        sent.on("response", onResponse);
        if (wanted.onSent !== undefined) sent.once("finish", wanted.onSent);
        sent.end(wanted.body);
      };
      send(options);
      if (wanted.signal?.aborted) return onAbort();
      wanted.signal?.addEventListener("abort", onAbort);
    });
  };

  const connectAhead = (text: string, tls: TlsSettings = {}): void => {
    try {
      const url = checkedUrl(text);
      if (env.NODE_TLS_REJECT_UNAUTHORIZED === "0") return;
      const secure = url.protocol === "https:";
      const host = hostOf(url);
      const proxy = proxyFor(url, env);
      const { ahead } = agentFor(url, tls, proxy);
      const way = {
        ...connecting(url, tls),
        host,
        port: Number(url.port || (secure ? 443 : 80)),
        servername: isIP(host) === 0 ? host : "",
      };
      const open = (): void => {
        ahead.open(way);
        log.debug("http", `${url.origin}: connected to ahead`);
      };
      const mustWait = proxy !== undefined && proxy.username + proxy.password !== "" && !proxyKnowsUs;
      if (mustWait) untilProxyKnowsUs.push(open);
      else open();
    } catch {
      // The request meets the same, and says it.
    }
  };

  return {
    // An async wrapper, so that what is refused before sending rejects like everything else.
    request: async (wanted) => request(wanted),
    connectAhead,
    skewMs: () => skewMs,
    close() {
      for (const { agent, ahead } of agents.values()) {
        agent.destroy();
        ahead.close();
      }
    },
  };
}

export function certificateChecksOff(): BrokerError {
  return new BrokerError(
    "CONFIG_INVALID",
    "NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off and is refused",
    {
      hint: "unset NODE_TLS_REJECT_UNAUTHORIZED, and name the company's authority in ca_file, SSL_CERT_FILE or AWS_CA_BUNDLE",
    },
  );
}
