import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { envFormat } from "../../src/emit/env.ts";
import { envNoExportFormat } from "../../src/emit/env-no-export.ts";
import type { Format } from "../../src/emit/format.ts";
import { itWith, nulEnded, runScript } from "./real-readers.ts";
import {
  CONTEXT,
  CREDENTIALS,
  credentialsWith,
  expectedVariables,
  FIXED_VALUES,
  hostileValues,
  type Values,
} from "./samples.ts";

const NAMES = expectedVariables({ accessKeyId: "", secretAccessKey: "", sessionToken: "", region: "" }).map(
  ([name]) => name,
);
const FROM_A_CHILD = `printenv -0 ${NAMES.join(" ")}\n`;
const FROM_THE_SHELL = `printf '%s\\000' ${NAMES.map((name) => `"$${name}"`).join(" ")}\n`;

// The options are those that change what quoting and assignments mean.
const SHELLS: [program: string, argv: string[], prologue: string][] = [
  ["dash", ["dash"], ""],
  ["bash", ["bash", "--norc", "--noprofile"], "shopt -s extglob nullglob failglob; set -H"],
  ["bash", ["bash", "--norc", "--noprofile", "--posix"], ""],
  ["zsh", ["zsh", "-f"], ""],
  ["zsh", ["zsh", "-f"], "setopt rcquotes extendedglob globassign magicequalsubst shwordsplit banghist"],
  ["zsh", ["zsh", "--emulate", "sh", "-f"], ""],
];

function expectReadBack(
  format: Format,
  argv: string[],
  prologue: string,
  probe: string,
  batch: readonly Values[],
): void {
  const scripts = batch.map((values) => format.render(...credentialsWith(values)) + probe);
  const expected = batch.flatMap((values) => expectedVariables(values).map(([, value]) => value));
  expect(nulEnded(runScript(argv, `${prologue}\n${scripts.join("")}`))).toEqual(expected);
}

describe("env", () => {
  it("prints what AWS issues as the AWS CLI does, unquoted", () => {
    expect(envFormat.render(CREDENTIALS, CONTEXT)).toBe(
      [
        "export AWS_ACCESS_KEY_ID=ASIAIOSFODNN7EXAMPLE",
        "export AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "export AWS_SESSION_TOKEN=IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ==",
        "export AWS_CREDENTIAL_EXPIRATION=2030-01-02T03:04:05Z",
        "export AWS_REGION=eu-west-1",
        "export AWS_DEFAULT_REGION=eu-west-1",
        "",
      ].join("\n"),
    );
  });

  it.each([
    ["a b", "'a b'"],
    ["it's", "'it'\\''s'"],
    ["$(id)", "'$(id)'"],
    ["-n", "-n"],
    ["a=b", "a=b"],
    ["=ls", "'=ls'"],
    ["a:=ls", "'a:=ls'"],
    ["é", "'é'"],
  ])("quotes only what needs it: %s as %s", (region, quoted) => {
    expect(envFormat.render(CREDENTIALS, { profile: "billing", region })).toContain(`export AWS_REGION=${quoted}\n`);
  });
});

describe("env-no-export", () => {
  it("prints the same without export", () => {
    expect(envNoExportFormat.render(CREDENTIALS, CONTEXT)).toBe(
      envFormat.render(CREDENTIALS, CONTEXT).replaceAll("export ", ""),
    );
  });

  itWith("dash", "keeps the variables from the shell's children", () => {
    expect(
      runScript(["dash"], `${envNoExportFormat.render(CREDENTIALS, CONTEXT)}printenv AWS_REGION || echo none\n`),
    ).toBe("none\n");
  });
});

describe.each(SHELLS)("%s, started as %j, %s", (program, argv, prologue) => {
  itWith(program, "reads fixed hostile values back exactly, and so do its children", () => {
    expectReadBack(envFormat, argv, prologue, FROM_A_CHILD, FIXED_VALUES);
    expectReadBack(envNoExportFormat, argv, prologue, FROM_THE_SHELL, FIXED_VALUES);
  });

  itWith(program, "reads any hostile values back exactly", () => {
    fc.assert(
      fc.property(fc.array(hostileValues, { minLength: 1, maxLength: 200, size: "max" }), (batch) => {
        expectReadBack(envFormat, argv, prologue, FROM_THE_SHELL, batch);
        expectReadBack(envNoExportFormat, argv, prologue, FROM_THE_SHELL, batch);
      }),
      { numRuns: 5 },
    );
  });

  itWith(program, "takes it by eval from a command substitution", () => {
    const values = { accessKeyId: "a  b", secretAccessKey: "'\"`$HOME\\", sessionToken: "*", region: " é'" };
    const script = `${prologue}\neval "$(cat <<'END'\n${envFormat.render(...credentialsWith(values))}END\n)"\n${FROM_A_CHILD}`;
    expect(nulEnded(runScript(argv, script))).toEqual(expectedVariables(values).map(([, value]) => value));
  });
});
