// Somebody else's STS: Ceph's object gateway verifies the token by its own code, and its keys are good for S3.

import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type OpenIdProvider, STS_AUDIENCE, startOpenIdProvider } from "../support/openid-provider.ts";
import { makeSandbox, programUnderTest, type RunResult, runProgram, type Sandbox } from "../support/program.ts";
import { RADOSGW_PROGRAMS, type Radosgw, startRadosgw } from "./servers/radosgw.ts";
import { describeSystem } from "./servers/requirements.ts";

const PYTHON = "/usr/bin/python3";
const S3 = `
import boto3, sys
s3 = boto3.Session(profile_name="dev").client("s3", endpoint_url=sys.argv[1])
s3.create_bucket(Bucket="by-sts-broker")
s3.put_object(Bucket="by-sts-broker", Key="bill", Body=b"42")
print(s3.get_object(Bucket="by-sts-broker", Key="bill")["Body"].read().decode())
`;

describeSystem("sts-broker with radosgw as its STS", [...RADOSGW_PROGRAMS, PYTHON], () => {
  let gateway: Radosgw;
  let op: OpenIdProvider;
  let sandbox: Sandbox;
  let devArn: string;
  let foreignArn: string;

  beforeAll(async () => {
    sandbox = makeSandbox();
    [gateway, op] = await Promise.all([startRadosgw(), startOpenIdProvider({ x5c: true })]);
    const jwks = (await (await fetch(`${op.url}/jwks`)).json()) as { keys: { x5c?: string[] }[] };
    const x5c = jwks.keys.flatMap((key) => key.x5c ?? [])[0] ?? "";
    const providerArn = await gateway.registerOidcProvider({
      issuer: op.issuer,
      thumbprint: new X509Certificate(Buffer.from(x5c, "base64")).fingerprint.replaceAll(":", ""),
      clientIds: [STS_AUDIENCE],
    });
    const roleFor = (name: string, subject: string) =>
      gateway.createRole({
        name,
        trustPolicy: {
          Version: "2012-10-17",
          Statement: [
            {
              Effect: "Allow",
              Principal: { Federated: [providerArn] },
              Action: ["sts:AssumeRoleWithWebIdentity"],
              Condition: { StringEquals: { [`${op.issuer.replace("http://", "")}:sub`]: subject } },
            },
          ],
        },
      });
    devArn = await roleFor("Dev", op.clients.secretBasic.clientId);
    foreignArn = await roleFor("Foreign", "somebody-else");
  });
  afterAll(async () => {
    sandbox?.remove();
    await Promise.all([gateway?.stop(), op?.close()]);
  });

  function configure({ audience = STS_AUDIENCE, roleArn = devArn } = {}): void {
    const { clientId, clientSecret } = op.clients.secretBasic;
    sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${op.issuer}"
client_id = "${clientId}"
client_secret = { file = "${sandbox.file("client.secret", clientSecret)}" }
audience = "${audience}"

[profile.dev]
identity = "corp"
role_arn = "${roleArn}"
region = "us-east-1"
endpoint_url = "${gateway.endpoint}"
store = "file"
`);
  }

  const credentialProcess = (): Promise<RunResult> => sandbox.run(["credential-process", "--profile", "dev"]);

  test("boto3 makes a bucket, puts an object and gets it back with the keys that radosgw minted", async () => {
    // The ARN as radosgw gives it has no account id.
    expect(devArn).toBe("arn:aws:iam:::role/Dev");
    configure();
    const minted = await credentialProcess();
    expect(minted).toMatchObject({ status: 0, stderr: "" });
    const answer = JSON.parse(minted.stdout) as Record<string, unknown>;
    expect(answer).toMatchObject({ Version: 1, AccessKeyId: expect.any(String), SessionToken: expect.any(String) });
    expect(answer.AccountId ?? "absent").not.toBe("");
    expect(Date.parse(String(answer.Expiration))).toBeGreaterThan(Date.now() + 3_000_000);

    const command = programUnderTest()
      .map((word) => `"${word}"`)
      .join(" ");
    sandbox.file(
      ".aws/config",
      `[profile dev]\nregion = us-east-1\ncredential_process = ${command} credential-process --profile dev\n`,
    );
    const tokens = op.count("/token");
    const used = await runProgram([PYTHON, "-c", S3, gateway.endpoint], sandbox.env);
    expect(used).toMatchObject({ status: 0, stderr: "", stdout: "42\n" });
    expect(op.count("/token")).toBe(tokens);
  });

  test("says so in one line when radosgw refuses the audience", async () => {
    configure({ audience: "elsewhere" });
    const result = await credentialProcess();
    expect(result).toMatchObject({ status: 4, stdout: "" });
    const [line = ""] = result.stderr.split("\n");
    expect(line).toMatch(/^sts-broker: profile "dev": AWS refused/);
    expect(line).toContain("elsewhere");
  });

  test("says so in one line when the role trusts another subject", async () => {
    configure({ roleArn: foreignArn });
    const result = await credentialProcess();
    expect(result).toMatchObject({ status: 4, stdout: "" });
    const [line = ""] = result.stderr.split("\n");
    expect(line).toMatch(/^sts-broker: profile "dev": AWS refused "arn:aws:iam:::role\/Foreign"/);
    expect(line).toContain(op.clients.secretBasic.clientId);
  });
});
