import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BEGIN, END, withAwsProfile } from "../../src/setup/aws-config.ts";
import { failure } from "../config/helpers.ts";

const FILE = "/home/ana/.aws/config";
const BILLING = {
  name: "billing",
  region: "eu-west-1",
  command: "sts-broker credential-process --profile billing",
};

/** As botocore reads it, as far as these tests go: sections with their lines. */
function sections(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const [, name] = /^\[(.*?)\]/.exec(line) ?? [];
    if (name !== undefined) {
      lines = [];
      found.set(name, lines);
    } else if (line !== "" && !line.startsWith("#")) lines.push(line);
  }
  return found;
}

describe("our lines in ~/.aws/config", () => {
  it("come at the end of what is there, each line end as the file has it", () => {
    expect(withAwsProfile("[default]\nregion = x", FILE, BILLING)).toBe(
      `[default]\nregion = x\n\n${BEGIN}\n# kept by \`sts-broker config init\`\n[profile billing]\nregion = eu-west-1\ncredential_process = ${BILLING.command}\n${END}\n`,
    );
    expect(withAwsProfile("[default]\r\n", FILE, BILLING)).not.toMatch(/[^\r]\n/);
  });

  it("are the section [default] for the profile of that name", () => {
    expect(withAwsProfile("", FILE, { ...BILLING, name: "default" })).toContain("\n[default]\nregion");
  });

  it("leave all other bytes as they are, are read by name, and do not change the second time", () => {
    const line = fc.oneof(
      fc.constantFrom(
        "",
        "# a comment",
        "  s3 =",
        "    max = 4",
        "[default]",
        "[profile x]",
        "[sso-session y]",
        ";z",
        "a = b",
        "région = \u00e9",
      ),
      fc.string({ unit: "binary-ascii", maxLength: 12 }).map((text) => text.replace(/[\0\r\n]/g, "")),
    );
    const text = fc
      .tuple(fc.array(line, { maxLength: 14 }), fc.constantFrom("\n", "\r\n"), fc.boolean())
      .map(([lines, end, ended]) => lines.join(end) + (ended ? end : ""));
    fc.assert(
      fc.property(
        text,
        fc.array(fc.constantFrom("billing", "ops", "default2", "a.b"), { maxLength: 4 }),
        (before, names) => {
          let after = before;
          for (const name of names) after = withAwsProfile(after, FILE, { ...BILLING, name });
          expect(after.startsWith(before)).toBe(true);
          for (const name of names) {
            expect(sections(after).get(`profile ${name}`)).toEqual([
              "region = eu-west-1",
              `credential_process = ${BILLING.command}`,
            ]);
            expect(withAwsProfile(after, FILE, { ...BILLING, name })).toBe(after);
          }
          for (const [name, lines] of sections(before)) expect(sections(after).get(name)).toEqual(lines);
        },
      ),
    );
  });

  it("are replaced where they are ours, with what somebody wrote beside them kept", () => {
    const [head, tail] = ["[default]\nx = 1\n", "[profile z]\ny = 2\n"];
    const ours = (command: string): string =>
      `${head}${BEGIN}\n[profile ops]\ncredential_process = p\n[profile billing]\n${command}output = json\n${END}\n${tail}`;
    expect(withAwsProfile(ours("region = old\ncredential_process=old\n"), FILE, BILLING)).toBe(
      ours(`region = eu-west-1\ncredential_process = ${BILLING.command}\n`),
    );
  });

  it.each(["[profile billing]", '[profile "billing"]', "[ profile  billing ]", "  [profile billing]"])(
    "never touch a section %s of somebody's own",
    async (section) => {
      const text = `${section}\nregion = x\n`;
      const error = await failure(() => withAwsProfile(text, FILE, BILLING));
      expect([error.code, error.message]).toEqual([
        "CONFIG_INVALID",
        `${FILE} has a [profile billing] of its own, which is left alone`,
      ]);
      const done = `${section}\ncredential_process = ${BILLING.command}\n`;
      expect(withAwsProfile(done, FILE, BILLING)).toBe(done);
    },
  );

  it("leave no continuation of an old value, in any case and indent, and nested settings as they are", () => {
    const file = (settings: string): string => `${BEGIN}\n[profile billing]\n${settings}${END}\n`;
    const fresh = `region = eu-west-1\ncredential_process = ${BILLING.command}\n`;
    const old = "Credential_Process = old\n    --more\ns3 =\n    region = x\n";
    expect(withAwsProfile(file(old), FILE, BILLING)).toBe(file(`${fresh}s3 =\n    region = x\n`));
    expect(withAwsProfile(file("  region = old\n  output = json\n"), FILE, BILLING)).toBe(
      file(`  output = json\n${fresh}`),
    );
  });

  it("are not put into a file in UTF-16", async () => {
    const error = await failure(() => withAwsProfile("[\0d\0", FILE, BILLING));
    expect([error.code, error.message]).toEqual(["CONFIG_INVALID", expect.stringContaining("NUL bytes")]);
  });

  it.each([
    ["an end without a beginning", `x\n${END}\n`, 2],
    ["a beginning without an end", `${BEGIN}\n`, 1],
    ["two beginnings", `${BEGIN}\n${BEGIN}\n${END}\n`, 1],
    ["an end before the beginning", `${END}\n${BEGIN}\n`, 1],
  ])("are not guessed at where there is %s", async (_, text, line) => {
    const error = await failure(() => withAwsProfile(text, FILE, BILLING));
    expect(error.message).toMatch(new RegExp(`^${FILE}:${line}: .* do not pair`));
  });
});
