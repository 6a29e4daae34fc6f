/** One challenge of a WWW-Authenticate header. */
export interface Challenge {
  /** As it was written: names of schemes are compared without case. */
  readonly scheme: string;
  /** The token68 after it: for Negotiate, a server's token. Undefined where there are parameters or nothing. */
  readonly token: string | undefined;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
const PARAMETER = new RegExp(`^${TOKEN}[ \\t]*=[ \\t]*(?:${QUOTED}|${TOKEN})`);
const SCHEME = new RegExp(`^${TOKEN}`);
const TOKEN68 = /^[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/;

/**
 * The challenges of a header, several lines joined by commas included. What cannot be read ends the list.
 * @see RFC 9110 §11.6.1
 */
export function challenges(header: string | undefined): Challenge[] {
  const found: Challenge[] = [];
  let rest = header ?? "";
  const take = (pattern: RegExp): string | undefined => {
    const match = pattern.exec(rest)?.[0];
    if (match !== undefined) rest = rest.slice(match.length);
    return match;
  };
  for (;;) {
    take(/^[ \t,]+/);
    // A parameter after a comma belongs to the challenge before it.
    if (found.length > 0 && take(PARAMETER) !== undefined) continue;
    const scheme = take(SCHEME);
    if (scheme === undefined) return found;
    const blank = take(/^[ \t]+/) !== undefined;
    const token = blank && !PARAMETER.test(rest) ? take(TOKEN68) : undefined;
    found.push({ scheme, token });
  }
}
