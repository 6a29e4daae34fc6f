import fc from "fast-check";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { type NewTable, withTables } from "../../src/setup/config-file.ts";
import { failure } from "../config/helpers.ts";

const FILE = "/home/ana/.config/sts-broker/config.toml";
const identity = (name: string, table: Record<string, unknown>): NewTable =>
  ({ path: ["identity", name], table, option: "identity" }) as NewTable;

describe("new tables in config.toml", () => {
  it("are read as they were meant, with everything before them as it was", () => {
    const value = fc.oneof(
      fc.string({ unit: "binary" }).filter((text) => !/\p{Surrogate}/u.test(text)),
      fc.string({ unit: "grapheme" }),
      fc.integer({ min: 0, max: 90_000 }),
      fc.boolean(),
      fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
      fc.record({ file: fc.string() }),
    );
    const key = fc.stringMatching(/^[a-z_]{1,8}$/);
    const name = fc.string({ minLength: 1, maxLength: 12 }).filter((text) => text !== "__proto__");
    const before = fc
      .tuple(
        fc.constantFrom(
          "",
          "\ufeff",
          "# only a comment",
          "stray = 1 # x",
          '[profile.other]\nidentity = "é"',
          "[identity]",
        ),
        fc.constantFrom("", "\n", "\n\n"),
        fc.boolean(),
      )
      .map(([text, end, windows]) => (windows ? (text + end).replaceAll("\n", "\r\n") : text + end));
    fc.assert(
      fc.property(
        before,
        name,
        fc.dictionary(key, value, { minKeys: 1, noNullPrototype: true }),
        (text, one, table) => {
          const after = withTables(text, FILE, [identity(one, table)]);
          expect(after.startsWith(text)).toBe(true);
          const document = parse(after.replace(/^\ufeff/, "")) as Record<string, Record<string, unknown>>;
          expect(JSON.parse(JSON.stringify(document.identity?.[one]))).toEqual(JSON.parse(JSON.stringify(table)));
          const was = parse(text.replace(/^\ufeff/, "")) as Record<string, unknown>;
          expect({ ...document, identity: 0 }).toEqual({ ...was, identity: 0 });
          expect(withTables(after, FILE, [identity(one, table)])).toBe(after);
        },
      ),
    );
  });

  it("keep the line ends of a file from Windows", () => {
    const after = withTables("a = 1\r\n", FILE, [identity("x", { type: "token-file", path: "/x" })]);
    expect(after).toBe('a = 1\r\n\r\n[identity.x]\r\ntype = "token-file"\r\npath = "/x"\r\n');
  });

  it.each([
    ["a table of that name that says something else", '[identity.x]\ntype = "y"\n', /has a \[identity\.x\] already/],
    ["an inline table that takes no more", 'identity = { y = { type = "z" } }\n', /one inline table/],
    ["what is no TOML", "a = = 1\n", /is not valid TOML/],
  ])("are refused beside %s", async (_, text, says) => {
    const error = await failure(() => withTables(text, FILE, [identity("x", { type: "token-file" })]));
    expect([error.code, error.message]).toEqual(["CONFIG_INVALID", expect.stringMatching(says)]);
  });
});
