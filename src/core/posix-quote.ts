const PLAIN = /^[A-Za-z0-9_./:+=-]+$/;
// zsh expands =command at the start of an assigned value and after each colon in it.
const ZSH_EQUALS = /(?:^|:)=/;

/** True when every shell and every .env reader takes the bare value for itself. What AWS issues is such. */
export function isPlain(value: string): boolean {
  return PLAIN.test(value) && !ZSH_EQUALS.test(value);
}

/** One word for sh, bash, dash, ksh and zsh, whatever options are set; quoted only if needed. @see POSIX XCU §2.2.2 */
export function posixQuote(value: string): string {
  return isPlain(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
