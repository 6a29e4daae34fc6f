import { cpSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createCertificateAuthority } from "../support/certificates.ts";
import { listen } from "../support/listening-server.ts";
import { makeSandbox, type RunOptions, runProgram, type Sandbox } from "../support/program.ts";
import { type SimulatedSts, startSimulatedSts } from "../support/simulated-sts/server.ts";
import {
  AWS_RESOURCE,
  PUBLIC_CLIENT,
  SECRET_CLIENT,
  type SsoProvider,
  startSsoProvider,
} from "../support/sso-provider.ts";
import { APACHE_PROGRAMS, type Apache, type ApacheOptions, startApache } from "./servers/apache.ts";
import { KDC_PROGRAMS, type Kdc, startKdc } from "./servers/kdc.ts";
import { KERBEROS_ADDON } from "./servers/kerberos-addon.ts";
import { namesEnvironment } from "./servers/krb5-environment.ts";
import { freePorts, until } from "./servers/process.ts";
import { describeSystem } from "./servers/requirements.ts";

const HOST = "idp.corp.example";
const ROLE = "arn:aws:iam::123456789012:role/ci/billing";
const REDIRECT_URI = "http://127.0.0.1/callback";
const CLIENT_SECRET = "s3cret-s3cret-s3cret-s3cret-canary";

/** Kerberos helpers of programs that ran in this folder. */
function helpers(folder: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return (
        /\0__kerberos\0/.test(readFileSync(`/proc/${pid}/cmdline`, "latin1")) &&
        readlinkSync(`/proc/${pid}/cwd`) === folder
      );
    } catch {
      return false;
    }
  });
}

describeSystem("oidc-kerberos", [...KDC_PROGRAMS, ...APACHE_PROGRAMS, "libnss_wrapper.so", KERBEROS_ADDON], () => {
  let kdc: Kdc;
  let apache: Apache;
  let behindApache: ApacheOptions;
  let op: SsoProvider;
  let sts: SimulatedSts;
  let sandbox: Sandbox;
  let issuer: string;
  let caFile: string;
  let env: Record<string, string>;

  beforeAll(async () => {
    sandbox = makeSandbox();
    const [ca, started, [port = 0]] = await Promise.all([
      createCertificateAuthority(),
      startKdc({ principals: [`HTTP/${HOST}`, "svc-batch"], passwords: { alice: "Passw0rd-canary" } }),
      freePorts(1),
    ]);
    kdc = started;
    issuer = `https://${HOST}:${port}`;
    op = await startSsoProvider({ issuer, clientSecret: CLIENT_SECRET, redirectUri: REDIRECT_URI });
    behindApache = {
      port,
      certificate: await ca.issueServer([HOST]),
      keytab: kdc.keytab(`HTTP/${HOST}`),
      krb5Conf: kdc.krb5Conf,
      proxyTo: op.url,
      protect: ["/interaction/"],
    };
    apache = await startApache(behindApache);
    const name = issuer.replace("https://", "");
    sts = await startSimulatedSts({
      issuerCa: ca.cert,
      issuerHosts: { [HOST]: `127.0.0.1:${port}` },
      providers: [{ issuer, clientIds: [PUBLIC_CLIENT, SECRET_CLIENT, "sts.amazonaws.com"] }],
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
                Condition: { StringEquals: { [`${name}:sub`]: ["svc-batch@CORP.EXAMPLE", "alice@CORP.EXAMPLE"] } },
              },
            ],
          },
        },
      ],
    });
    caFile = sandbox.file("ca.pem", ca.cert);
    env = { KRB5_CONFIG: kdc.krb5Conf, ...namesEnvironment(sandbox.home, [HOST]) };
  });
  afterAll(async () => {
    await Promise.all([apache?.stop(), op?.close(), sts?.close()]);
    await kdc?.stop();
    sandbox.remove();
  });
  beforeEach(() => {
    op.behaviour.consent = false;
    op.behaviour.redirect = (location) => location;
    sts.clear();
  });

  const configure = (lines: Readonly<Record<string, string | boolean | string[] | object>>) => {
    const all = { type: "oidc-kerberos", issuer, client_id: PUBLIC_CLIENT, ca_file: caFile, ...lines };
    const toml = Object.entries(all).map(([key, value]) => {
      const plain = typeof value !== "object" || Array.isArray(value);
      return `${key} = ${plain ? JSON.stringify(value) : `{ file = ${JSON.stringify((value as { file: string }).file)} }`}`;
    });
    sandbox.configure(
      `[identity.corp]\n${toml.join("\n")}\n\n[profile.p]\nidentity = "corp"\nrole_arn = "${ROLE}"\nregion = "eu-west-1"\nendpoint_url = "${sts.url}"\nstore = "none"\n`,
    );
  };
  const run = (options: RunOptions = {}, ...args: string[]) =>
    sandbox.run(["credential-process", "--profile", "p", ...args], { ...options, env: { ...env, ...options.env } });
  const keytab = () => ({ keytab: kdc.keytab("svc-batch") });

  test("turns a keytab into AWS credentials, without kinit, a person or a listener", async () => {
    configure(keytab());
    const before = new Set(readdirSync(tmpdir()).filter((name) => name.startsWith("krb5cc")));
    const { status, stdout, stderr } = await run({}, "--debug");
    expect(stderr).not.toContain("hint");
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ Version: 1, AccessKeyId: expect.stringMatching(/^ASIA/) });
    expect(sts.count("AssumeRoleWithWebIdentity")).toBe(1);
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith("krb5cc") && !before.has(name))).toEqual([]);
    const inTheLog = () => apache.requests().some((line) => line.includes("svc-batch@CORP.EXAMPLE"));
    await until("the request is in Apache's log", inTheLog, { deadlineMs: 5_000 });
    await until("the helper ends with us", () => helpers(sandbox.home).length === 0, { deadlineMs: 2_000 });
    // Secrets and tickets: a SPNEGO token starts with YII, a JWT with eyJ.
    expect(stderr).not.toMatch(/YII[A-Za-z0-9+/]{20}|eyJ|Negotiate [A-Za-z0-9+/]{20}|code=|state=/);
  });

  test("turns a person's ticket into AWS credentials, with a client secret and an access token", async () => {
    const ccache = await kdc.kinit("alice", { password: "Passw0rd-canary" });
    configure({
      client_id: SECRET_CLIENT,
      client_secret: { file: sandbox.file("client.secret", CLIENT_SECRET) },
      scope: "openid aws",
      assertion: "access_token",
      resource: AWS_RESOURCE,
      require_mutual_authentication: true,
    });
    const { status, stdout, stderr } = await run({ env: { KRB5CCNAME: ccache } }, "--debug");
    expect(stderr).not.toContain("hint");
    expect(status).toBe(0);
    expect(stdout).toContain("SessionToken");
    expect(stderr).not.toContain("canary");
  });

  describe("says what is wrong", () => {
    const failure = async (lines: Parameters<typeof configure>[0], more: Record<string, string> = {}) => {
      configure(lines);
      const { status, stdout, stderr } = await run({ env: more });
      expect(stdout).toBe("");
      return { status, stderr };
    };

    test("without a ticket", async () => {
      const { status, stderr } = await failure({}, { KRB5CCNAME: "FILE:/nonexistent/cc" });
      expect(stderr).toContain(`there is no Kerberos ticket for ${HOST}`);
      expect(stderr).toContain("kinit");
      expect(status).toBe(3);
    });

    test("with an expired ticket", async () => {
      const ccache = await kdc.kinit("svc-batch", { lifetime: "1s" });
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const { status, stderr } = await failure({ ccache });
      expect(stderr).toContain("the Kerberos ticket has expired");
      expect(status).toBe(3);
    });

    test("with a service principal that the KDC does not know", async () => {
      const { status, stderr } = await failure({ ...keytab(), kerberos_spn: "HTTP/nobody.corp.example" });
      expect(stderr).toContain("the KDC has no service principal HTTP/nobody.corp.example");
      expect(status).toBe(4);
    });

    test("with a KDC that is down, or silent", async () => {
      const down = kdc.writeKrb5Conf("down.conf", { kdc: "127.0.0.1:1" });
      const { status, stderr } = await failure(keytab(), { KRB5_CONFIG: down });
      expect(stderr).toContain("no KDC can be reached");
      expect(status).toBe(5);
      configure(keytab());
      kdc.suspend();
      const silent = await run();
      kdc.resume();
      expect(silent.stderr).toContain("the KDC did not answer in time");
      expect(silent.status).toBe(5);
      // libkrb5 alone would take 27 s, and the exit would wait for it.
      expect(silent.tookMs).toBeLessThan(18_000);
    }, 40_000);

    test("with a keytab that others can read, or that is not there", async () => {
      const { status, stderr } = await failure({ keytab: sandbox.file("open.keytab", "x", 0o644) });
      expect(stderr).toContain("open.keytab is open to others");
      expect(status).toBe(2);
      expect((await failure({ keytab: "/nonexistent/keytab" })).stderr).toContain("does not exist");
    });

    test("when the provider shows its login page", async () => {
      await apache.stop();
      apache = await startApache({ ...behindApache, protect: ["/elsewhere"] });
      const { status, stderr } = await failure(keytab());
      await apache.stop();
      apache = await startApache(behindApache);
      expect(stderr).toContain(`no single sign-on: ${issuer} showed its login page`);
      expect(status).toBe(4);
    });

    test("when the provider asks for consent", async () => {
      op.behaviour.consent = true;
      const { status, stderr } = await failure(keytab());
      expect(stderr).toContain("asks a person to consent");
      expect(status).toBe(4);
    });

    test("without the addon, which is not needed for anything else", async () => {
      configure(keytab());
      const copy = join(sandbox.home, "copy");
      cpSync(join(import.meta.dirname, "..", "..", "dist"), copy, { recursive: true });
      const argv = [process.execPath, join(copy, "sts-broker.cjs"), "credential-process", "--profile", "p"];
      const { status, stdout, stderr } = await runProgram(argv, { ...sandbox.env, ...env });
      expect(stdout).toBe("");
      expect(stderr).toContain("the optional package kerberos is not installed");
      expect(stderr).toContain("npm install -g kerberos@7 --allow-scripts=kerberos");
      expect(status).toBe(2);
    });

    test.each([
      ["state", "the state of another login"],
      ["iss", "another issuer"],
    ])("when the redirect has another %s, and no code is redeemed", async (parameter, said) => {
      op.behaviour.redirect = (location) => {
        location.searchParams.set(parameter, "https://evil.example");
        return location;
      };
      const before = op.requests.filter((path) => path === "/token").length;
      const { stderr } = await failure(keytab());
      expect(stderr).toContain(said);
      expect(op.requests.filter((path) => path === "/token")).toHaveLength(before);
    });

    test("when the provider redirects elsewhere, which is never asked", async () => {
      const elsewhere = await listen((_req, res) => res.end());
      op.behaviour.redirect = () => new URL(`${elsewhere.url}/callback?code=x`);
      const { stderr } = await failure(keytab());
      expect(stderr).toContain("redirects to");
      expect(elsewhere.connections()).toBe(0);
      await elsewhere.close();
    });
  });
});
