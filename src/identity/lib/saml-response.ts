import { BrokerError } from "../../core/errors.ts";
import { Secret } from "../../core/secret.ts";

/** base64 makes a third more of 100,000 characters, AWS's limit, and pretty-printing a little more. */
export const MAX_RESPONSE_BYTES = 512 * 1024;

/**
 * A response as somebody else saved it, made into what AWS takes: base64 of the XML. The XML itself, base64 in lines, base64url and
 * the percent-encoded value of a browser's network panel are taken.
 *
 * @throws BrokerError ASSERTION_UNUSABLE, never quoting it
 */
export function responseOf(text: string, name: string): Secret {
  const trimmed = text.replace(/^\uFEFF/, "").trim();
  const unusable = (line: string): BrokerError =>
    new BrokerError("ASSERTION_UNUSABLE", `${name} ${line}`, {
      hint: "it has to be the value of SAMLResponse: base64, or the XML of a samlp:Response",
    });
  if (trimmed === "") throw unusable("is empty");
  if (trimmed.startsWith("<")) return new Secret(Buffer.from(trimmed, "utf8").toString("base64"));
  const encoded = unescaped(trimmed.replace(/^SAMLResponse=/, "")).replace(/\s+/g, "");
  const base64 = encoded.replace(/-/g, "+").replace(/_/g, "/").replace(/=+$/, "");
  if (!/^[A-Za-z0-9+/]+$/.test(base64) || base64.length % 4 === 1) throw unusable("is neither base64 nor XML");
  const bytes = Buffer.from(base64, "base64");
  if (!/^\uFEFF?\s*</.test(bytes.toString("utf8", 0, 200))) throw unusable("is base64 of something that is not XML");
  return new Secret(bytes.toString("base64"));
}

function unescaped(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
