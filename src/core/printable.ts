const VISIBLE_ASCII = /^[\x20-\x7e]*$/;
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * Text from an IdP, from STS or from a configuration file, made fit for one line of a terminal: control characters and invisible ones become
 * a space, so no escape sequence leaves, and anything past `maxLength` characters (default 300) is cut.
 */
export function printable(text: unknown, maxLength = 300): string {
  const line = withoutUnprintable(String(text)).replace(/ {2,}/g, " ").trim();
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}

let unprintable: RegExp | undefined;

/**
 * Without controls, line and paragraph separators, what reorders a line, and what takes no room in it (zero-width, tags, fillers). An emoji
 * keeps the selector and the joiners that it is made of.
 */
function withoutUnprintable(text: string): string {
  if (VISIBLE_ASCII.test(text)) return text;
  // Made when it is needed: Unicode's tables take half a millisecond, and a cached call prints nothing of the kind.
  unprintable ??=
    /(?:(?!(?<=\p{Extended_Pictographic})\ufe0f|(?<=\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]?)\u200d(?=\p{Extended_Pictographic}))[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}])+/gu;
  return text.replace(unprintable, " ");
}

/** True when the text holds a character that could break out of a header, an environment variable or a line (CVE-2020-5260). */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text);
}
