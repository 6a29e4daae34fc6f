/**
 * Fetches an issuer's discovery document and keys, as AWS does from its own side: the client's network, proxy and trust store play no
 * part. Nothing is cached, so a test that rotates keys sees it at once.
 */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { JSONWebKeySet } from "jose";
import { invalidIdentityToken, StsError } from "./sts-error.ts";
import type { IssuerFetching } from "./types.ts";

const TIMEOUT_MS = 5_000;
const BODY_CAP_BYTES = 1024 * 1024;

/** The issuer's JWKS, or AWS's refusal when it cannot be had. */
export async function fetchIssuerKeys(issuer: string, fetching: IssuerFetching): Promise<JSONWebKeySet> {
  try {
    const discovery = await fetchJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, fetching);
    if (discovery.issuer !== issuer || typeof discovery.jwks_uri !== "string") throw new Error("unusable discovery");
    const keys = await fetchJson(discovery.jwks_uri, fetching);
    if (!Array.isArray(keys.keys)) throw new Error("not a JWKS");
    return keys as unknown as JSONWebKeySet;
  } catch {
    throw unreachable(fetching);
  }
}

/** AWS's answer when it has no key to verify with; the two spaces are AWS's. */
export function verificationKeyMissing(): StsError {
  return invalidIdentityToken(
    "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements",
  );
}

function unreachable(fetching: IssuerFetching): StsError {
  if (fetching.failureCode === "InvalidIdentityToken") return verificationKeyMissing();
  return new StsError("IDPCommunicationError", "There was an error while communicating with the identity provider");
}

function fetchJson(url: string, { ca, hosts, fetched }: IssuerFetching): Promise<Record<string, unknown>> {
  fetched.push(url);
  const { protocol, hostname, port, pathname, search } = new URL(url);
  const [host, hostPort] = hosts[hostname]?.split(":") ?? [];
  const send = protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const req = send(
      {
        host: host ?? hostname,
        port: hostPort ?? port,
        path: pathname + search,
        agent: false,
        headers: { host: new URL(url).host, accept: "application/json" },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(protocol === "https:" && !/^[\d.]+$/.test(hostname) ? { servername: hostname } : {}),
        ...(ca === undefined ? {} : { ca }),
      },
      async (res) => {
        try {
          if (res.statusCode !== 200) throw new Error(`HTTP ${res.statusCode}`);
          let body = "";
          for await (const chunk of res.setEncoding("utf8")) {
            body += chunk;
            if (body.length > BODY_CAP_BYTES) throw new Error("too large");
          }
          resolve(JSON.parse(body) as Record<string, unknown>);
        } catch (error) {
          req.destroy();
          reject(error);
        }
      },
    );
    req.on("error", reject);
    req.end();
  });
}
