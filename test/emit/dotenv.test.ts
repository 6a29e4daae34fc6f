import { spawnSync } from "node:child_process";
import { parseEnv } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dotenvFormat } from "../../src/emit/dotenv.ts";
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

// The letters of base64, base64url, key ids, times and regions.
const awsText = fc
  .string({ unit: fc.constantFrom(..."AZaz09+/=-_.:"), minLength: 1, maxLength: 60 })
  .filter((text) => !/(^|:)=/.test(text));
const awsValues: fc.Arbitrary<Values> = fc.record({
  accessKeyId: awsText,
  secretAccessKey: awsText,
  sessionToken: awsText,
  region: awsText,
});

/** npm dotenv's documented rules: trimmed, comments from #, quotes taken off, \n expanded in double quotes only. */
function readAsNpmDotenv(text: string): [string, string][] {
  return [...text.matchAll(/^\s*(?:export\s+)?([\w.-]+)\s*=\s*('[^']*'|"[^"]*"|`[^`]*`|[^#\r\n]*)/gm)].map(
    ([, name = "", raw = ""]) => {
      const quote = /^(['"`])(.*)\1$/.exec(raw.trim());
      const value = quote === null ? raw.trim() : (quote[2] ?? "");
      return [name, quote?.[1] === '"' ? value.replaceAll("\\n", "\n") : value];
    },
  );
}

/** docker's documented rules for --env-file: everything after the first = as it stands. */
function readAsDocker(text: string): [string, string][] {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"));
  return lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]);
}

describe("dotenv", () => {
  it("prints bare assignments", () => {
    expect(dotenvFormat.render(CREDENTIALS, CONTEXT)).toBe(
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

  it("is read alike by npm dotenv's, docker's and Node's rules", () => {
    fc.assert(
      fc.property(awsValues, (values) => {
        const output = dotenvFormat.render(...credentialsWith(values));
        expect(readAsNpmDotenv(output)).toEqual(expectedVariables(values));
        expect(readAsDocker(output)).toEqual(expectedVariables(values));
        expect(parseEnv(output)).toEqual(Object.fromEntries(expectedVariables(values)));
      }),
    );
  });

  it("is read alike wherever it agrees to print a hostile value, and refuses the others without quoting them", () => {
    const check = (values: Values) => {
      let output: string;
      try {
        output = dotenvFormat.render(...credentialsWith(values));
      } catch (error) {
        expect(error).toMatchObject({
          code: "USAGE",
          message: expect.stringMatching(
            /^format dotenv cannot carry AWS_[A-Z_]+: readers of \.env files disagree on quoting$/,
          ),
        });
        return;
      }
      expect(readAsNpmDotenv(output)).toEqual(expectedVariables(values));
      expect(readAsDocker(output)).toEqual(expectedVariables(values));
      expect(parseEnv(output)).toEqual(Object.fromEntries(expectedVariables(values)));
    };
    for (const values of FIXED_VALUES) check(values);
    fc.assert(fc.property(hostileValues, check));
  });

  const batches = fc.array(awsValues, { minLength: 1, maxLength: 100, size: "max" });

  for (const shell of ["dash", "zsh"]) {
    itWith(shell, `is read alike by ${shell} sourcing it under set -a`, () => {
      fc.assert(
        fc.property(batches, (batch) => {
          const script = batch.map(
            (values) => `${dotenvFormat.render(...credentialsWith(values))}printenv -0 AWS_SESSION_TOKEN\n`,
          );
          expect(nulEnded(runScript([shell, "-f"], `set -a\n${script.join("")}`))).toEqual(
            batch.map((values) => values.sessionToken),
          );
        }),
        { numRuns: 3 },
      );
    });
  }

  const python = spawnSync("python3", ["-c", "import dotenv.parser"]).status === 0;
  it.skipIf(!python)(
    `is read alike by python-dotenv${python ? "" : " (skipped: python3 has no module dotenv)"}`,
    () => {
      const program =
        "import io, json, sys, dotenv\n" +
        "print(json.dumps([list(dotenv.dotenv_values(stream=io.StringIO(t)).items()) for t in json.load(sys.stdin)]))";
      fc.assert(
        fc.property(batches, (batch) => {
          const input = JSON.stringify(batch.map((values) => dotenvFormat.render(...credentialsWith(values))));
          const child = spawnSync("python3", ["-c", program], { input, encoding: "utf8" });
          expect(child.stderr).toBe("");
          expect(JSON.parse(child.stdout)).toEqual(batch.map(expectedVariables));
        }),
        { numRuns: 3 },
      );
    },
  );
});
