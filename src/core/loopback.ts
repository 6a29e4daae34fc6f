/**
 * Where plain http may go: a URL whose host is this machine itself, by the name localhost or a loopback literal. URL has normalised the
 * host, so 127.1 and 0x7f000001 have become 127.0.0.1.
 *
 * @see RFC 8252 §7.3
 */
export function isLoopbackUrl({ hostname }: URL): boolean {
  return /^(127(\.\d{1,3}){3}|localhost|\[::1\])$/.test(hostname);
}
