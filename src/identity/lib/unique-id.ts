import type { Crypto } from "../../host/host.ts";

/** A random UUID. @see RFC 9562 §5.4 */
export function uuid(crypto: Crypto): string {
  const bytes = crypto.randomBytes(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return Buffer.from(bytes)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** An xs:ID with 128 random bits, as SAML wants them. @see SAML 2.0 core §1.3.4 */
export function samlId(crypto: Crypto): string {
  return `_${Buffer.from(crypto.randomBytes(16)).toString("hex")}`;
}
