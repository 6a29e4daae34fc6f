import { describe, expect, it } from "vitest";
import { retryAfterMs } from "../../src/core/retry-after.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");

describe("Retry-After", () => {
  it.each([
    ["seconds", "60", 60_000],
    ["seconds between blanks", " 7 ", 7_000],
    ["no time at all", "0", 0],
    ["an HTTP-date", "Thu, 01 Jan 2026 00:01:30 GMT", 90_000],
    ["an old form of it", "Thursday, 01-Jan-26 00:00:10 GMT", 10_000],
    ["a date that is past", "Thu, 01 Jan 2026 00:00:00 GMT", 0],
  ])("as %s", (_, value, expected) => {
    expect(retryAfterMs({ "retry-after": value }, NOW_MS)).toBe(expected);
  });

  it.each(["", "soon", "-5", "1.5", "1e3", "2026-01-01T00:01:00Z", "9".repeat(30), "Thu, 99 Foo 2026"])(
    "is nothing where it is %j",
    (value) => {
      expect(retryAfterMs({ "retry-after": value }, NOW_MS)).toBeUndefined();
    },
  );

  it("is nothing where the server does not send it", () => {
    expect(retryAfterMs({ date: "Thu, 01 Jan 2026 00:00:00 GMT" }, NOW_MS)).toBeUndefined();
  });

  it("is by the server's clock where ours is ten minutes off", () => {
    const headers = { date: "Thu, 01 Jan 2026 00:10:00 GMT", "retry-after": "Thu, 01 Jan 2026 00:10:45 GMT" };
    expect(retryAfterMs(headers, NOW_MS)).toBe(45_000);
  });
});
