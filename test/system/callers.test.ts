// The programs that people really put in front of us: AWS CLI v2, boto3 and the SDK for JavaScript start the executable by their own
// rules (botocore splits the line without a shell, the others use one), and a simulated STS verifies what they sign with the answer.

import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunResult, runProgram } from "../support/program.ts";
import { describeSystem } from "./servers/requirements.ts";

const ROOT = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const AWS = "/usr/bin/aws";
const PYTHON = "/usr/bin/python3";

const BOTO3 = `
import boto3, sys
client = boto3.Session(profile_name=sys.argv[1]).client("sts", endpoint_url=sys.argv[2])
print(client.get_caller_identity()["Arn"])
`;
const javascript = (provider: string) => `
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { ${provider} } from "@aws-sdk/credential-providers";
const [profile, endpoint] = process.argv.slice(1);
const client = new STSClient({ endpoint, region: "eu-west-1", credentials: ${provider}({ profile }) });
try {
  console.log((await client.send(new GetCallerIdentityCommand({}))).Arn);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
`;

const CALLERS: readonly {
  readonly name: string;
  argv(profile: string, endpoint: string): string[];
}[] = [
  {
    name: "AWS CLI v2",
    argv: (profile, endpoint) => [
      ...[AWS, "sts", "get-caller-identity", "--query", "Arn", "--output", "text"],
      ...["--profile", profile, "--endpoint-url", endpoint],
    ],
  },
  { name: "boto3", argv: (profile, endpoint) => [PYTHON, "-c", BOTO3, profile, endpoint] },
  ...["fromProcess", "fromIni"].map((provider) => ({
    name: `the SDK for JavaScript (${provider})`,
    argv: (profile: string, endpoint: string) => [
      process.execPath,
      ...["--input-type=module", "-e", javascript(provider), profile, endpoint],
    ],
  })),
];

describeSystem("callers of credential_process", [AWS, PYTHON, "/bin/sh"], () => {
  let job: MainJob;
  beforeAll(async () => {
    job = await startMainJob();
  });
  afterAll(() => job?.close());
  beforeEach(() => {
    job.world.reset();
    job.configure();
  });

  /** A home with nothing cached, in whose ~/.aws/config the profiles call the program under test. */
  async function fresh(): Promise<void> {
    await runProgram(["/bin/rm", "-rf", job.sandbox.cacheDirectory], job.sandbox.env);
    const command = programUnderTest()
      .map((word) => `"${word}"`)
      .join(" ");
    const profile = (name: string, args: string) =>
      `[profile ${name}]\nregion = eu-west-1\ncredential_process = ${command} credential-process ${args}\n`;
    job.sandbox.file(".aws/config", profile("billing", "--profile billing") + profile("nope", "--profile biling"));
  }

  const run = (argv: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<RunResult> =>
    runProgram(argv, { ...job.sandbox.env, AWS_EC2_METADATA_DISABLED: "true", ...more }, { cwd: ROOT });

  const ARN = /^arn:aws:sts::123456789012:assumed-role\/billing\/\S+\n$/;

  for (const { name, argv } of CALLERS) {
    test(`${name} signs with our credentials, from the cache the second time`, async () => {
      await fresh();
      const before = job.counts();
      const first = await run(argv("billing", job.world.sts.url));
      expect(first).toMatchObject({ status: 0, stdout: expect.stringMatching(ARN) });
      expect(job.world.sts.calls.at(-1)).toMatchObject({ action: "GetCallerIdentity", code: "OK", authorized: true });
      const second = await run(argv("billing", job.world.sts.url));
      expect(second).toMatchObject({ status: 0, stdout: first.stdout });
      expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
    });

    test(`${name} quotes our line when the profile is unknown`, async () => {
      await fresh();
      const before = job.counts();
      const result = await run(argv("nope", job.world.sts.url));
      expect(result.status).not.toBe(0);
      expect(result.stdout).toBe("");
      expect(result.stderr).toContain('sts-broker: there is no profile "biling"');
      expect(result.stderr).toContain("billing");
      expect(job.counts()).toEqual(before);
    });

    test(`${name} quotes our line when the provider refuses the client, without its secret`, async () => {
      await fresh();
      const wrong = "canary-of-a-wrong-client-secret";
      const file = job.sandbox.file("wrong.secret", wrong);
      job.configure();
      job.sandbox.configure(
        `[identity.corp]
type = "oidc-client-credentials"
issuer = "${job.world.op.issuer}"
client_id = "${job.world.op.clients.secretBasic.clientId}"
client_secret = { file = "${file}" }
audience = "sts.amazonaws.com"
[profile.billing]
identity = "corp"
role_arn = "${job.world.roleArn}"
region = "eu-west-1"
endpoint_url = "${job.world.sts.url}"
`,
      );
      const result = await run(argv("billing", job.world.sts.url));
      expect(result.status).not.toBe(0);
      expect(result.stderr).toContain(`sts-broker: ${job.world.op.issuer} does not accept client "cc-basic"`);
      expect(result.stdout + result.stderr).not.toContain(wrong);
      expect(result.stdout + result.stderr).not.toContain(Buffer.from(wrong).toString("base64").slice(0, 30));
    });
  }

  test("a shell evaluates `env`, and what it starts then uses the credentials", async () => {
    await fresh();
    const script = `eval "$("$@" env --profile billing)" && exec ${AWS} sts get-caller-identity --query Arn --output text --endpoint-url "$STS"`;
    const result = await run(["/bin/sh", "-c", script, "sh", ...programUnderTest()], { STS: job.world.sts.url });
    expect(result).toMatchObject({ status: 0, stderr: "", stdout: expect.stringMatching(ARN) });
  });

  test("`exec` gives the credentials to its command, in the place of stale ones", async () => {
    await fresh();
    const stale = { AWS_ACCESS_KEY_ID: "AKIASTALE", AWS_SECRET_ACCESS_KEY: "stale", AWS_PROFILE: "nope" };
    const aws = [AWS, "sts", "get-caller-identity", "--query", "Arn", "--output", "text"];
    const result = await run(
      [...programUnderTest(), "exec", "--profile", "billing", "--", ...aws, "--endpoint-url", job.world.sts.url],
      stale,
    );
    expect(result).toMatchObject({ status: 0, stderr: "", stdout: expect.stringMatching(ARN) });
    const refused = await run([
      ...programUnderTest(),
      "exec",
      "--profile",
      "billing",
      "--",
      ...aws,
      "--no-such-option",
    ]);
    expect(refused.status).toBe(252);
  });
});
