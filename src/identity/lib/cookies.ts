import { CookieJar } from "tough-cookie";
import { hasControlCharacter } from "../../core/printable.ts";

const MAX_COOKIE_LENGTH = 8 * 1024;
const MAX_COOKIES = 200;

/** The cookies of one login, forgotten with it. */
export interface Cookies {
  /** Keeps what an answer of `url` may set: its own host's and parent domains', never a public suffix's or a stranger's. */
  take(lines: readonly string[], url: URL): void;
  /** The Cookie header for a request, undefined without one. */
  headerFor(url: URL): string | undefined;
}

/** Secure cookies are kept on http loopback too, as browsers do: identity providers mark theirs so even there. @see RFC 6265 */
export function cookieJar(): Cookies {
  const jar = new CookieJar(undefined, { prefixSecurity: "silent", allowSecureOnLocal: true, looseMode: false });
  let taken = 0;
  return {
    take(lines, url) {
      for (const line of lines) {
        if (line.length > MAX_COOKIE_LENGTH || hasControlCharacter(line) || taken >= MAX_COOKIES) continue;
        taken += 1;
        jar.setCookieSync(line, url.href, { ignoreError: true });
      }
    },
    headerFor(url) {
      const header = jar.getCookieStringSync(url.href);
      return header === "" ? undefined : header;
    },
  };
}
