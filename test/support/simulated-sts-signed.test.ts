import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  GetCallerIdentityCommand,
  STSClient,
  type STSServiceException,
} from "@aws-sdk/client-sts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type SimulatedSts, startSimulatedSts } from "./simulated-sts/server.ts";
import { calculateSignature } from "./simulated-sts/sigv4.ts";

const USER = {
  arn: "arn:aws:iam::123456789012:user/admin",
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const FIRST = "arn:aws:iam::123456789012:role/first";
const SECOND = "arn:aws:iam::123456789012:role/second";

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

interface Sent {
  readonly request: { body: string };
}

let nowMs = 0;
let sts: SimulatedSts;
const clients: STSClient[] = [];

beforeAll(async () => {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  const trusting = (AWS: string, Condition = {}) => ({
    Version: "2012-10-17",
    Statement: {
      Effect: "Allow" as const,
      Principal: { AWS },
      Action: ["sts:AssumeRole", "sts:TagSession"],
      Condition,
    },
  });
  sts = await startSimulatedSts({
    clock: () => nowMs,
    users: [USER],
    roles: [
      { arn: FIRST, trustPolicy: trusting("arn:aws:iam::123456789012:root"), maxSessionDurationSeconds: 43_200 },
      {
        arn: SECOND,
        trustPolicy: trusting(FIRST, { StringEquals: { "sts:ExternalId": "e-17" } }),
        maxSessionDurationSeconds: 43_200,
      },
    ],
  });
});

afterAll(async () => {
  for (const client of clients) client.destroy();
  await sts.close();
});

beforeEach(() => {
  nowMs = Date.now();
  sts.setDateSkewMs(0);
});

function clientOf(credentials: Keys): STSClient {
  const client = new STSClient({ region: "eu-west-1", endpoint: sts.url, maxAttempts: 1, credentials });
  clients.push(client);
  return client;
}

function whoAmI(credentials: Keys) {
  return clientOf(credentials).send(new GetCallerIdentityCommand({}));
}

async function assume(credentials: Keys, input: Partial<AssumeRoleCommandInput> = {}): Promise<Keys> {
  const command = new AssumeRoleCommand({ RoleArn: FIRST, RoleSessionName: "job", ...input });
  const { Credentials: minted } = await clientOf(credentials).send(command);
  return {
    accessKeyId: minted?.AccessKeyId ?? "",
    secretAccessKey: minted?.SecretAccessKey ?? "",
    sessionToken: minted?.SessionToken ?? "",
  };
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => new Error("it was accepted"),
    (cause: STSServiceException) => cause,
  );
  const status = "$metadata" in error ? error.$metadata.httpStatusCode : 0;
  return `${status} ${sts.calls.at(-1)?.code}: ${error.message}`;
}

describe("signed actions of the simulated STS", () => {
  it("know a user and a minted session by their signatures", async () => {
    expect(await whoAmI(USER)).toMatchObject({ Arn: USER.arn, Account: "123456789012" });
    const minted = await assume(USER);
    const { Arn, UserId } = await whoAmI(minted);
    expect(Arn).toBe("arn:aws:sts::123456789012:assumed-role/first/job");
    expect(UserId).toMatch(/^AROA[A-Z2-7]{17}:job$/);
    expect(sts.calls.at(-1)).toMatchObject({ action: "GetCallerIdentity", authorized: true, code: "OK" });
  });

  it("verify a body whose characters need encoding", async () => {
    const Policy = JSON.stringify({ Statement: [], Note: "ä +*'()!~%20&=" });
    await assume(USER, { Policy, Tags: [{ Key: "a b", Value: "ü/+" }] });
    expect(sts.account.credentials.minted.at(-1)?.tags).toEqual({ "a b": "ü/+" });
    expect(sts.calls.at(-1)?.params.Policy).toBe(Policy);
  });

  it("refuse a wrong secret, a foreign key, and a token that is wrong or missing", async () => {
    const minted = await assume(USER);
    expect(await refusal(whoAmI({ ...minted, secretAccessKey: "x".repeat(40) }))).toContain(
      "403 SignatureDoesNotMatch: The request signature we calculated does not match",
    );
    const invalid = "403 InvalidClientTokenId: The security token included in the request is invalid.";
    expect(await refusal(whoAmI({ ...minted, accessKeyId: "ASIAAAAAAAAAAAAAAAAA" }))).toBe(invalid);
    expect(await refusal(whoAmI({ ...minted, sessionToken: `${minted.sessionToken}A` }))).toBe(invalid);
    const { sessionToken: _dropped, ...bare } = minted;
    expect(await refusal(whoAmI(bare))).toBe(invalid);
  });

  it("refuse a request without a signature, and one that was changed after signing", async () => {
    const body = new URLSearchParams({ Action: "GetCallerIdentity", Version: "2011-06-15" });
    const unsigned = await fetch(sts.url, { method: "POST", body });
    expect([unsigned.status, await unsigned.text()]).toEqual([
      403,
      expect.stringContaining("MissingAuthenticationToken"),
    ]);
    const client = clientOf(USER);
    const tamper = (next: (args: Sent) => Promise<unknown>) => (args: Sent) => {
      args.request.body = args.request.body.replace("job", "joe");
      return next(args);
    };
    const position = { relation: "after", toMiddleware: "httpSigningMiddleware", name: "tamper" } as const;
    client.middlewareStack.addRelativeTo(tamper as never, position);
    const call = client.send(new AssumeRoleCommand({ RoleArn: FIRST, RoleSessionName: "job" }));
    expect(await refusal(call)).toContain("403 SignatureDoesNotMatch");
    expect(sts.calls.at(-1)?.params.RoleSessionName).toBe("joe");
  });

  it("refuse credentials from their last second on", async () => {
    const minted = await assume(USER, { DurationSeconds: 900 });
    const end = sts.account.credentials.minted.at(-1)?.expiresAtMs ?? 0;
    nowMs = end - 5_000;
    await whoAmI(minted);
    nowMs = end;
    expect(await refusal(whoAmI(minted))).toBe(
      "403 ExpiredToken: The security token included in the request is expired",
    );
  });

  it("refuse a signature that is more than 15 minutes off, either way", async () => {
    sts.setDateSkewMs(16 * 60_000);
    expect(await refusal(whoAmI(USER))).toMatch(
      /^403 SignatureDoesNotMatch: Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 15 min\.\)$/,
    );
    sts.setDateSkewMs(-16 * 60_000);
    expect(await refusal(whoAmI(USER))).toContain("Signature not yet current");
    sts.setDateSkewMs(14 * 60_000);
    await whoAmI(USER);
  });

  it("chain roles for an hour at most, and only where the trust policy knows the first role", async () => {
    const first = await assume(USER, { DurationSeconds: 43_200 });
    const onward = { RoleArn: SECOND, ExternalId: "e-17" };
    expect(await refusal(assume(first, { ...onward, DurationSeconds: 3601 }))).toBe(
      "400 ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
    );
    const second = await assume(first, { ...onward, DurationSeconds: 3600 });
    expect((await whoAmI(second)).Arn).toBe("arn:aws:sts::123456789012:assumed-role/second/job");
    expect(await refusal(assume(USER, onward))).toBe(
      `403 AccessDenied: User: ${USER.arn} is not authorized to perform: sts:AssumeRole on resource: ${SECOND}`,
    );
    expect(await refusal(assume(first, { RoleArn: SECOND, ExternalId: "wrong" }))).toContain("403 AccessDenied");
  });

  it("hand transitive tags on along a chain", async () => {
    const first = await assume(USER, {
      Tags: [
        { Key: "Team", Value: "t" },
        { Key: "Own", Value: "o" },
      ],
      TransitiveTagKeys: ["Team"],
    });
    await assume(first, { RoleArn: SECOND, ExternalId: "e-17" });
    expect(sts.account.credentials.minted.at(-1)?.tags).toEqual({ Team: "t" });
  });
});

describe("the signature calculator", () => {
  it("agrees with the example that AWS published for a GET", () => {
    const amzDate = "20150830T123600Z";
    const headers = {
      host: "iam.amazonaws.com",
      "content-type": "application/x-www-form-urlencoded; charset=utf-8",
      "x-amz-date": amzDate,
    };
    const request = {
      method: "GET",
      target: "/?Version=2010-05-08&Action=ListUsers",
      headers,
      body: Buffer.alloc(0),
    };
    const signing = {
      scope: ["20150830", "us-east-1", "iam", "aws4_request"],
      signedHeaders: ["content-type", "host", "x-amz-date"],
    } as const;
    expect(calculateSignature(request, signing, amzDate, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")).toBe(
      "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
  });
});
