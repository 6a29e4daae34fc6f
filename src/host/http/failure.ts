import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";

const UNTRUSTED = new Set([
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_UNTRUSTED",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
]);

/** What failed on the way, named so that a person knows which setting to look at. */
export interface Route {
  readonly host: string;
  /** Undefined without a proxy; never holds its credentials. */
  readonly proxy: string | undefined;
  readonly caSetting: "ca_file" | "AWS_CA_BUNDLE";
}

/** The far end of a route as a person may see it. */
export function targetOf({ host, proxy }: Route): string {
  return proxy === undefined ? host : `${host} through the proxy ${proxy}`;
}

/** A connection that was kept, and that the server had given up when it was used again. */
export function isStale(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ECONNRESET" || code === "EPIPE";
}

/** No address of the host took the connection, and one was given up before it could answer: nothing was sent. */
export function isUnheard(error: Error): boolean {
  return (
    error instanceof AggregateError && error.errors.some(({ code }: NodeJS.ErrnoException) => code === "ETIMEDOUT")
  );
}

/** The deadline came while a name was being looked up. */
export function resolverSilent(name: string, { proxy }: Route): BrokerError {
  return new BrokerError(
    "TIMEOUT",
    `${printable(name)} cannot be resolved: no DNS server had answered at the deadline`,
    {
      hint: resolveHint(name, proxy),
    },
  );
}

function resolveHint(name: string, proxy: string | undefined): string {
  return proxy === undefined
    ? `getent hosts ${printable(name)}, and HTTPS_PROXY if this machine needs a proxy`
    : "check HTTPS_PROXY";
}

/**
 * Judges an error of a socket, of DNS or of TLS.
 * @param atProxy it came before the proxy had opened the tunnel, so it is the proxy's
 * @param signedBy whom the certificate names as its issuer
 * @returns UNREACHABLE with one line
 */
export function connectionFailure(error: unknown, route: Route, atProxy = false, signedBy?: string): BrokerError {
  const { code = "", syscall, message = "" } = error as NodeJS.ErrnoException;
  const { proxy } = route;
  const host = atProxy ? `the proxy ${proxy}` : route.host;
  const target = atProxy ? host : targetOf(route);
  const authorities = atProxy ? "SSL_CERT_FILE" : `${route.caSetting} or SSL_CERT_FILE`;
  const place = route.caSetting === "ca_file" ? "issuer" : "endpoint_url";
  const check =
    proxy === undefined
      ? `check ${place}, and HTTPS_PROXY if this machine needs a proxy`
      : "check HTTPS_PROXY, or name the host in NO_PROXY";
  const unreachable = (line: string, hint?: string): BrokerError =>
    new BrokerError("UNREACHABLE", line, { hint, cause: error });

  if (syscall === "getaddrinfo" || code === "ENOTFOUND" || code === "EAI_AGAIN") {
    const name = (error as { hostname?: string }).hostname ?? host;
    return unreachable(`${printable(name)} cannot be resolved (DNS ${code})`, resolveHint(name, proxy));
  }
  if (UNTRUSTED.has(code)) {
    return unreachable(
      `the certificate of ${host} is not signed by an authority this machine trusts${signedBy === undefined ? "" : `, but by "${printable(signedBy, 80)}"`} (${code})`,
      `if the company intercepts TLS or runs its own authority, name its certificate in ${authorities}`,
    );
  }
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID") {
    return unreachable(
      `the certificate of ${host} is not valid at this time (${code})`,
      "check this machine's clock: date -u",
    );
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return unreachable(`the certificate of ${host} is for another host (${code})`, check);
  if (code.startsWith("ERR_SSL_") || code === "EPROTO" || code.startsWith("ERR_TLS_")) {
    const wrong =
      code.includes("WRONG_VERSION_NUMBER") ||
      code.includes("HTTP_REQUEST") ||
      message.includes("wrong version number");
    return unreachable(
      `no TLS with ${target}: ${wrong ? "it does not speak TLS on this port" : code}`,
      alertHint(code) ?? check,
    );
  }
  if (code === "ECONNREFUSED") {
    // Bun says so of every connection that was not made.
    const why = process.versions.bun === undefined ? "refuses connections" : "refuses connections or cannot be reached";
    return unreachable(`${target} ${why}`, check);
  }
  if (
    code === "ECONNRESET" ||
    code === "EPIPE" ||
    /socket hang up|before secure TLS|Proxy connection ended/i.test(message)
  ) {
    return unreachable(`${target} closed the connection before it answered`, check);
  }
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH" || code === "ETIMEDOUT" || code === "ENETDOWN") {
    return unreachable(`${target} cannot be reached (${code})`, "check the network, the firewall and HTTPS_PROXY");
  }
  if (code === "HPE_HEADER_OVERFLOW") return unreachable(`${target} answered with more than 16 KiB of headers`, check);
  if (code.startsWith("HPE_")) return unreachable(`${target} does not speak HTTP (${code})`, check);
  return unreachable(`${target} cannot be reached (${printable(code || message || "unknown error", 120)})`);
}

function alertHint(code: string): string | undefined {
  return /ALERT_(HANDSHAKE_FAILURE|CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN|CERTIFICATE_EXPIRED)/.test(
    code,
  )
    ? "the server wants another client certificate: check client_certificate and client_certificate_key"
    : undefined;
}

export function oversized(maxBytes: number, { host, caSetting }: Route): BrokerError {
  return new BrokerError("IDP_INVALID_ANSWER", `${host} answered with more than ${maxBytes} bytes`, {
    hint: `check ${caSetting === "ca_file" ? "issuer" : "endpoint_url"}: something else answers there`,
  });
}

export function proxyRefusal(status: number, route: Route): BrokerError {
  const proxy = route.proxy ?? "the proxy";
  if (status === 407 || status === 401) {
    return new BrokerError("UNREACHABLE", `the proxy ${proxy} wants other credentials (HTTP ${status})`, {
      hint: "HTTPS_PROXY=http://user:password@host:port, with special characters percent-encoded",
    });
  }
  return new BrokerError("UNREACHABLE", `the proxy ${proxy} refuses to connect to ${route.host} (HTTP ${status})`, {
    hint: "ask who runs the proxy to allow this host, or name the host in NO_PROXY",
  });
}
