import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { FORMATS, formatNamed } from "../../src/emit/registry.ts";
import { CONTEXT, CREDENTIALS, controlCharacter, credentialsWith, hostileText, type Values } from "./samples.ts";

const PLAIN: Values = { accessKeyId: "ASIA", secretAccessKey: "secret", sessionToken: "token", region: "eu-west-1" };
const FIELDS = [
  ["accessKeyId", "AccessKeyId"],
  ["secretAccessKey", "SecretAccessKey"],
  ["sessionToken", "SessionToken"],
  ["region", "region"],
] as const;

function thrownBy(call: () => unknown): BrokerError {
  try {
    call();
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("the formats", () => {
  it("are these", () => {
    expect(FORMATS.map((format) => format.name)).toEqual([
      "process",
      "env",
      "env-no-export",
      "powershell",
      "windows-cmd",
      "fish",
      "dotenv",
      "systemd",
      "json",
    ]);
  });

  it("are found by name, and by nothing that an object happens to have", () => {
    for (const format of FORMATS) expect(formatNamed(format.name)).toBe(format);
    expect(formatNamed("ENV")).toBeUndefined();
    expect(formatNamed("constructor")).toBeUndefined();
  });
});

describe.each(FORMATS)("$name", (format) => {
  it("has a one-line summary", () => {
    expect(format.summary).toMatch(/^[^\n.][^\n]*[^\n.]$/);
  });

  it("carries what AWS issues and ends with exactly one newline", () => {
    const output = format.render(CREDENTIALS, CONTEXT);
    expect(output).toMatch(/[^\n]\n$/);
    expect(output).toContain("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    expect(output).not.toContain("[secret]");
    expect(output).not.toContain("\r");
  });

  it.each(FIELDS.filter(([, name]) => format.name !== "process" || name !== "region"))(
    "refuses a control character in %s, naming the field and not the value",
    (field, name) => {
      fc.assert(
        fc.property(hostileText, controlCharacter, hostileText, (before, control, after) => {
          const value = `CANARY${before}${control}${after}`;
          const error = thrownBy(() => format.render(...credentialsWith({ ...PLAIN, [field]: value })));
          expect(error.code).toBe("STS_INVALID_ANSWER");
          expect(error.message).toBe(`these credentials cannot be used: their ${name} holds a control character`);
          expect(inspect(error)).not.toContain("CANARY");
        }),
        { numRuns: 50 },
      );
    },
  );

  it.each(["\ud800", "a\udc00b", "\ufdd0", "\u{1ffff}"])("refuses what has no interchangeable UTF-8: %j", (value) => {
    const error = thrownBy(() => format.render(...credentialsWith({ ...PLAIN, sessionToken: value })));
    expect(error.code).toBe("STS_INVALID_ANSWER");
    expect(error.message).toBe("these credentials cannot be used: their SessionToken is not valid Unicode text");
  });

  it.each(FIELDS.slice(0, 3))("refuses an empty %s, which SDKs would take for an absent one", (field, name) => {
    const error = thrownBy(() => format.render(...credentialsWith({ ...PLAIN, [field]: "" })));
    expect(error.code).toBe("STS_INVALID_ANSWER");
    expect(error.message).toContain(name);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, 1e16, Date.UTC(10_000, 0)])(
    "refuses to print %d as an expiry",
    (expiresAtMs) => {
      const error = thrownBy(() => format.render({ ...CREDENTIALS, expiresAtMs }, CONTEXT));
      expect(error.code).toBe("STS_INVALID_ANSWER");
      expect(error.message).toContain("Expiration");
    },
  );
});
