import { randomBytes } from "node:crypto";
import {
  AssumeRoleWithWebIdentityCommand,
  type AssumeRoleWithWebIdentityRequest,
  STSClient,
} from "@aws-sdk/client-sts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type OidcWorld, startOidcWorld } from "./oidc-world.ts";

let nowMs = Date.now();
let world: OidcWorld;
let client: STSClient;

beforeAll(async () => {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  world = await startOidcWorld({ sts: { clock: () => nowMs } });
  client = new STSClient({ region: "eu-west-1", endpoint: world.sts.url, maxAttempts: 1 });
});

afterAll(async () => {
  client.destroy();
  await world.close();
});

beforeEach(() => {
  nowMs = Date.now();
  world.reset();
});

async function exchange(changes: Partial<AssumeRoleWithWebIdentityRequest> = {}) {
  const WebIdentityToken = changes.WebIdentityToken ?? (await world.fetchToken("sts.amazonaws.com"));
  const input = { RoleArn: world.roleArn, RoleSessionName: "job-7", ...changes, WebIdentityToken };
  return client.send(new AssumeRoleWithWebIdentityCommand(input));
}

/** HTTP status, AWS's code and its message. */
async function refusal(changes: Partial<AssumeRoleWithWebIdentityRequest> = {}): Promise<string> {
  const error = await exchange(changes).then(
    () => new Error("it was accepted"),
    (cause: Error & { $metadata?: { httpStatusCode?: number } }) => cause,
  );
  const status = "$metadata" in error ? error.$metadata?.httpStatusCode : 0;
  return `${status} ${world.sts.calls.at(-1)?.code}: ${error.message}`;
}

describe("the parameters of AssumeRoleWithWebIdentity", () => {
  it.each([
    [
      { RoleSessionName: "a b" },
      "Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
    ],
    [
      { RoleSessionName: "a" },
      "Value 'a' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2",
    ],
    [
      { DurationSeconds: 899 },
      "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
    ],
    [
      { DurationSeconds: 43_201 },
      "Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200",
    ],
    [
      { WebIdentityToken: "abc" },
      "Value 'abc' at 'webIdentityToken' failed to satisfy constraint: Member must have length greater than or equal to 4",
    ],
  ])("refuses %j in the words of AWS's validator", async (changes, message) => {
    expect(await refusal(changes)).toBe(`400 ValidationError: 1 validation error detected: ${message}`);
  });

  it("holds the limits of role, policies and their packed size", async () => {
    expect(await refusal({ DurationSeconds: 7201 })).toBe(
      "400 ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    );
    expect(await refusal({ Policy: "{" })).toContain("400 MalformedPolicyDocument");
    expect(await refusal({ Policy: "x".repeat(2049) })).toContain("length less than or equal to 2048");
    const arns = Array.from({ length: 11 }, (_, i) => ({ arn: `arn:aws:iam::aws:policy/P${i}` }));
    expect(await refusal({ PolicyArns: arns })).toContain("at 'policyArns' failed");
    const Policy = JSON.stringify({ Statement: [{ Action: randomBytes(1400).toString("base64") }] });
    expect(await refusal({ Policy, PolicyArns: arns.slice(1) })).toMatch(
      /PackedPolicyTooLarge: Packed policy consumes \d+%/,
    );
    const small = { Version: "2012-10-17", Statement: [] };
    expect((await exchange({ Policy: JSON.stringify(small) })).PackedPolicySize).toBeLessThan(100);
  });
});
