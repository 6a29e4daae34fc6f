import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keyDecoder } from "../../src/host/terminal-keys.ts";

const ESC = "\u001b";

function decoded(...chunks: readonly (string | Uint8Array)[]): unknown[] {
  const decoder = keyDecoder();
  const keys = chunks.flatMap((chunk) => decoder.push(typeof chunk === "string" ? Buffer.from(chunk) : chunk));
  return [...keys, ...decoder.flush()];
}
const text = (one: string) => ({ name: "text", text: one });

describe("the keys of a terminal", () => {
  it.each([
    ["\r", "enter"],
    ["\n", "enter"],
    ["\u007f", "backspace"],
    ["\b", "backspace"],
    ["\u0015", "erase-line"],
    ["\u0017", "erase-word"],
    ["\u0004", "end-of-input"],
    ["\u0003", "interrupt"],
    [ESC, "escape"],
    [`${ESC}[A`, "up"],
    [`${ESC}OB`, "down"],
    [`${ESC}[1;2A`, "up"],
    [`${ESC}[H`, "home"],
    [`${ESC}OF`, "end"],
    [`${ESC}[1~`, "home"],
    [`${ESC}[4~`, "end"],
    [`${ESC}[5~`, "page-up"],
    [`${ESC}[6~`, "page-down"],
  ])("%j is %s", (bytes, name) => {
    expect(decoded(bytes)).toEqual([{ name }]);
  });

  it("are text in between, in whole characters however the bytes come", () => {
    expect(decoded("pä", "ss\r")).toEqual([text("pä"), text("ss"), { name: "enter" }]);
    const bytes = Buffer.from("ä");
    expect(decoded(bytes.subarray(0, 1), bytes.subarray(1))).toEqual([text("ä")]);
  });

  it("do not know what they do not know: nothing is typed by function keys, mouse reports or Alt", () => {
    expect(decoded(`${ESC}[15~${ESC}[<0;10;5M${ESC}x${ESC}[?1;2cgo`)).toEqual([text("go")]);
  });

  it("are one text where something is pasted, without the line break that would answer for the person", () => {
    expect(decoded(`${ESC}[200~one\rtwo\n${ESC}[201~`, "\r")).toEqual([text("onetwo"), { name: "enter" }]);
    const long = "x".repeat(20_000);
    expect(decoded(`${ESC}[200~${long.slice(0, 7_000)}`, `${long.slice(7_000)}${ESC}[20`, "1~")).toEqual([text(long)]);
  });

  it("are the same wherever a slow line cuts them", () => {
    const piece = fc.constantFrom(
      "a",
      "ö",
      "😀",
      `${ESC}[A`,
      `${ESC}OB`,
      `${ESC}[5~`,
      "\r",
      "\u007f",
      `${ESC}[200~p\nq${ESC}[201~`,
    );
    const joined = (keys: unknown[]): string =>
      keys
        .map((key) =>
          "text" in (key as object) ? (key as { text: string }).text : `<${(key as { name: string }).name}>`,
        )
        .join("");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.array(fc.nat(60), { maxLength: 6 }), (pieces, cuts) => {
        const whole = Buffer.from(pieces.join(""));
        const at = [...new Set([0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length])].sort(
          (a, b) => a - b,
        );
        const chunks = at.slice(1).map((end, index) => whole.subarray(at[index], end));
        expect(joined(decoded(...chunks))).toBe(joined(decoded(whole)));
      }),
    );
  });
});
