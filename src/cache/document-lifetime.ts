/** What a server that says nothing gets: as long as a session of AWS by default, so that the roles of a machine share one fetch. */
const DEFAULT_MS = 3_600_000;
/** What most providers say of their own documents; one that says more is asked once a day all the same. */
const LONGEST_MS = 24 * 3_600_000;

/**
 * For how long an answer may be used without asking again, by what its server says.
 *
 * @param headers names in lower case
 * @returns 0: not at all; at most a day
 * @see RFC 9111 §4.2, §5.2.2
 */
export function lifetimeMs(headers: Readonly<Record<string, string>>): number {
  const directives = (headers["cache-control"] ?? "")
    .toLowerCase()
    .split(",")
    .map((one) => one.trim());
  // no-cache="field" is about a field; whoever writes it wants care taken.
  if (directives.some((one) => one === "no-store" || one.startsWith("no-cache"))) return 0;
  if (headers.vary?.includes("*")) return 0;
  const ageMs = seconds(headers.age ?? "0") ?? LONGEST_MS;
  const stated = statedMs(directives, headers);
  return Math.max(0, Math.min(LONGEST_MS, (stated ?? DEFAULT_MS) - ageMs));
}

function statedMs(directives: readonly string[], headers: Readonly<Record<string, string>>): number | undefined {
  const ages = directives.filter((one) => one.startsWith("max-age=")).map((one) => seconds(one.slice(8)) ?? 0);
  if (ages.length > 0) return Math.min(...ages);
  if (headers.expires !== undefined) {
    // Both by the server's clock: ours has no say. "0" and what else is no date means: over.
    const leftMs = Date.parse(headers.expires) - Date.parse(headers.date ?? "");
    return Number.isNaN(leftMs) ? 0 : leftMs;
  }
  return headers.pragma?.toLowerCase().includes("no-cache") ? 0 : undefined;
}

/** @returns milliseconds */
function seconds(text: string): number | undefined {
  const digits = /^"?(\d{1,10})"?$/.exec(text.trim())?.[1];
  return digits === undefined ? undefined : Number(digits) * 1000;
}
