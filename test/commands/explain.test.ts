/** The built program, as a person at 3 am runs it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { jwtOf } from "../exchange/fixtures.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { makeSandbox, type RunResult, type Sandbox } from "../support/program.ts";
import { createSamlIssuer, type SamlIssuer } from "../support/saml-issuer.ts";
import { base64, type ResponseOptions, responseXml, wrapped } from "../support/saml-response.ts";

interface Report {
  readonly verdict: string;
  readonly kind: string;
  readonly says: readonly { label: string; value: string }[];
  readonly findings: readonly { point: string; verdict: string; detail: string; hint?: string }[];
}

const ROLE = "arn:aws:iam::123456789012:role/ci/billing";

function reportOf({ stdout, stderr }: RunResult): Report {
  expect(stderr).toBe("");
  expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  return JSON.parse(stdout) as Report;
}

function point(report: Report, name: string): Report["findings"][number] {
  const found = report.findings.find((finding) => finding.point === name);
  if (found === undefined) throw new Error(`no point ${name} in ${report.findings.map((one) => one.point).join()}`);
  return found;
}

describe("explain, of a token that a real provider issues", () => {
  let job: MainJob;
  beforeAll(async () => {
    job = await startMainJob();
  });
  afterAll(() => job.close());
  beforeEach(() => {
    job.world.reset();
    job.configure();
  });

  it("says what is in it, and that AWS cannot reach a loopback issuer", async () => {
    const result = await job.sandbox.run(["explain", "--profile", "billing"]);
    expect(result.status).toBe(4);
    expect(result.stderr).toBe("");
    expect(result.stdout).toContain(`"iss": "${job.world.op.issuer}"`);
    expect(result.stdout).toContain("is not https");
    expect(result.stdout).toContain("127.0.0.1 is a private or loopback address: AWS cannot fetch keys from it");
    expect(result.stdout).toMatch(/AWS would refuse it: 2 points are against it\.\n$/);
  });

  it("fetches anew each time, keeps nothing and asks STS nothing", async () => {
    const before = job.counts();
    await job.sandbox.run(["explain"]);
    await job.sandbox.run(["explain"]);
    expect(job.counts()).toEqual({ token: before.token + 2, sts: before.sts });
  });

  it("never shows the token or its signature", async () => {
    const { stdout } = await job.sandbox.run(["explain", "--format", "json"]);
    expect(stdout).not.toMatch(/eyJ[\w-]{10,}\./);
    expect(stdout).not.toMatch(/[\w-]{120,}/);
  });

  it("names azp as the audience, and the condition of the trust policy that fails", async () => {
    job.world.op.token.azp = "billing-batch";
    const trust = { StringEquals: { [`${job.world.issuerName}:aud`]: "sts.amazonaws.com" } };
    const file = job.sandbox.file("trust.json", JSON.stringify({ Statement: [job.world.allow(trust)] }));
    const report = reportOf(await job.sandbox.run(["explain", "--trust-policy", file, "--format", "json"]));
    expect(point(report, "audience").detail).toMatch(/^"billing-batch", its azp,.*AWS reads azp before aud/);
    expect(point(report, "trust policy, sts:AssumeRoleWithWebIdentity")).toMatchObject({
      verdict: "no",
      detail: `statement 1: StringEquals wants ${job.world.issuerName}:aud = "sts.amazonaws.com", and it is "billing-batch"`,
    });
  });

  it("finds nothing against the trust policy that STS goes by", async () => {
    const trust = { StringEquals: { [`${job.world.issuerName}:aud`]: "sts.amazonaws.com" } };
    const file = job.sandbox.file("trust.json", JSON.stringify({ Statement: job.world.allow(trust) }));
    const report = reportOf(await job.sandbox.run(["explain", "--trust-policy", file, "-f", "json"]));
    expect(point(report, "trust policy, sts:AssumeRoleWithWebIdentity")).toMatchObject({ verdict: "ok" });
  });

  it("ends as any command does when the provider refuses or cannot be reached", async () => {
    job.sandbox.file("billing.secret", "wrong\n");
    expect((await job.sandbox.run(["explain"])).status).toBe(4);
    job.sandbox.file("billing.secret", `${job.world.op.clients.secretBasic.clientSecret}\n`);
    job.sandbox.configure(`
[identity.corp]
type = "oidc-client-credentials"
issuer = "http://127.0.0.1:1"
client_id = "x"
client_secret = { env = "SECRET" }
[profile.billing]
identity = "corp"
role_arn = "${ROLE}"`);
    const { status, stdout } = await job.sandbox.run(["explain"], { env: { SECRET: "x" } });
    expect([status, stdout]).toEqual([5, ""]);
  });

  it("refuses a trust policy that is none before it asks anybody", async () => {
    const before = job.counts();
    for (const [content, said] of [
      ["{", "is not JSON"],
      ['{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}', "no Principal"],
    ] as const) {
      const file = job.sandbox.file("trust.json", content);
      const { status, stderr } = await job.sandbox.run(["explain", "--trust-policy", file]);
      expect([status, stderr]).toEqual([2, expect.stringContaining(said)]);
    }
    expect((await job.sandbox.run(["explain", "--trust-policy", "/nowhere.json"])).status).toBe(2);
    expect(job.counts()).toEqual(before);
  });
});

describe("explain, of a token that something else brought", () => {
  let sandbox: Sandbox;
  beforeEach(() => {
    sandbox = makeSandbox();
    return () => sandbox.remove();
  });

  async function explained(token: string): Promise<Report & { status: number | undefined }> {
    const file = sandbox.file("token", token);
    sandbox.configure(`
[identity.file]
type = "token-file"
path = "${file}"
[profile.billing]
identity = "file"
role_arn = "${ROLE}"
duration_seconds = 7200`);
    const result = await sandbox.run(["explain", "--json"]);
    return { ...reportOf(result), status: result.status };
  }

  const seconds = Math.floor(Date.now() / 1000);
  const good = {
    iss: "https://idp.corp.com/realms/prod",
    sub: "svc-billing",
    aud: "sts.amazonaws.com",
    iat: seconds,
    exp: seconds + 600,
  };

  it("exits 0 when nothing is against it", async () => {
    const report = await explained(jwtOf(good, { alg: "RS256", kid: "k1" }));
    expect([report.status, report.verdict]).toEqual([0, "nothing against it"]);
    expect(report.findings.filter(({ verdict }) => verdict === "no")).toEqual([]);
    expect(point(report, "length").detail).toMatch(/^7200 s/);
  });

  it.each([
    ["opaque", "f3a9c1d2-not-a-jwt", "format", "is opaque"],
    ["encrypted", `${jwtOf(good)}.x.y`, "format", "is encrypted"],
    ["damaged", "eyJhbGciOiJSUzI1NiJ9.%%%.x", "format", ""],
    ["signed by HS256", jwtOf(good, { alg: "HS256" }), "algorithm", "HS256"],
    ["expired", jwtOf({ ...good, iat: seconds - 900, exp: seconds - 300 }), "expiry", "expired 5 min ago"],
    ["of the future", jwtOf({ ...good, nbf: seconds + 900 }), "not before", "not valid yet"],
    ["with times in fractions", jwtOf({ ...good, exp: seconds + 600.5 }), "expiry", "whole seconds"],
    ["without iat", jwtOf({ ...good, iat: undefined }), "issued", 'no "iat"'],
    ["without a subject", jwtOf({ ...good, sub: null }), "subject", 'no "sub"'],
    ["without an audience", jwtOf({ ...good, aud: undefined, azp: "x" }), "audience", 'no "aud"'],
    ["without an issuer", jwtOf({ ...good, iss: undefined }), "issuer", 'no "iss"'],
    ["of an issuer with a port", jwtOf({ ...good, iss: "https://idp.corp.com:8443/x" }), "issuer", "has a port"],
    ["of an issuer with port 443", jwtOf({ ...good, iss: "https://idp.corp.com:443/x" }), "issuer", "has a port"],
    ["of an issuer with a query", jwtOf({ ...good, iss: "https://idp.corp.com/x?y=1" }), "issuer", "query"],
    [
      "of an issuer in a private network",
      jwtOf({ ...good, iss: "https://10.1.2.3/x" }),
      "reachable",
      "private or loopback",
    ],
    [
      "of an issuer by a local name",
      jwtOf({ ...good, iss: "https://keycloak.corp.internal" }),
      "reachable",
      "nobody outside",
    ],
    ["of an issuer that is no URL", jwtOf({ ...good, iss: "corp" }), "issuer", "is not a URL"],
  ])("survives one that is %s", async (_, token, name, said) => {
    const report = await explained(token);
    expect([report.status, report.verdict]).toEqual([4, "would be refused"]);
    expect(point(report, name)).toMatchObject({ verdict: "no", detail: expect.stringContaining(said) });
  });

  it("lets no escape sequence of a claim out", async () => {
    const report = await explained(jwtOf({ ...good, sub: "\u001b[2Jx", name: "\u202e\u009b31m" }));
    expect(point(report, "subject").verdict).toBe("no");
    const { stdout } = await sandbox.run(["explain"]);
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  });
});

describe("explain, of a SAML response", () => {
  let sandbox: Sandbox;
  let issuer: SamlIssuer;
  beforeAll(async () => {
    issuer = await createSamlIssuer("https://idp.corp.example/saml");
  });
  beforeEach(() => {
    sandbox = makeSandbox();
    return () => sandbox.remove();
  });

  interface Setup {
    readonly metadata?: boolean;
    readonly profile?: string;
    readonly args?: readonly string[];
  }

  async function run(xml: string, { metadata = true, profile = "", args = [] }: Setup = {}): Promise<RunResult> {
    const file = sandbox.file("response", base64(xml));
    const metadataFile = sandbox.file("metadata.xml", issuer.metadata());
    sandbox.configure(`
[identity.file]
type = "saml-file"
path = "${file}"
${metadata ? `metadata = "${metadataFile}"` : ""}
[profile.billing]
identity = "file"
region = "us-east-1"
${profile}`);
    return sandbox.run(["explain", ...args]);
  }

  async function explained(
    options: ResponseOptions = {},
    setup: Setup = {},
  ): Promise<Report & { status: number | undefined }> {
    const result = await run(responseXml(issuer, options), { ...setup, args: [...(setup.args ?? []), "-f", "json"] });
    return { ...reportOf(result), status: result.status };
  }

  it("exits 0 when nothing is against it, and shows what it says", async () => {
    const report = await explained({ sessionDuration: "7200" });
    expect(report.findings.filter(({ verdict }) => verdict === "no")).toEqual([]);
    expect([report.status, report.kind]).toEqual([0, "saml"]);
    expect(point(report, "signature")).toMatchObject({ verdict: "ok", detail: expect.stringContaining("rsa-sha256") });
    expect(point(report, "role").detail).toContain(ROLE);
    expect(point(report, "length").detail).toContain("7200 s are asked for, the SessionDuration");
    expect(report.says).toContainEqual({ label: "subject", value: expect.stringContaining("CORP\\svc-billing") });
  });

  it("never shows the signature or the response", async () => {
    const xml = responseXml(issuer);
    const { stdout } = await run(xml);
    const [, signature = ""] = /SignatureValue>([^<]+)</.exec(xml) ?? [];
    expect(stdout).not.toContain(signature.slice(0, 40));
    expect(stdout).not.toContain(base64(xml).slice(0, 40));
    expect(stdout).not.toContain("-----BEGIN");
  });

  it("leaves the signature to AWS where no metadata is configured", async () => {
    const report = await explained({ signed: "nothing" }, { metadata: false });
    expect([report.status, point(report, "signature").verdict]).toEqual([0, "unknown"]);
  });

  it("says every point that is against it at once", async () => {
    const report = await explained({
      recipient: "https://app.example/acs",
      audience: "urn:app",
      sessionName: undefined,
      roles: ["AWS-Admins"],
    });
    const against = report.findings.filter(({ verdict }) => verdict === "no").map((finding) => finding.point);
    expect(against).toEqual(["recipient", "audience", "roles", "session name"]);
    expect(report.status).toBe(4);
  });

  it("has several roles and asks which", async () => {
    const provider = "arn:aws:iam::123456789012:saml-provider/corp";
    const roles = [`${ROLE},${provider}`, `arn:aws:iam::123456789012:role/ops,${provider}`];
    const report = await explained({ roles });
    expect(point(report, "role")).toMatchObject({ verdict: "no", hint: `role_arn = "${ROLE}"` });
    expect((await explained({ roles }, { profile: `role_arn = "${ROLE}"` })).status).toBe(0);
  });

  it("holds it against the trust policy: SAML:aud is the Recipient", async () => {
    const trust = (Condition: object): string =>
      sandbox.file(
        "trust.json",
        JSON.stringify({
          Statement: {
            Effect: "Allow",
            Principal: { Federated: "arn:aws:iam::123456789012:saml-provider/corp" },
            Action: "sts:AssumeRoleWithSAML",
            Condition,
          },
        }),
      );
    const endpoint = { StringEquals: { "SAML:aud": "https://signin.aws.amazon.com/saml" } };
    expect((await explained({}, { args: ["--trust-policy", trust(endpoint)] })).status).toBe(0);
    const urn = { StringEquals: { "SAML:aud": "urn:amazon:webservices" } };
    const report = await explained({ tags: { team: "billing" } }, { args: ["--trust-policy", trust(urn)] });
    expect(point(report, "trust policy, sts:AssumeRoleWithSAML").detail).toContain(
      'SAML:aud = "urn:amazon:webservices", and it is "https://signin.aws.amazon.com/saml"',
    );
    expect(point(report, "trust policy, sts:TagSession")).toMatchObject({ verdict: "no" });
  });

  it("survives forgeries and refusals", async () => {
    for (const [, xml] of wrapped(issuer)) {
      const report = reportOf(await run(xml, { args: ["-f", "json"] }));
      expect(report.verdict).toBe("would be refused");
    }
    const status = '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:AuthnFailed"/>';
    const report = await explained({ status, inside: "" });
    expect(point(report, "status")).toMatchObject({ verdict: "no", detail: expect.stringContaining("AuthnFailed") });
  });

  it("wraps its lines, and ends with a verdict", async () => {
    const { status, stdout } = await run(responseXml(issuer, { audience: "urn:app" }));
    expect(status).toBe(4);
    expect(stdout).toMatch(/^profile billing: the SAML response in .* \(SAML\)\n\nWhat it says\n/);
    expect(stdout).toContain('  no       audience: the response has the audience "urn:app"');
    expect(stdout).toMatch(/AWS would refuse it: 1 point is against it\.\n$/);
  });
});
