import { describe, expect, it } from "vitest";
import { environmentVariables } from "../../src/emit/variables.ts";
import { CONTEXT, CREDENTIALS } from "./samples.ts";

describe("environmentVariables", () => {
  it("lists the keys, the token, the expiry and both spellings of the region, in this order", () => {
    expect(environmentVariables(CREDENTIALS, CONTEXT)).toEqual([
      ["AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE"],
      ["AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"],
      ["AWS_SESSION_TOKEN", "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCWV1LXdlc3QtMQ=="],
      ["AWS_CREDENTIAL_EXPIRATION", "2030-01-02T03:04:05Z"],
      ["AWS_REGION", "eu-west-1"],
      ["AWS_DEFAULT_REGION", "eu-west-1"],
    ]);
  });

  it.each([{ profile: "billing" }, { profile: "billing", region: "" }])(
    "says no region when none is stated: %j",
    (context) => {
      expect(environmentVariables(CREDENTIALS, context).map(([name]) => name)).toEqual([
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_CREDENTIAL_EXPIRATION",
      ]);
    },
  );
});
