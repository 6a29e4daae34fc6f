import { printable } from "../../core/printable.ts";
import type { Secret } from "../../core/secret.ts";

const BLANK = "[secret]";
const CUT = "…";
/** What is shorter stands in every text by chance, and blanking it would take the words apart. */
const MIN_LENGTH = 4;

/**
 * Somebody else's words without the secrets that were just sent there, as they are, percent-encoded, and as far as `printable` left one at
 * the end of a text it has cut. Best done before any cutting.
 */
export function withoutSecrets(text: string, secrets: readonly (Secret | undefined)[]): string {
  // The longest first: one secret may begin like another.
  const forms = secrets.flatMap(formsOf).sort((a, b) => b.length - a.length);
  let clean = text;
  for (const form of forms) clean = clean.replaceAll(form, BLANK);
  if (!clean.endsWith(CUT)) return clean;
  const body = clean.slice(0, -CUT.length);
  const begun = Math.max(0, ...forms.map((form) => overlap(body, form)));
  return begun === 0 ? clean : `${body.slice(0, body.length - begun)}${BLANK}${CUT}`;
}

function formsOf(secret: Secret | undefined): string[] {
  const plain = secret?.reveal() ?? "";
  const shown = printable(plain, Number.POSITIVE_INFINITY);
  return [
    ...new Set([plain, shown, encodeURIComponent(shown), String(new URLSearchParams([["", plain]])).slice(1)]),
  ].filter((form) => form.trim().length >= MIN_LENGTH);
}

/** How much of the beginning of `form` stands at the end of `text`. */
function overlap(text: string, form: string): number {
  for (let length = Math.min(text.length, form.length); length > 0; length--)
    if (text.endsWith(form.slice(0, length))) return length;
  return 0;
}
