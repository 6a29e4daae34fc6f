import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { powershellFormat } from "../../src/emit/powershell.ts";
import { CONTEXT, CREDENTIALS, credentialsWith, expectedVariables, FIXED_VALUES, hostileValues } from "./samples.ts";

// PowerShell's tokenizer takes all five for a single quote, and a pair of any of them for the second one.
const QUOTE = "['‘’‚‛]";
const TERM = new RegExp(`${QUOTE}((?:[^'‘’‚‛]|${QUOTE}{2})*)${QUOTE}|\\[char\\]0x([0-9a-f]{4})`, "y");

/** A line `$Env:NAME=term+term…`, all of it, or an error. */
function readLine(line: string): [string, string] {
  const [, name, expression] = /^\$Env:(\w+)=(.*)$/.exec(line) ?? [];
  if (name === undefined || expression === undefined) throw new Error(`not an assignment: ${line}`);
  let value = "";
  for (let at = 0; at <= expression.length; at = TERM.lastIndex + 1) {
    TERM.lastIndex = at;
    const term = TERM.exec(expression);
    if (term === null) throw new Error(`not a term at ${at}: ${line}`);
    if (TERM.lastIndex < expression.length && expression[TERM.lastIndex] !== "+")
      throw new Error(`trailing text: ${line}`);
    value +=
      term[2] === undefined
        ? (term[1] ?? "").replace(/['‘’‚‛](['‘’‚‛])/g, "$1")
        : String.fromCharCode(parseInt(term[2], 16));
  }
  return [name, value];
}

function read(output: string, encoding: string): [string, string][] {
  const text = new TextDecoder(encoding).decode(new TextEncoder().encode(output));
  return text.trimEnd().split("\n").map(readLine);
}

describe("powershell", () => {
  it("prints single-quoted assignments", () => {
    expect(powershellFormat.render(CREDENTIALS, CONTEXT)).toBe(
      [
        "$Env:AWS_ACCESS_KEY_ID='ASIAIOSFODNN7EXAMPLE'",
        "$Env:AWS_SECRET_ACCESS_KEY='wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'",
        "$Env:AWS_SESSION_TOKEN='IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ=='",
        "$Env:AWS_CREDENTIAL_EXPIRATION='2030-01-02T03:04:05Z'",
        "$Env:AWS_REGION='eu-west-1'",
        "$Env:AWS_DEFAULT_REGION='eu-west-1'",
        "",
      ].join("\n"),
    );
  });

  it.each([
    ["it's $a `b", "'it''s $a `b'"],
    ["a’;id", "'a'+[char]0x2019+';id'"],
    ["😀", "''+[char]0xd83d+''+[char]0xde00+''"],
  ])("spells %s as %s", (region, spelt) => {
    expect(powershellFormat.render(CREDENTIALS, { profile: "billing", region })).toContain(
      `$Env:AWS_REGION=${spelt}\n`,
    );
  });

  it("reads the same in UTF-8, Windows-1252 and a double-byte code page, whatever the values hold", () => {
    const check = (values: (typeof FIXED_VALUES)[number]) => {
      const output = powershellFormat.render(...credentialsWith(values));
      for (const encoding of ["utf-8", "windows-1252", "shift_jis"])
        expect(read(output, encoding)).toEqual(expectedVariables(values));
    };
    for (const values of FIXED_VALUES) check(values);
    fc.assert(fc.property(hostileValues, check), { numRuns: 500 });
  });
});
