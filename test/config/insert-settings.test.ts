import fc from "fast-check";
import { parse } from "smol-toml";
import { describe, expect, it } from "vitest";
import { withSettings } from "../../src/config/insert-settings.ts";

const ARN = "arn:aws:iam::123456789012:role/billing";
const PATH = ["profile", "billing"];
const add = (text: string): string | undefined => withSettings(text, PATH, { role_arn: ARN });

describe("a setting that is put into a file", () => {
  it.each([
    ['[profile.billing]\nidentity = "corp"\n', `[profile.billing]\nrole_arn = "${ARN}"\nidentity = "corp"\n`],
    ["[profile.billing] # mine\n", `[profile.billing] # mine\nrole_arn = "${ARN}"\n`],
    ["[profile.billing]", `[profile.billing]\nrole_arn = "${ARN}"\n`],
    ["a = 1\r\n[profile.billing]\r\nb = 2\r\n", `a = 1\r\n[profile.billing]\r\nrole_arn = "${ARN}"\r\nb = 2\r\n`],
    ['\uFEFF[ profile . "billing" ]\n', `\uFEFF[ profile . "billing" ]\nrole_arn = "${ARN}"\n`],
    [
      '[profile]\n["profile".billing]\n[profile.other]\n',
      `[profile]\n["profile".billing]\nrole_arn = "${ARN}"\n[profile.other]\n`,
    ],
  ])("stands right below the header: %j", (before, after) => {
    expect(add(before)).toBe(after);
  });

  it.each([
    ['profile.billing = { identity = "corp" }\n'],
    ['[profile]\nbilling.identity = "corp"\n'],
    ["[profile.billing.more]\n"],
    ["[[profile.billing]]\n"],
    [`[profile.billing]\nrole_arn = "${ARN}"\n`],
    ['x = """\n[profile.billing]\n"""\n'],
  ])("is not put into %j", (text) => {
    expect(add(text)).toBeUndefined();
  });

  it("changes nothing else: bytes before and after stay, and the document means what it meant and the setting", () => {
    const line = fc.constantFrom(
      "",
      "# a comment [profile.billing]",
      'k = "[profile.billing]"',
      "n = 1 # x",
      "  s = '''\n[z]\n'''",
    );
    const table = fc.tuple(
      fc.constantFrom("identity.a", "profile.other", 'profile."billing 2"', "audit"),
      fc.uniqueArray(line),
    );
    const text = ([name, lines]: readonly [string, readonly string[]]): string => `[${name}]\n${lines.join("\n")}\n`;
    fc.assert(
      fc.property(
        fc.uniqueArray(table, { selector: ([name]) => name }),
        fc.uniqueArray(line),
        fc.nat(4),
        fc.constantFrom("\n", "\r\n"),
        (tables, own, at, newline) => {
          const parts = tables.map(text);
          parts.splice(at, 0, text(["profile.billing", own]));
          const before = parts.join("\n").replaceAll("\n", newline);
          const after = add(before) ?? "";
          const added = `role_arn = "${ARN}"${newline}`;
          const start = after.indexOf(added);
          expect(after.slice(0, start) + after.slice(start + added.length)).toBe(before);
          const meant = parse(after) as { profile: { billing: { role_arn?: unknown } } };
          expect(meant.profile.billing.role_arn).toBe(ARN);
          delete meant.profile.billing.role_arn;
          expect(meant).toEqual(parse(before));
        },
      ),
    );
  });
});
