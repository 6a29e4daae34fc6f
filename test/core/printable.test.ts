import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasControlCharacter, printable } from "../../src/core/printable.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 400 }),
  fc
    .array(
      fc.constantFrom("\u001b[31m", "\r\n", "\0", "\u009b", "\u202e", "\u2066", "\u2028", "\u007f", "a", "é", "😀"),
    )
    .map((parts) => parts.join("")),
);

describe("printable", () => {
  it("leaves no control, line separator or bidirectional control in any text", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(text)).not.toMatch(
          /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/,
        );
      }),
      { numRuns: 500 },
    );
  });

  it("keeps to its length", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 100 }), (text, max) => printable(text, max).length <= max),
    );
  });

  it("changes nothing in plain text", () => {
    expect(printable('the client "billing" (Zürich, 東京)')).toBe('the client "billing" (Zürich, 東京)');
  });

  it.each([
    ["a zero-width space", "WDJB\u200bMJHT"],
    ["a soft hyphen", "WDJB\u00adMJHT"],
    ["a byte order mark", "WDJB\ufeffMJHT"],
    ["a word joiner", "WDJB\u2060MJHT"],
    ["a joiner between letters", "WDJB\u200dMJHT"],
    ["a variation selector", "WDJB\ufe0fMJHT"],
    ["a further variation selector", "WDJB\u{e0101}MJHT"],
    ["tag characters", "WDJB\u{e0001}\u{e0041}\u{e0042}MJHT"],
    ["the tag block's unassigned beginning", "WDJB\u{e0000}MJHT"],
    ["a Hangul filler", "WDJB\u3164MJHT"],
  ])("makes %s a space that can be seen", (_, text) => {
    expect(printable(text)).toBe("WDJB MJHT");
  });

  it("keeps accents of their own and emoji of several parts", () => {
    for (const text of ["Zu\u0308rich", "👩🏽\u200d💻", "❤\ufe0f\u200d🔥", "🇨🇭 café"])
      expect(printable(text)).toBe(text);
  });

  it("says undefined, numbers and bytes as text", () => {
    expect([printable(undefined), printable(7), printable(null)]).toEqual(["undefined", "7", "null"]);
  });
});

describe("hasControlCharacter", () => {
  it("finds every C0 and C1 control and DEL, and nothing else below U+0100", () => {
    for (let code = 0; code < 256; code++) {
      const control = code < 0x20 || (code >= 0x7f && code < 0xa0);
      expect(hasControlCharacter(`a${String.fromCharCode(code)}b`)).toBe(control);
    }
  });
});
