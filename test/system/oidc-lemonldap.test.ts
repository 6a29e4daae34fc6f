import { decodeJwt } from "jose";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createCertificateAuthority } from "../support/certificates.ts";
import { makeSandbox, type RunResult, type Sandbox } from "../support/program.ts";
import { type SimulatedSts, startSimulatedSts } from "../support/simulated-sts/server.ts";
import { APACHE_PROGRAMS, type Apache, startApache } from "./servers/apache.ts";
import { KDC_PROGRAMS, type Kdc, startKdc } from "./servers/kdc.ts";
import { KERBEROS_ADDON } from "./servers/kerberos-addon.ts";
import { namesEnvironment } from "./servers/krb5-environment.ts";
import { LEMONLDAP_PROGRAMS, type Lemonldap, startLemonldap } from "./servers/lemonldap.ts";
import { freePorts } from "./servers/process.ts";
import { describeSystem } from "./servers/requirements.ts";

const HOST = "idp.corp.example";
const ROLE = "arn:aws:iam::123456789012:role/ci/billing";
/** Without a port, as the source's default: LemonLDAP::NG compares redirect URIs exactly. */
const REDIRECT_URI = "http://127.0.0.1/callback";
const SECRET = "lemonldap-s3cret-canary";
const CLIENT = "sts-broker";
/** Its sub is an attribute that only a person's session has. */
const PERSONS_CLIENT = "for-persons";
const CONSENT_CLIENT = "asks-first";
const PROGRAMS = [...LEMONLDAP_PROGRAMS, ...KDC_PROGRAMS, ...APACHE_PROGRAMS, "libnss_wrapper.so", KERBEROS_ADDON];

describeSystem("LemonLDAP::NG as an OpenID provider", PROGRAMS, () => {
  let kdc: Kdc;
  let apache: Apache;
  let op: Lemonldap;
  let sts: SimulatedSts;
  let sandbox: Sandbox;
  let issuer: string;
  let caFile: string;
  let secretFile: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    sandbox = makeSandbox();
    const [ca, started, [port = 0, inner = 0]] = await Promise.all([
      createCertificateAuthority(),
      startKdc({ principals: [`HTTP/${HOST}`, "svc-batch"] }),
      freePorts(2),
    ]);
    kdc = started;
    issuer = `https://${HOST}:${port}`;
    const keytab = kdc.keytab(`HTTP/${HOST}`);
    const client = { clientSecret: SECRET, redirectUri: REDIRECT_URI };
    op = await startLemonldap({
      relyingParties: [
        { ...client, clientId: CLIENT },
        { ...client, clientId: PERSONS_CLIENT, subject: "_user" },
        { ...client, clientId: CONSENT_CLIENT, consent: true },
      ],
      negotiate: { keytab, krb5Conf: kdc.krb5Conf },
      behind: { port: inner, url: issuer },
    });
    apache = await startApache({
      port,
      certificate: await ca.issueServer([HOST]),
      keytab,
      krb5Conf: kdc.krb5Conf,
      proxyTo: `http://127.0.0.1:${inner}`,
      // LemonLDAP::NG speaks Negotiate by itself.
      protect: [],
    });
    const name = issuer.replace("https://", "");
    sts = await startSimulatedSts({
      issuerCa: ca.cert,
      issuerHosts: { [HOST]: `127.0.0.1:${port}` },
      providers: [{ issuer, clientIds: [CLIENT, PERSONS_CLIENT] }],
      roles: [
        {
          arn: ROLE,
          trustPolicy: {
            Version: "2012-10-17",
            Statement: [
              {
                Effect: "Allow",
                Principal: { Federated: `arn:aws:iam::123456789012:oidc-provider/${name}` },
                Action: ["sts:AssumeRoleWithWebIdentity"],
                Condition: { StringEquals: { [`${name}:sub`]: ["svc-batch", CLIENT] } },
              },
            ],
          },
        },
      ],
    });
    caFile = sandbox.file("ca.pem", ca.cert);
    secretFile = sandbox.file("client.secret", SECRET);
    env = { KRB5_CONFIG: kdc.krb5Conf, ...namesEnvironment(sandbox.home, [HOST]) };
  });
  afterAll(async () => {
    await Promise.all([apache?.stop(), op?.stop(), sts?.close()]);
    await kdc?.stop();
    sandbox.remove();
  });
  /** How often the simulated STS was asked since the test began. */
  let before = 0;
  beforeEach(() => {
    before = sts.count("AssumeRoleWithWebIdentity");
  });
  const calls = (): number => sts.count("AssumeRoleWithWebIdentity") - before;

  const run = (identity: Readonly<Record<string, string>>): Promise<RunResult> => {
    const all = { issuer, client_id: CLIENT, ca_file: caFile, ...identity };
    const lines = Object.entries(all).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    sandbox.configure(
      `[identity.corp]\n${lines.join("")}client_secret = { file = ${JSON.stringify(secretFile)} }\n\n[profile.p]\nidentity = "corp"\nrole_arn = "${ROLE}"\nregion = "eu-west-1"\nendpoint_url = "${sts.url}"\nstore = "none"\n`,
    );
    return sandbox.run(["credential-process", "--profile", "p", "--debug"], { env });
  };

  const expectCredentials = ({ status, stdout, stderr }: RunResult): void => {
    expect(stderr).not.toContain("hint");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ Version: 1, AccessKeyId: expect.stringMatching(/^ASIA/) });
    expect(calls()).toBe(1);
    // A SPNEGO token starts with YII, a JWT with eyJ.
    expect(stderr).not.toMatch(/YII[A-Za-z0-9+/]{20}|eyJ|code=|state=|canary/);
  };

  test.each(["client_secret_basic", "client_secret_post"])(
    "oidc-kerberos: a keytab gives AWS credentials, with %s and the ticket's principal as sub",
    async (method) => {
      const result = await run({
        type: "oidc-kerberos",
        token_endpoint_auth_method: method,
        keytab: kdc.keytab("svc-batch"),
      });
      expectCredentials(result);
      expect(result.stderr).toContain(`iss ${issuer}, sub svc-batch, audience for AWS ${CLIENT}`);
    },
  );

  test("oidc-kerberos: a redirect URI that is not registered is told so", async () => {
    const { status, stdout, stderr } = await run({
      type: "oidc-kerberos",
      redirect_uri: "http://127.0.0.1:8080/callback",
      keytab: kdc.keytab("svc-batch"),
    });
    expect(stdout).toBe("");
    expect(stderr).toContain("check client_id and redirect_uri");
    expect(status).toBe(5);
    expect(calls()).toBe(0);
  });

  test("oidc-kerberos: a client whose users are asked for consent is told so", async () => {
    const { status, stdout, stderr } = await run({
      type: "oidc-kerberos",
      client_id: CONSENT_CLIENT,
      keytab: kdc.keytab("svc-batch"),
    });
    expect(stdout).toBe("");
    expect(stderr).toContain(`${issuer} asks a person to consent to what the client may see`);
    expect(status).toBe(4);
    expect(calls()).toBe(0);
  });

  test("oidc-kerberos: without a ticket it says so", async () => {
    const { status, stdout, stderr } = await run({ type: "oidc-kerberos", ccache: "FILE:/nonexistent/cc" });
    expect(stdout).toBe("");
    expect(stderr).toContain(`there is no Kerberos ticket for ${HOST}`);
    expect(status).toBe(3);
  });

  test("oidc-client-credentials: the client is the subject", async () => {
    const result = await run({ type: "oidc-client-credentials", scope: "openid" });
    expectCredentials(result);
    expect(result.stderr).toContain(`sub ${CLIENT}`);
  });

  test("oidc-client-credentials: a JWT whose sub is null never reaches AWS, and the claim is named", async () => {
    const answer = await fetch(`http://127.0.0.1:${op.port}/oauth2/token`, {
      method: "POST",
      headers: { host: new URL(issuer).host, "x-forwarded-proto": "https" },
      body: new URLSearchParams({
        grant_type: "client_credentials",
        scope: "openid",
        client_id: PERSONS_CLIENT,
        client_secret: SECRET,
      }),
    });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    expect(decodeJwt(token)).toMatchObject({ iss: issuer, sub: null });
    const { status, stdout, stderr } = await run({
      type: "oidc-client-credentials",
      client_id: PERSONS_CLIENT,
      scope: "openid",
    });
    expect(stdout).toBe("");
    expect(stderr).toContain(`the access token of ${issuer} has no "sub" claim, and AWS needs it`);
    expect(status).toBe(4);
    expect(calls()).toBe(0);
  });
});
