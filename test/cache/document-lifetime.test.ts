import { describe, expect, it } from "vitest";
import { lifetimeMs } from "../../src/cache/document-lifetime.ts";

const H = 3_600_000;
const DATE = "Thu, 01 Jan 2026 00:00:00 GMT";

describe("for how long a document is good", () => {
  it.each([
    [{}, H],
    [{ "cache-control": "public, max-age=600" }, 600_000],
    [{ "cache-control": "max-age=600", age: "100" }, 500_000],
    [{ "cache-control": "max-age=600", age: "700" }, 0],
    [{ "cache-control": "max-age=600", age: "soon" }, 0],
    [{ "cache-control": 'Max-Age="600"' }, 600_000],
    [{ "cache-control": "max-age=600, max-age=60" }, 60_000],
    [{ "cache-control": "max-age=-1" }, 0],
    [{ "cache-control": "max-age=9999999999" }, 24 * H],
    [{ "cache-control": "max-age=600, must-revalidate, private" }, 600_000],
    [{ "cache-control": "s-maxage=5" }, H],
    // What Keycloak says.
    [{ "cache-control": "no-cache, must-revalidate, no-transform, no-store" }, 0],
    [{ "cache-control": "max-age=600, no-store" }, 0],
    [{ "cache-control": "max-age=600, no-cache" }, 0],
    [{ expires: "Thu, 01 Jan 2026 00:10:00 GMT", date: DATE }, 600_000],
    [{ expires: "Thu, 01 Jan 2026 00:10:00 GMT" }, 0],
    [{ expires: "0", date: DATE }, 0],
    [{ expires: DATE, date: DATE }, 0],
    [{ expires: "0", date: DATE, "cache-control": "max-age=60" }, 60_000],
    [{ pragma: "no-cache" }, 0],
    [{ vary: "*" }, 0],
    [{ vary: "Accept-Encoding" }, H],
  ] as [Record<string, string>, number][])("%j", (headers, expected) => {
    expect(lifetimeMs(headers)).toBe(expected);
  });
});
