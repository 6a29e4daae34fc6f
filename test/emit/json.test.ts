import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonFormat } from "../../src/emit/json.ts";
import { CONTEXT, CREDENTIALS, credentialsWith, hostileValues } from "./samples.ts";

describe("json", () => {
  it("prints every field on one line", () => {
    expect(jsonFormat.render(CREDENTIALS, CONTEXT)).toBe(
      '{"profile":"billing","accessKeyId":"ASIAIOSFODNN7EXAMPLE","secretAccessKey":"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",' +
        '"sessionToken":"IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ==","expiresAt":"2030-01-02T03:04:05Z",' +
        '"assumedRoleArn":"arn:aws:sts::123456789012:assumed-role/billing/host-1","accountId":"123456789012","region":"eu-west-1"}\n',
    );
  });

  it("leaves out the region and the account when they are unknown", () => {
    const answer = JSON.parse(jsonFormat.render({ ...CREDENTIALS, assumedRoleArn: "" }, { profile: "billing" }));
    expect(Object.keys(answer)).toEqual([
      "profile",
      "accessKeyId",
      "secretAccessKey",
      "sessionToken",
      "expiresAt",
      "assumedRoleArn",
    ]);
  });

  it("carries every value exactly", () => {
    fc.assert(
      fc.property(hostileValues, (values) => {
        expect(JSON.parse(jsonFormat.render(...credentialsWith(values)))).toMatchObject(values);
      }),
    );
  });

  it.each([
    [{ ...CREDENTIALS, assumedRoleArn: "arn\n" }, CONTEXT, "AssumedRoleUser.Arn"],
    [CREDENTIALS, { profile: "a\u001b[2J" }, "profile"],
  ])("refuses a control character in what only this format prints", (credentials, context, field) => {
    expect(() => jsonFormat.render(credentials, context)).toThrow(
      expect.objectContaining({
        code: "STS_INVALID_ANSWER",
        message: `these credentials cannot be used: their ${field} holds a control character`,
      }),
    );
  });
});
