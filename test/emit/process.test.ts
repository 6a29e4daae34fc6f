import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { processFormat } from "../../src/emit/process.ts";
import { CONTEXT, CREDENTIALS, credentialsWith, hostileValues } from "./samples.ts";

describe("process", () => {
  it("prints one object on one line", () => {
    expect(processFormat.render(CREDENTIALS, CONTEXT)).toBe(
      '{"Version":1,"AccessKeyId":"ASIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",' +
        '"SessionToken":"IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ==","Expiration":"2030-01-02T03:04:05Z",' +
        '"AccountId":"123456789012"}\n',
    );
  });

  it("is read back exactly by a strict reader, whatever the values hold", () => {
    fc.assert(
      fc.property(hostileValues, (values) => {
        const output = processFormat.render(...credentialsWith(values));
        expect(output.split("\n")).toHaveLength(2);
        expect(JSON.parse(output)).toStrictEqual({
          Version: 1,
          AccessKeyId: values.accessKeyId,
          SecretAccessKey: values.secretAccessKey,
          SessionToken: values.sessionToken,
          Expiration: "2030-01-02T03:04:05Z",
          AccountId: "123456789012",
        });
      }),
    );
  });

  it("spells every expiry as whole seconds in UTC with a Z, rounded down", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (expiresAtMs) => {
        const { Expiration } = JSON.parse(processFormat.render({ ...CREDENTIALS, expiresAtMs }, CONTEXT));
        expect(Expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        expect(Date.parse(Expiration)).toBe(Math.floor(expiresAtMs / 1000) * 1000);
      }),
    );
  });

  it.each([
    ["arn:aws-cn:sts::210987654321:assumed-role/r/s", "210987654321"],
    ["arn:aws-us-gov:sts::000000000001:assumed-role/r/s", "000000000001"],
    ["arn:aws:iam::123456789012:role/r", undefined],
    ["arn:aws:sts::12345678901:assumed-role/r/s", undefined],
    ["", undefined],
  ])("takes the account from %j: %s", (assumedRoleArn, accountId) => {
    const answer = JSON.parse(processFormat.render({ ...CREDENTIALS, assumedRoleArn }, CONTEXT));
    expect(answer.AccountId).toBe(accountId);
    expect("AccountId" in answer).toBe(accountId !== undefined);
  });
});
