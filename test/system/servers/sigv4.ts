// AWS Signature Version 4 for the servers' own administration and for tests that use the keys they were given, so that
// neither depends on the code under test. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { createHash, createHmac } from "node:crypto";

export interface SigningKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface SignedRequest {
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "HEAD";
  readonly url: URL;
  /** As in the credential scope: `s3`, `iam`, `sts`. */
  readonly service: string;
  readonly region: string;
  readonly keys: SigningKeys;
  /** Default: empty. */
  readonly body?: string;
  readonly contentType?: string;
  /** Default: now. */
  readonly dateMs?: number;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/** Signs and sends. Paths have to be plain: unreserved characters and slashes only. */
export function fetchSigned(request: SignedRequest): Promise<Response> {
  const { method, url, service, region, keys, body = "", contentType, dateMs = Date.now() } = request;
  const date = `${new Date(dateMs).toISOString().replace(/[-:]|\.\d+/g, "")}`;
  const scope = [date.slice(0, 8), region, service, "aws4_request"];
  const headers: Record<string, string> = { host: url.host, "x-amz-content-sha256": sha256(body), "x-amz-date": date };
  if (contentType !== undefined) headers["content-type"] = contentType;
  if (keys.sessionToken !== undefined) headers["x-amz-security-token"] = keys.sessionToken;

  const names = Object.keys(headers).sort();
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join("&");
  const canonical = [
    method,
    url.pathname,
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    names.join(";"),
    sha256(body),
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(canonical)].join("\n");
  const key = scope.reduce<string | Buffer>((derived, part) => hmac(derived, part), `AWS4${keys.secretAccessKey}`);
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope.join("/")}, ` +
    `SignedHeaders=${names.join(";")}, Signature=${hmac(key, toSign).toString("hex")}`;
  return fetch(url, { method, headers: { ...headers, authorization }, ...(body === "" ? {} : { body }) });
}

/** RFC 3986, as SigV4 wants it: encodeURIComponent leaves five more characters alone. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
