// C0, DEL, C1, line and paragraph separators, and the bidirectional controls that reorder what a person reads.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Text from an IdP, from STS or from a configuration file, made fit for one line of a terminal: control characters become a
 * space, so no escape sequence leaves, and anything past `maxLength` characters (default 300) is cut.
 */
export function printable(text: unknown, maxLength = 300): string {
  const line = String(text).replace(UNPRINTABLE, " ").replace(/ {2,}/g, " ").trim();
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}

/** True when the text holds a character that could break out of a header, an environment variable or a line (CVE-2020-5260). */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}
