/** No server may silence us for longer: after it one caller asks again, whatever was said. */
export const LONGEST_WAIT_MS = 15 * 60_000;

/** A busy server's wish about when to come back, in milliseconds from now; undefined when it states none that can be read. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  // An HTTP-date is by the server's clock, which its own Date header tells; ours may be wrong.
  const serverNowMs = Date.parse(headers.date ?? "");
  return fromNow(headers["retry-after"], Number.isNaN(serverNowMs) ? nowMs : serverNowMs);
}

/** @see RFC 9110 §10.2.3 */
function fromNow(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value) * 1000;
  // Date.parse takes nearly anything, "-5" for a year; an HTTP-date begins with its weekday.
  const atMs = /^\s*[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
