import { Secret } from "../core/secret.ts";
import type { OidcAssertion, SessionCredentials } from "../core/types.ts";

const ENTRY_VERSION = 1;

/** What is kept between calls, and who it was made for. */
export interface Entry<T> {
  readonly value: T;
  /** Our wall clock when it was made. */
  readonly mintedAtMs: number;
  /** How far AWS's or the IdP's clock was ahead of ours then. */
  readonly skewMs: number;
  readonly expiresAtMs: number;
  /** Who was authenticated: issuer and subject of the assertion. */
  readonly issuer: string;
  readonly subject: string;
}

export interface Codec<T> {
  readonly kind: "credentials" | "token";
  encode(value: T): Record<string, string | number>;
  /** Undefined when a field is missing or of the wrong type. */
  decode(fields: Readonly<Record<string, unknown>>): T | undefined;
}

export const credentialsCodec: Codec<SessionCredentials> = {
  kind: "credentials",
  encode: ({ accessKeyId, secretAccessKey, sessionToken, expiresAtMs, assumedRoleArn }) => ({
    accessKeyId,
    secretAccessKey: secretAccessKey.reveal(),
    sessionToken: sessionToken.reveal(),
    expiresAtMs,
    assumedRoleArn,
  }),
  decode({ accessKeyId, secretAccessKey, sessionToken, expiresAtMs, assumedRoleArn }) {
    if (!isText(accessKeyId) || !isText(secretAccessKey) || !isText(sessionToken) || !isText(assumedRoleArn))
      return undefined;
    if (!isTime(expiresAtMs)) return undefined;
    return {
      accessKeyId,
      secretAccessKey: new Secret(secretAccessKey),
      sessionToken: new Secret(sessionToken),
      expiresAtMs,
      assumedRoleArn,
    };
  },
};

export const tokenCodec: Codec<OidcAssertion> = {
  kind: "token",
  encode: ({ token, issuer, audience, subject, expiresAtMs }) => ({
    token: token.reveal(),
    issuer,
    audience,
    subject,
    expiresAtMs,
  }),
  decode({ token, issuer, audience, subject, expiresAtMs }) {
    if (!isText(token) || !isText(issuer) || !isText(audience) || !isText(subject) || !isTime(expiresAtMs))
      return undefined;
    return { kind: "oidc", token: new Secret(token), issuer, audience, subject, expiresAtMs };
  },
};

/** JSON in ASCII: a store that counts bytes or splits the text sees one byte a character. */
export function encodeEntry<T>(entry: Entry<T>, codec: Codec<T>): string {
  const { value, ...rest } = entry;
  const text = JSON.stringify({ version: ENTRY_VERSION, kind: codec.kind, ...rest, value: codec.encode(value) });
  return text.replace(/[\u007f-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Undefined for anything this version did not write: truncated, foreign, from the future. It is then fetched anew. */
export function decodeEntry<T>(text: string, codec: Codec<T>): Entry<T> | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof raw !== "object" || raw === null) return undefined;
  const { version, kind, mintedAtMs, skewMs, expiresAtMs, issuer, subject, value } = raw as Record<string, unknown>;
  if (version !== ENTRY_VERSION || kind !== codec.kind || !isTime(mintedAtMs) || !isTime(expiresAtMs)) return undefined;
  if (
    typeof skewMs !== "number" ||
    !Number.isFinite(skewMs) ||
    typeof issuer !== "string" ||
    typeof subject !== "string"
  )
    return undefined;
  if (typeof value !== "object" || value === null) return undefined;
  const decoded = codec.decode(value as Record<string, unknown>);
  return decoded === undefined ? undefined : { value: decoded, mintedAtMs, skewMs, expiresAtMs, issuer, subject };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}
