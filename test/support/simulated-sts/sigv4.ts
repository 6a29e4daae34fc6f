/**
 * Verifies AWS Signature Version 4 in the Authorization header, from its specification. Signatures in the query string are not
 * taken: no client of ours makes them.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { userId } from "./arn.ts";
import { StsError } from "./sts-error.ts";
import type { Account, Caller } from "./types.ts";

const SKEW_MS = 15 * 60_000;
const ALGORITHM = "AWS4-HMAC-SHA256";

/** A request as it came over the wire. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query, undecoded. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface Authorization {
  readonly accessKeyId: string;
  /** date, region, service, aws4_request */
  readonly scope: readonly [date: string, region: string, service: string, end: string];
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

/** Who signed this request; throws AWS's refusals, in the order in which AWS comes to them. */
export function authenticate(request: SignedRequest, account: Account): Caller {
  const authorization = parseAuthorization(request.headers.authorization);
  const amzDate = headerOf(request.headers, "x-amz-date");
  checkScope(authorization, amzDate);
  const { caller, secretAccessKey, expiresAtMs } = findSigner(authorization.accessKeyId, request.headers, account);
  checkSkew(amzDate, account.nowMs());
  const expected = calculateSignature(request, authorization, amzDate, secretAccessKey);
  if (!sameText(expected, authorization.signature)) {
    throw mismatch(
      "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    );
  }
  if (expiresAtMs !== undefined && account.nowMs() >= expiresAtMs) {
    throw new StsError("ExpiredToken", "The security token included in the request is expired", 403);
  }
  return caller;
}

function parseAuthorization(header: string | undefined): Authorization {
  if (header === undefined) {
    throw new StsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  }
  const [, fields = ""] = new RegExp(`^${ALGORITHM} (.*)$`).exec(header) ?? [];
  const values = new Map(fields.split(/,\s*/).map((field) => field.split(/=(.*)/s).slice(0, 2) as [string, string]));
  const [accessKeyId, date, region, service, end] = values.get("Credential")?.split("/") ?? [];
  const signature = values.get("Signature");
  const signedHeaders = values.get("SignedHeaders")?.split(";");
  if (!accessKeyId || !date || !region || !service || !end || signature === undefined || signedHeaders === undefined) {
    throw new StsError(
      "IncompleteSignature",
      "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
    );
  }
  return { accessKeyId, scope: [date, region, service, end], signedHeaders, signature };
}

function checkScope({ scope, signedHeaders }: Authorization, amzDate: string): void {
  const [date, , service, end] = scope;
  if (service !== "sts") throw mismatch("Credential should be scoped to correct service: 'sts'.");
  if (end !== "aws4_request") throw mismatch("Credential should be scoped with a valid terminator: 'aws4_request'.");
  if (!amzDate.startsWith(date))
    throw mismatch("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP");
  if (!signedHeaders.includes("host")) throw mismatch("'Host' must be a 'SignedHeader' in the AWS Authorization.");
}

function findSigner(accessKeyId: string, headers: IncomingHttpHeaders, account: Account) {
  const token = headerOf(headers, "x-amz-security-token");
  const session = account.credentials.find(accessKeyId);
  if (session !== undefined && session.sessionToken === token) {
    const caller: Caller = {
      arn: session.assumedRoleArn,
      userId: session.assumedRoleId,
      account: session.account,
      session,
    };
    return { caller, secretAccessKey: session.secretAccessKey, expiresAtMs: session.expiresAtMs };
  }
  const user = account.users.find((entry) => entry.accessKeyId === accessKeyId);
  if (user === undefined || token !== "") {
    throw new StsError("InvalidClientTokenId", "The security token included in the request is invalid.", 403);
  }
  const accountId = user.arn.split(":")[4] ?? "";
  const caller: Caller = { arn: user.arn, userId: userId(user.arn), account: accountId, session: undefined };
  return { caller, secretAccessKey: user.secretAccessKey, expiresAtMs: undefined };
}

function checkSkew(amzDate: string, nowMs: number): void {
  const iso = amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const signedAtMs = Date.parse(iso);
  if (Number.isNaN(signedAtMs)) throw new StsError("IncompleteSignature", "Date must be in ISO-8601 'basic format'.");
  const now = basic(nowMs);
  if (signedAtMs < nowMs - SKEW_MS) {
    throw mismatch(`Signature expired: ${amzDate} is now earlier than ${basic(nowMs - SKEW_MS)} (${now} - 15 min.)`);
  }
  if (signedAtMs > nowMs + SKEW_MS) {
    throw mismatch(
      `Signature not yet current: ${amzDate} is still later than ${basic(nowMs + SKEW_MS)} (${now} + 15 min.)`,
    );
  }
}

/** The signature that the request should carry, in hex. */
export function calculateSignature(
  request: SignedRequest,
  { scope, signedHeaders }: Pick<Authorization, "scope" | "signedHeaders">,
  amzDate: string,
  secret: string,
): string {
  const [path = "/", query = ""] = request.target.split(/\?(.*)/s);
  const canonical = [
    request.method,
    path,
    canonicalQuery(query),
    ...signedHeaders.map((name) => `${name}:${headerOf(request.headers, name).trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders.join(";"),
    sha256(request.body),
  ].join("\n");
  const toSign = [ALGORITHM, amzDate, scope.join("/"), sha256(canonical)].join("\n");
  const key = scope.reduce<Buffer>((parent, part) => hmac(parent, part), Buffer.from(`AWS4${secret}`));
  return hmac(key, toSign).toString("hex");
}

function canonicalQuery(query: string): string {
  if (query === "") return "";
  const pairs = query.split("&").map((pair) => {
    const [name = "", value = ""] = pair.split(/=(.*)/s);
    return `${reencode(name)}=${reencode(value)}`;
  });
  return pairs.sort().join("&");
}

function reencode(text: string): string {
  const byHex = (character: string): string => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(decodeURIComponent(text)).replace(/[!'()*]/g, byHex);
}

function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name];
  return Array.isArray(value) ? value.join(",") : (value ?? "");
}

function basic(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d+/g, "");
}

function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function hmac(key: Buffer, data: string): Buffer {
  return createHmac("sha256", key).update(data).digest();
}

function sameText(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}

function mismatch(message: string): StsError {
  return new StsError("SignatureDoesNotMatch", message, 403);
}
