import { describe, expect, it } from "vitest";
import { edited, type Key } from "../../src/core/key.ts";
import { matching } from "../../src/core/matching.ts";

const typed = (text: string): Key => ({ name: "text", text });

describe("a line that is typed", () => {
  it("takes text, and a backspace takes one character as a person sees it", () => {
    expect(edited("pass", typed("wörd"))).toBe("passwörd");
    for (const one of ["a", "ä", "a\u0308", "😀", "👩‍👩‍👧", "🇩🇪"])
      expect(edited(`x${one}`, { name: "backspace" })).toBe("x");
    expect(edited("", { name: "backspace" })).toBe("");
  });

  it("is erased whole by Ctrl-U and by a word by Ctrl-W, and stands still for other keys", () => {
    expect(edited("one two", { name: "erase-line" })).toBe("");
    expect(edited("one two ", { name: "erase-word" })).toBe("one ");
    expect(edited("one", { name: "up" })).toBe("one");
  });

  it("ends growing at a length that nobody types", () => {
    const long = "x".repeat(64 * 1024);
    expect(edited("", typed(long))).toBe(long);
    expect(edited(long, typed("y"))).toBe(long);
  });
});

describe("a filter", () => {
  const choices = [
    { label: "prod     billing", also: "arn:aws:iam::111111111111:role/billing" },
    { label: "prod     Zürich", also: "arn:aws:iam::111111111111:role/zurich" },
    { label: "staging  billing-admin" },
  ];
  const found = (filter: string): string[] => matching(choices, filter).map(({ label }) => label);

  it("keeps what holds all its words in any order and case, as it was ordered", () => {
    expect(found("  ")).toEqual(choices.map(({ label }) => label));
    expect(found("BILL")).toEqual(["prod     billing", "staging  billing-admin"]);
    expect(found("admin stag")).toEqual(["staging  billing-admin"]);
    expect(found("zu\u0308rich")).toEqual(["prod     Zürich"]);
    expect(found("nothing")).toEqual([]);
  });

  it("finds an account by its number where its alias is shown", () => {
    expect(found("1111 bill")).toEqual(["prod     billing"]);
  });
});
