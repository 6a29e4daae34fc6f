import { chownSync, copyFileSync, existsSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { expectFailure, isRoot, runAs } from "../bin/black-box.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { makeSandbox, runProgram, type Sandbox } from "../support/program.ts";
import { type SimulatedSts, startSimulatedSts } from "../support/simulated-sts/server.ts";
import { PUBLIC_CLIENT, type SsoProvider, startSsoProvider } from "../support/sso-provider.ts";
import { APACHE_PROGRAMS, type Apache, startApache } from "./servers/apache.ts";
import { GSSPROXY_PROGRAMS, type Gssproxy, startGssproxy } from "./servers/gssproxy.ts";
import { KDC_PROGRAMS, type Kdc, startKdc } from "./servers/kdc.ts";
import { KERBEROS_ADDON } from "./servers/kerberos-addon.ts";
import { namesEnvironment } from "./servers/krb5-environment.ts";
import { freePorts, runOrThrow, until } from "./servers/process.ts";
import { describeSystem } from "./servers/requirements.ts";

const HOST = "idp.corp.example";
const ROLE = "arn:aws:iam::123456789012:role/ci/billing";
const BILLING = 54321;
const STRANGER = 54322;

const PROGRAMS = [...GSSPROXY_PROGRAMS, ...KDC_PROGRAMS, ...APACHE_PROGRAMS, "libnss_wrapper.so", KERBEROS_ADDON];

describeSystem("gssproxy", PROGRAMS, () => {
  let kdc: Kdc;
  let apache: Apache;
  let gssproxy: Gssproxy | undefined;
  let op: SsoProvider;
  let sts: SimulatedSts;
  let issuer: string;
  let ca: Awaited<ReturnType<typeof createCertificateAuthority>>;
  const sandboxes: Sandbox[] = [];

  beforeAll(async () => {
    const [authority, started, [port = 0]] = await Promise.all([
      createCertificateAuthority(),
      startKdc({ principals: [`HTTP/${HOST}`, "svc-batch"], passwords: { alice: "Passw0rd-canary" } }),
      freePorts(1),
    ]);
    ca = authority;
    kdc = started;
    issuer = `https://${HOST}:${port}`;
    op = await startSsoProvider({
      issuer,
      clientSecret: "s3cret-s3cret-s3cret-s3cret-canary",
      redirectUri: "http://127.0.0.1/callback",
    });
    apache = await startApache({
      port,
      certificate: await ca.issueServer([HOST]),
      keytab: kdc.keytab(`HTTP/${HOST}`),
      krb5Conf: kdc.krb5Conf,
      proxyTo: op.url,
      protect: ["/interaction/"],
    });
    const provider = issuer.replace("https://", "");
    sts = await startSimulatedSts({
      issuerCa: ca.cert,
      issuerHosts: { [HOST]: `127.0.0.1:${port}` },
      providers: [{ issuer, clientIds: [PUBLIC_CLIENT] }],
      roles: [
        {
          arn: ROLE,
          trustPolicy: {
            Version: "2012-10-17",
            Statement: [
              {
                Effect: "Allow",
                Principal: { Federated: `arn:aws:iam::123456789012:oidc-provider/${provider}` },
                Action: ["sts:AssumeRoleWithWebIdentity"],
                Condition: { StringEquals: { [`${provider}:sub`]: "svc-batch@CORP.EXAMPLE" } },
              },
            ],
          },
        },
      ],
    });
  });
  afterEach(async () => {
    await gssproxy?.stop();
    gssproxy = undefined;
    for (const sandbox of sandboxes.splice(0)) sandbox.remove();
  });
  afterAll(async () => {
    await Promise.all([apache?.stop(), op?.close(), sts?.close()]);
    await kdc?.stop();
  });

  const start = async () => {
    gssproxy = await startGssproxy({ uid: BILLING, keytab: kdc.keytab("svc-batch"), krb5Conf: kdc.krb5Conf });
    return gssproxy;
  };
  /** The program as a user that cannot read the keytab. */
  const runOf = async (uid: number, line: string, env: Readonly<Record<string, string>>) => {
    const sandbox = makeSandbox();
    sandboxes.push(sandbox);
    sandbox.configure(
      `[identity.corp]
type = "oidc-kerberos"
issuer = "${issuer}"
client_id = "${PUBLIC_CLIENT}"
ca_file = "${sandbox.file("ca.pem", ca.cert)}"
${line}

[profile.billing]
identity = "corp"
role_arn = "${ROLE}"
region = "eu-west-1"
endpoint_url = "${sts.url}"
store = "none"
`,
    );
    const names = namesEnvironment(sandbox.home, [HOST]);
    await runOrThrow("/bin/chown", ["-R", `${uid}:${uid}`, sandbox.home]);
    const args = ["credential-process", "--profile", "billing"];
    const result = await runAs(uid, sandbox, args, { env: { KRB5_CONFIG: kdc.krb5Conf, ...names, ...env } });
    return { ...result, sandbox };
  };

  test.skipIf(!isRoot)("gets a ticket for a job that may not read the keytab", async () => {
    const { env, caches } = await start();
    const keytab = kdc.keytab("svc-batch");
    const readable = ["setpriv", `--reuid=${BILLING}`, `--regid=${BILLING}`, "--clear-groups", "--", "cat", keytab];
    expect((await runProgram(readable, { PATH: "/usr/bin:/bin" }, { cwd: "/" })).stderr).toContain("Permission denied");

    // The user's own tickets, which are somebody else's: neither used nor written.
    const own = join(kdc.folder, "own-cache");
    copyFileSync((await kdc.kinit("alice", { password: "Passw0rd-canary" })).replace("FILE:", ""), own);
    chownSync(own, BILLING, BILLING);
    const before = readFileSync(own);
    const more = { ...env, KRB5CCNAME: `FILE:${own}` };
    const { status, stdout, stderr } = await runOf(BILLING, "gssproxy = true", more);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ Version: 1, AccessKeyId: expect.stringMatching(/^ASIA/) });
    const inTheLog = () => apache.requests().some((line) => line.includes("svc-batch@CORP.EXAMPLE"));
    await until("the request is in Apache's log", inTheLog, { deadlineMs: 5_000 });
    expect(caches()).toEqual([{ name: `krb5cc_${BILLING}`, uid: 0, mode: 0o600 }]);
    expect(readFileSync(own).equals(before)).toBe(true);
    expect(existsSync(join(tmpdir(), `krb5cc_${BILLING}`))).toBe(false);
  });

  test.skipIf(!isRoot)("gives no ticket to a user that gssproxy does not serve, nor without gssproxy", async () => {
    const { env, caches, stop } = await start();
    const none = { status: 3, says: /there is no Kerberos ticket for idp\.corp\.example/ };
    expectFailure(await runOf(STRANGER, "gssproxy = true", env), none);
    expectFailure(await runOf(BILLING, "", env), none);
    expect(caches()).toEqual([]);
    await stop();
    expectFailure(await runOf(BILLING, "gssproxy = true", env), none);
  });
});
