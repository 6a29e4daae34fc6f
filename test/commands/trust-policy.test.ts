/** The built program: what it prints is what `explain` and STS then go by. */
import { rmSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CREDENTIAL_PROCESS, credentialsOf, expectFailure } from "../bin/black-box.ts";
import { jwtOf } from "../exchange/fixtures.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { makeSandbox, type RunResult, type Sandbox } from "../support/program.ts";
import { createSamlIssuer, type SamlIssuer } from "../support/saml-issuer.ts";
import { base64, type ResponseOptions, responseXml } from "../support/saml-response.ts";
import type { TrustPolicy } from "../support/simulated-sts/policy.ts";
import { type SimulatedSts, startSimulatedSts } from "../support/simulated-sts/server.ts";

const ROLE = "arn:aws:iam::123456789012:role/ci/billing";
const PROVIDER = "arn:aws:iam::123456789012:saml-provider/corp";

function policyOf({ status, stdout, stderr }: RunResult): TrustPolicy {
  expect(status, stderr).toBe(0);
  expect(stdout).not.toMatch(/eyJ[\w-]{10,}\./);
  return JSON.parse(stdout) as TrustPolicy;
}

/** What `explain --trust-policy` says of each action. */
async function verdicts(sandbox: Sandbox, policy: TrustPolicy): Promise<Record<string, string>> {
  const file = sandbox.file("trust.json", JSON.stringify(policy));
  const { stdout } = await sandbox.run(["explain", "--trust-policy", file, "--json"]);
  const { findings } = JSON.parse(stdout) as { findings: { point: string; verdict: string }[] };
  return Object.fromEntries(
    findings.flatMap(({ point, verdict }) => (point.startsWith("trust policy") ? [[point, verdict]] : [])),
  );
}

describe("trust-policy, of a token that a real provider issues", () => {
  let job: MainJob;
  beforeAll(async () => {
    job = await startMainJob();
  });
  afterAll(() => job?.close());
  beforeEach(async () => {
    job.world.reset();
    job.configure();
  });

  function uncached(): Promise<RunResult> {
    rmSync(job.sandbox.cacheDirectory, { recursive: true, force: true });
    return job.sandbox.run(CREDENTIAL_PROCESS);
  }

  it.each([
    ["aud", undefined],
    ["azp", "billing-batch"],
  ])("prints the policy that STS then goes by, with %s as the audience", async (_, azp) => {
    if (azp !== undefined) job.world.op.token.azp = azp;
    const before = job.counts();
    const result = await job.sandbox.run(["trust-policy", "--profile", "billing"]);
    const policy = policyOf(result);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts });
    expect(result.stderr).toContain("is not https");
    expect(await verdicts(job.sandbox, policy)).toEqual({ "trust policy, sts:AssumeRoleWithWebIdentity": "ok" });

    if (azp !== undefined) job.world.registerAudiences(azp);
    job.world.trust(...[policy.Statement].flat());
    credentialsOf(await uncached());
  });

  it("lets no other subject in", async () => {
    const policy = policyOf(await job.sandbox.run(["trust-policy"]));
    job.world.trust(
      ...JSON.parse(JSON.stringify([policy.Statement].flat()).replace(/:sub":"[^"]+"/, ':sub":"somebody-else"')),
    );
    expectFailure(await uncached(), { status: 4, says: /trust policy/ });
  });

  it("prints every format, and nothing where the provider refuses", async () => {
    for (const [format, has] of [
      ["aws-cli", "aws iam create-open-id-connect-provider"],
      ["cloudformation", '"AWS::IAM::OIDCProvider"'],
      ["terraform", 'resource "aws_iam_openid_connect_provider"'],
    ] as const) {
      const { status, stdout } = await job.sandbox.run(["trust-policy", "-f", format, "--duration-seconds", "7200"]);
      expect([status, stdout]).toEqual([0, expect.stringContaining(has)]);
      expect(stdout).toContain("7200");
      expect(stdout).not.toContain(job.world.op.clients.secretBasic.clientSecret);
    }
    job.sandbox.file("billing.secret", "wrong\n");
    expectFailure(await job.sandbox.run(["trust-policy"]), { status: 4, says: /does not accept client/ });
    job.sandbox.file("billing.secret", `${job.world.op.clients.secretBasic.clientSecret}\n`);
  });

  it("says that an OIDC profile needs a role", async () => {
    const file = job.sandbox.file("token", jwtOf({ iss: "https://idp.corp.com", sub: "x", aud: "y", exp: 1 }));
    job.sandbox.configure(
      `[identity.file]\ntype = "token-file"\npath = "${file}"\n[profile.billing]\nidentity = "file"\n`,
    );
    expectFailure(await job.sandbox.run(["trust-policy"]), { status: 2, says: /has no role_arn/ });
  });
});

describe("trust-policy, of a SAML response", () => {
  let sandbox: Sandbox;
  let issuer: SamlIssuer;
  let sts: SimulatedSts;
  beforeAll(async () => {
    [issuer, sts] = await Promise.all([createSamlIssuer(), startSimulatedSts()]);
    sts.account.samlProviders.push({ arn: PROVIDER, metadataXml: issuer.metadata() });
  });
  afterAll(() => sts?.close());
  beforeEach(() => {
    sandbox = makeSandbox();
    return () => sandbox.remove();
  });

  function configure(options: ResponseOptions = {}): void {
    const file = sandbox.file("response", base64(responseXml(issuer, { roles: [`${ROLE},${PROVIDER}`], ...options })));
    const metadata = sandbox.file("metadata.xml", issuer.metadata());
    sandbox.configure(`
[identity.file]
type = "saml-file"
path = "${file}"
metadata = "${metadata}"
[profile.billing]
identity = "file"
region = "us-east-1"
endpoint_url = "${sts.url}"
store = "file"
duration_seconds = 7200`);
  }

  it("prints the policy that STS then goes by, tags and source identity included", async () => {
    configure({ tags: { team: "billing" }, sourceIdentity: "svc-billing" });
    const policy = policyOf(await sandbox.run(["trust-policy"]));
    expect(policy).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: PROVIDER },
          Action: ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
          Condition: {
            StringEquals: { "SAML:aud": "https://signin.aws.amazon.com/saml", "SAML:iss": issuer.entityId },
          },
        },
      ],
    });
    expect(await verdicts(sandbox, policy)).toEqual({
      "trust policy, sts:AssumeRoleWithSAML": "ok",
      "trust policy, sts:TagSession": "ok",
      "trust policy, sts:SetSourceIdentity": "ok",
    });
    sts.account.roles.splice(0, 9, { arn: ROLE, trustPolicy: policy, maxSessionDurationSeconds: 7200 });
    credentialsOf(await sandbox.run(CREDENTIAL_PROCESS));
  });

  it("binds the subject when it is asked to, and warns of one that changes", async () => {
    configure({
      nameId: ["CORP\\svc-$", "{aws:username}"].join(""),
      nameIdFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    });
    const result = await sandbox.run(["trust-policy", "--subject"]);
    const policy = policyOf(result);
    expect(result.stderr).toMatch(/^sts-broker: warning: the subject "CORP.* is transient/);
    expect(await verdicts(sandbox, policy)).toEqual({ "trust policy, sts:AssumeRoleWithSAML": "ok" });
    sts.account.roles.splice(0, 9, { arn: ROLE, trustPolicy: policy, maxSessionDurationSeconds: 7200 });
    credentialsOf(await sandbox.run(CREDENTIAL_PROCESS));
    expect(JSON.stringify(policyOf(await sandbox.run(["trust-policy"])))).not.toContain("SAML:sub");
  });

  it("knows the provider's name and metadata", async () => {
    configure();
    const cli = await sandbox.run(["trust-policy", "-f", "aws-cli"]);
    expect(cli.stdout).toContain("--name=corp");
    expect(cli.stdout).toContain(`--saml-metadata-document=file://${sandbox.home}/metadata.xml`);
    const template = JSON.parse((await sandbox.run(["trust-policy", "-f", "cloudformation"])).stdout);
    expect(template.Resources.Provider.Properties.SamlMetadataDocument).toBe(issuer.metadata());
  });

  it("says nothing of a response that somebody forged", async () => {
    const other = await createSamlIssuer();
    sandbox.file("response", "");
    configure();
    sandbox.file("metadata.xml", other.metadata());
    const { status, stdout } = await sandbox.run(["trust-policy"]);
    expect([status, stdout]).toEqual([4, ""]);
  });
});
