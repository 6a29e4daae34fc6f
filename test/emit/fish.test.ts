import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fishFormat } from "../../src/emit/fish.ts";
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

function expectReadBack(probe: string, batch: readonly Values[]): void {
  const script = batch.map((values) => fishFormat.render(...credentialsWith(values)) + probe).join("");
  const expected = batch.flatMap((values) => expectedVariables(values).map(([, value]) => value));
  expect(nulEnded(runScript(["fish", "--no-config"], script))).toEqual(expected);
}

describe("fish", () => {
  it("prints quoted set -gx lines", () => {
    expect(fishFormat.render(CREDENTIALS, CONTEXT)).toBe(
      [
        "set -gx AWS_ACCESS_KEY_ID 'ASIAIOSFODNN7EXAMPLE'",
        "set -gx AWS_SECRET_ACCESS_KEY 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'",
        "set -gx AWS_SESSION_TOKEN 'IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ=='",
        "set -gx AWS_CREDENTIAL_EXPIRATION '2030-01-02T03:04:05Z'",
        "set -gx AWS_REGION 'eu-west-1'",
        "set -gx AWS_DEFAULT_REGION 'eu-west-1'",
        "",
      ].join("\n"),
    );
  });

  it("escapes the quote and the backslash, and nothing else", () => {
    expect(fishFormat.render(CREDENTIALS, { profile: "billing", region: "it's $a\\" })).toContain(
      "set -gx AWS_REGION 'it\\'s $a\\\\'\n",
    );
  });

  itWith("fish", "is read back exactly for fixed hostile values, by children too", () => {
    expectReadBack(FROM_A_CHILD, FIXED_VALUES);
  });

  itWith("fish", "is read back exactly for any hostile values", () => {
    fc.assert(
      fc.property(fc.array(hostileValues, { minLength: 1, maxLength: 200, size: "max" }), (batch) => {
        expectReadBack(FROM_THE_SHELL, batch);
      }),
      { numRuns: 5 },
    );
  });
});
