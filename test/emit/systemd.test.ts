import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { systemdFormat } from "../../src/emit/systemd.ts";
import {
  CONTEXT,
  CREDENTIALS,
  credentialsWith,
  expectedVariables,
  FIXED_VALUES,
  hostileValues,
  type Values,
} from "./samples.ts";

/**
 * systemd.exec(5), EnvironmentFile=: blank lines and those starting with # or ; are ignored. Unquoted text: a backslash takes the
 * next character literally, trailing blanks go. Single quotes: literal. Double quotes: a backslash takes " \ ` $ literally and stays
 * before anything else. After a closing quote, blanks are skipped and the value goes on.
 */
function readLine(line: string): [string, string] {
  const equals = line.indexOf("=");
  let rest = line.slice(equals + 1);
  let value = "";
  while (true) {
    rest = rest.replace(/^[ \t]+/, "");
    const quoted = /^(?:'([^']*)'|"((?:[^"\\]|\\.)*)")/u.exec(rest);
    if (quoted === null) break;
    value += quoted[1] ?? (quoted[2] ?? "").replace(/\\(["\\`$])/g, "$1");
    rest = rest.slice(quoted[0].length);
  }
  if (/^['"]/.test(rest)) throw new Error(`a quote stays open: ${line}`);
  if (/(^|[^\\])(\\\\)*\\$/.test(rest)) throw new Error(`the line goes on: ${line}`);
  return [
    line.slice(0, equals).trim(),
    value + rest.replace(/((?:\\.|[^\\])*?)[ \t]*$/u, "$1").replace(/\\(.)/gu, "$1"),
  ];
}

function read(text: string): [string, string][] {
  const lines = text.split("\n").filter((line) => !/^[ \t]*([#;]|$)/.test(line));
  return lines.map(readLine);
}

describe("the reader of this test", () => {
  it.each([
    ["A=b c  ", "b c"],
    ["A= b\\ ", "b "],
    ["A='a\\b' c", "a\\bc"],
    ['A="a\\"\\\\\\`\\$\\n"', 'a"\\`$\\n'],
    ["A=a#b 'c'", "a#b 'c'"],
  ])("goes by systemd.exec(5): %s", (line, value) => {
    expect(read(`# no\n; no\n\n${line}\n`)).toEqual([["A", value]]);
  });
});

describe("systemd", () => {
  it("prints bare what needs no quotes", () => {
    expect(systemdFormat.render(CREDENTIALS, CONTEXT)).toBe(
      [
        "AWS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ==",
        "AWS_CREDENTIAL_EXPIRATION=2030-01-02T03:04:05Z",
        "AWS_REGION=eu-west-1",
        "AWS_DEFAULT_REGION=eu-west-1",
        "",
      ].join("\n"),
    );
  });

  it("escapes the double quote, the backslash, the backtick and the dollar", () => {
    expect(systemdFormat.render(CREDENTIALS, { profile: "billing", region: 'it\'s "a" \\ `$b`' })).toContain(
      'AWS_REGION="it\'s \\"a\\" \\\\ \\`\\$b\\`"\n',
    );
  });

  it("is read back exactly, whatever the values hold", () => {
    const check = (values: Values) => {
      expect(read(systemdFormat.render(...credentialsWith(values)))).toEqual(expectedVariables(values));
    };
    for (const values of FIXED_VALUES) check(values);
    fc.assert(fc.property(hostileValues, check), { numRuns: 1000 });
  });
});
