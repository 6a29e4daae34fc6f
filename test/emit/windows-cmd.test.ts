import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { windowsCmdFormat } from "../../src/emit/windows-cmd.ts";
import {
  CONTEXT,
  CREDENTIALS,
  credentialsWith,
  expectedVariables,
  FIXED_VALUES,
  hostileValues,
  type Values,
} from "./samples.ts";

/** `set "NAME=value"` as cmd takes it when no phase before it (percent, delayed expansion) has anything to do. */
function readLine(line: string): [string, string] {
  const [, name, value] = /^set "(\w+)=([ #$&-~]*)"$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`cmd.exe would not take this for itself: ${line}`);
  return [name, value];
}

function hasNoSpelling(values: Values): boolean {
  return Object.values(values).some((value) => /[%!"]|[^ -~]/.test(value));
}

describe("windows-cmd", () => {
  it("prints quoted set lines", () => {
    expect(windowsCmdFormat.render(CREDENTIALS, CONTEXT)).toBe(
      [
        'set "AWS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE"',
        'set "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"',
        'set "AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ=="',
        'set "AWS_CREDENTIAL_EXPIRATION=2030-01-02T03:04:05Z"',
        'set "AWS_REGION=eu-west-1"',
        'set "AWS_DEFAULT_REGION=eu-west-1"',
        "",
      ].join("\n"),
    );
  });

  it("leaves ^ & | < > ( ) and blanks to the quotes", () => {
    expect(windowsCmdFormat.render(CREDENTIALS, { profile: "billing", region: "a^b & (c|d) <e> " })).toContain(
      'set "AWS_REGION=a^b & (c|d) <e> "\n',
    );
  });

  it("prints what cmd.exe takes for itself, and refuses the rest without quoting it", () => {
    let printed = 0;
    const check = (values: Values) => {
      if (!hasNoSpelling(values)) {
        printed += 1;
        const lines = windowsCmdFormat
          .render(...credentialsWith(values))
          .trimEnd()
          .split("\n");
        expect(lines.map(readLine)).toEqual(expectedVariables(values));
        return;
      }
      expect(() => windowsCmdFormat.render(...credentialsWith(values))).toThrow(BrokerError);
    };
    for (const values of FIXED_VALUES) check(values);
    fc.assert(fc.property(hostileValues, check));
    expect(printed).toBeGreaterThan(10);
  });

  it.each([
    ['cmd.exe has no safe spelling for %, ! and "', "a%PATH%"],
    ['cmd.exe has no safe spelling for %, ! and "', "a!"],
    ['cmd.exe has no safe spelling for %, ! and "', 'a" & calc & "'],
    ["it holds characters outside ASCII", "é"],
    ["cmd.exe takes lines of 8191 characters at most", "a".repeat(8191)],
  ])("says which variable and why: %s", (why, secretAccessKey) => {
    const values = { accessKeyId: "a", secretAccessKey, sessionToken: "t", region: "r" };
    expect(() => windowsCmdFormat.render(...credentialsWith(values))).toThrow(
      expect.objectContaining({
        code: "USAGE",
        message: `format windows-cmd cannot carry AWS_SECRET_ACCESS_KEY: ${why}`,
        hint: "use --format json, which carries every value",
      }),
    );
  });
});
