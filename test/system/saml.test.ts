import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createCertificateAuthority } from "../support/certificates.ts";
import { makeSandbox, type RunOptions, type RunResult, type Sandbox } from "../support/program.ts";
import { type SimulatedSts, startSimulatedSts } from "../support/simulated-sts/server.ts";
import { APACHE_PROGRAMS, type Apache, startApache } from "./servers/apache.ts";
import { KDC_PROGRAMS, type Kdc, startKdc } from "./servers/kdc.ts";
import { KERBEROS_ADDON } from "./servers/kerberos-addon.ts";
import { namesEnvironment } from "./servers/krb5-environment.ts";
import { LEMONLDAP_PROGRAMS, LEMONLDAP_USER, type Lemonldap, startLemonldap } from "./servers/lemonldap.ts";
import { freePorts } from "./servers/process.ts";
import { describeSystem } from "./servers/requirements.ts";
import {
  SIMPLESAMLPHP_PROGRAMS,
  SIMPLESAMLPHP_ROLELESS,
  SIMPLESAMLPHP_USER,
  type Simplesamlphp,
  startSimplesamlphp,
} from "./servers/simplesamlphp.ts";

const HOST = "idp.corp.example";
const ACCOUNT = "arn:aws:iam::123456789012";
const DEV = `${ACCOUNT}:role/dev`;
const ADMIN = `${ACCOUNT}:role/team/admin`;
/** The verifier of the simulated STS. */
const XMLSEC = "xmlsec1";

interface Idp {
  readonly url: string;
  readonly ssoPath: string;
  metadata(): Promise<string>;
  logTail(): string;
  stop(): Promise<void>;
}

const grant = (role: string, provider: string): string => `${role},${ACCOUNT}:saml-provider/${provider}`;

async function stsFor(provider: string, metadataXml: string): Promise<SimulatedSts> {
  const trustPolicy = {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow" as const,
        Principal: { Federated: `${ACCOUNT}:saml-provider/${provider}` },
        Action: ["sts:AssumeRoleWithSAML"],
        Condition: { StringEquals: { "SAML:aud": "https://signin.aws.amazon.com/saml" } },
      },
    ],
  };
  return startSimulatedSts({
    samlProviders: [{ arn: `${ACCOUNT}:saml-provider/${provider}`, metadataXml }],
    roles: [DEV, ADMIN].map((arn) => ({ arn, trustPolicy })),
  });
}

type Settings = Readonly<Record<string, string | boolean | readonly string[] | { readonly env: string }>>;

function configuration(identity: Settings, profile: Settings): string {
  const lines = (table: Settings): string =>
    Object.entries(table)
      .map(([key, value]) => {
        const text =
          typeof value === "object" && "env" in value
            ? `{ env = ${JSON.stringify(value.env)} }`
            : JSON.stringify(value);
        return `${key} = ${text}\n`;
      })
      .join("");
  return `[identity.corp]\n${lines(identity)}\n[profile.p]\nidentity = "corp"\nregion = "eu-west-1"\nstore = "none"\n${lines(profile)}`;
}

const credentialProcess = (sandbox: Sandbox, options: RunOptions = {}): Promise<RunResult> =>
  sandbox.run(["credential-process", "--profile", "p", "--debug"], options);

function expectCredentials({ status, stdout, stderr }: RunResult): void {
  // Nor anything of Node's own, whichever it is.
  expect(stderr).not.toMatch(/hint|Warning/);
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ Version: 1, AccessKeyId: expect.stringMatching(/^ASIA/) });
  // A response is base64 of "<samlp:Response" or "<?xml".
  expect(stderr).not.toMatch(/PHNhbWxw|PD94bWwg/);
}

describe.each([
  {
    name: "SimpleSAMLphp",
    programs: SIMPLESAMLPHP_PROGRAMS,
    user: SIMPLESAMLPHP_USER,
    start: (roles: readonly string[]): Promise<Idp> => startSimplesamlphp({ roles }),
  },
  {
    name: "LemonLDAP::NG",
    programs: LEMONLDAP_PROGRAMS,
    user: LEMONLDAP_USER,
    start: (roles: readonly string[]): Promise<Idp> => startLemonldap({ roles }),
  },
])("saml-password", ({ name, programs, user, start }) => {
  describeSystem(name, [...programs, XMLSEC], () => {
    let idp: Idp;
    let sts: SimulatedSts;
    let sandbox: Sandbox;
    let metadata: string;
    beforeAll(async () => {
      sandbox = makeSandbox();
      idp = await start([grant(DEV, "corp"), grant(ADMIN, "corp")]);
      const xml = await idp.metadata();
      metadata = sandbox.file("idp.xml", xml);
      sts = await stsFor("corp", xml);
    });
    afterAll(async () => {
      await Promise.all([idp?.stop(), sts?.close()]);
      sandbox.remove();
    });
    let before = 0;
    beforeEach(() => {
      before = sts.count("AssumeRoleWithSAML");
    });
    const calls = (): number => sts.count("AssumeRoleWithSAML") - before;

    const configure = (identity: Settings, profile: Settings = {}): void => {
      const account = { username: user.username, password: { env: "IDP_PASSWORD" } };
      sandbox.configure(
        configuration(
          { type: "saml-password", ...account, ...identity },
          { role_arn: DEV, endpoint_url: sts.url, ...profile },
        ),
      );
    };
    const run = (password: string = user.password): Promise<RunResult> =>
      credentialProcess(sandbox, { env: { IDP_PASSWORD: password } });

    test("its own sign-on page gives AWS credentials", async () => {
      configure({ url: `${idp.url}${idp.ssoPath}` });
      expectCredentials(await run());
      expect(calls()).toBe(1);
    });

    test("AWS's request, made from its metadata, gives them too, and the response is checked on the way", async () => {
      configure({ metadata }, { role_arn: ADMIN });
      const result = await run();
      expectCredentials(result);
      expect(result.stderr).not.toContain(user.password === user.username ? "password=" : user.password);
    });

    test("a response that somebody else's metadata does not vouch for never reaches AWS", async () => {
      const other = await createOtherMetadata(metadata, sandbox);
      configure({ url: `${idp.url}${idp.ssoPath}`, metadata: other });
      const { status, stdout, stderr } = await run();
      expect({ status, stdout }).toEqual({ status: 4, stdout: "" });
      expect(stderr).toContain("sts-broker:");
      expect(calls()).toBe(0);
    });

    test("a wrong password is named, once, with the user and without itself", async () => {
      configure({ url: `${idp.url}${idp.ssoPath}` });
      const { status, stdout, stderr } = await run("canary-wrong");
      expect({ status, stdout }).toEqual({ status: 4, stdout: "" });
      expect(stderr).toContain(`${idp.url} does not accept user "${user.username}" with this password`);
      expect(stderr).not.toContain("canary");
    });

    test("a role that the IdP does not grant is refused with those it does", async () => {
      configure({ url: `${idp.url}${idp.ssoPath}` }, { role_arn: `${ACCOUNT}:role/other` });
      const { status, stderr } = await run();
      expect(status).toBe(4);
      expect(stderr).toContain(DEV);
      expect(calls()).toBe(0);
    });

    if (name === "SimpleSAMLphp") {
      test("an account without roles is told so", async () => {
        const { username, password } = SIMPLESAMLPHP_ROLELESS;
        configure({ url: `${idp.url}${idp.ssoPath}`, username });
        const { status, stderr } = await run(password);
        expect(status).toBe(4);
        expect(stderr).toMatch(/role/i);
        expect(calls()).toBe(0);
      });
    }
  });
});

/** The same provider with another certificate, as after a change of keys. */
async function createOtherMetadata(metadata: string, sandbox: Sandbox): Promise<string> {
  const { readFileSync } = await import("node:fs");
  const { cert } = await createCertificateAuthority();
  const base64 = cert.replace(/-----[^-]+-----|\s/g, "");
  const xml = readFileSync(metadata, "utf8").replace(
    /(<(?:\w+:)?X509Certificate>)[^<]*(<)/g,
    (_all, open, close) => `${open}${base64}${close}`,
  );
  return sandbox.file("other.xml", xml);
}

const KERBEROS_PROGRAMS = [...KDC_PROGRAMS, ...APACHE_PROGRAMS, "libnss_wrapper.so", KERBEROS_ADDON, XMLSEC];

describe.each([
  { name: "SimpleSAMLphp behind mod_auth_gssapi", programs: SIMPLESAMLPHP_PROGRAMS },
  { name: "LemonLDAP::NG", programs: LEMONLDAP_PROGRAMS },
])("saml-kerberos", ({ name, programs }) => {
  describeSystem(name, [...programs, ...KERBEROS_PROGRAMS], () => {
    const simplesaml = programs === SIMPLESAMLPHP_PROGRAMS;
    let kdc: Kdc;
    let apache: Apache;
    let idp: Simplesamlphp | Lemonldap;
    let sts: SimulatedSts;
    let sandbox: Sandbox;
    let identity: Record<string, string>;
    let env: Record<string, string>;
    beforeAll(async () => {
      sandbox = makeSandbox();
      const [ca, started, [port = 0, inner = 0]] = await Promise.all([
        createCertificateAuthority(),
        startKdc({ principals: [`HTTP/${HOST}`, "svc-batch"] }),
        freePorts(2),
      ]);
      kdc = started;
      const keytab = kdc.keytab(`HTTP/${HOST}`);
      const origin = `https://${HOST}:${port}`;
      const roles = [grant(DEV, "corp")];
      idp = simplesaml
        ? await startSimplesamlphp({ roles })
        : await startLemonldap({
            roles,
            negotiate: { keytab, krb5Conf: kdc.krb5Conf },
            behind: { port: inner, url: origin },
          });
      apache = await startApache({
        port,
        certificate: await ca.issueServer([HOST]),
        keytab,
        krb5Conf: kdc.krb5Conf,
        proxyTo: `http://127.0.0.1:${idp.port}`,
        // LemonLDAP::NG speaks Negotiate by itself.
        protect: simplesaml ? ["/simplesaml/saml2/idp/SSOService.php"] : [],
      });
      const xml = await idp.metadata();
      // Its own page knows the address it was asked at, which is the inner one.
      const outside = simplesaml ? xml.replaceAll(`http://127.0.0.1:${idp.port}`, origin) : xml;
      sts = await stsFor("corp", outside);
      env = { KRB5_CONFIG: kdc.krb5Conf, ...namesEnvironment(sandbox.home, [HOST]) };
      identity = {
        url: `${origin}${idp.ssoPath}`,
        metadata: sandbox.file("idp.xml", outside),
        ca_file: sandbox.file("ca.pem", ca.cert),
        keytab: kdc.keytab("svc-batch"),
      };
    });
    afterAll(async () => {
      await Promise.all([apache?.stop(), idp?.stop(), sts?.close()]);
      await kdc?.stop();
      sandbox.remove();
    });
    let before = 0;
    beforeEach(() => {
      before = sts.count("AssumeRoleWithSAML");
    });
    const calls = (): number => sts.count("AssumeRoleWithSAML") - before;

    const configure = (changes: Settings = {}, without: readonly string[] = []): void => {
      const all = Object.entries<Settings[string]>({ type: "saml-kerberos", ...identity, ...changes });
      const kept = all.filter(([key]) => !without.includes(key));
      sandbox.configure(configuration(Object.fromEntries(kept), { endpoint_url: sts.url }));
    };

    test("a keytab gives AWS credentials: no kinit, no person, no password, and the only role is taken", async () => {
      configure();
      const result = await credentialProcess(sandbox, { env });
      expectCredentials(result);
      expect(calls()).toBe(1);
      expect(result.stderr).not.toMatch(/YII[A-Za-z0-9+/]{20}/);
    });

    test("AWS's request, made from its metadata, does so too", async () => {
      configure({}, ["url"]);
      expectCredentials(await credentialProcess(sandbox, { env }));
    });

    test("without a ticket it says so, and never asks for a password", async () => {
      configure({ ccache: "FILE:/nonexistent/cc" }, ["keytab"]);
      const { status, stdout, stderr } = await credentialProcess(sandbox, { env });
      expect(stdout).toBe("");
      expect([3, 4]).toContain(status);
      expect(stderr).toMatch(/ticket|credential/i);
      expect(calls()).toBe(0);
    });

    if (simplesaml) {
      test("a login page instead of single sign-on is named as such", async () => {
        configure({ url: `https://${HOST}:${apache.port}/simplesaml/module.php/core/authenticate.php?as=form` });
        const { status, stderr } = await credentialProcess(sandbox, { env });
        expect(status).toBe(4);
        expect(stderr).toContain("no single sign-on: https://idp.corp.example");
        expect(stderr).toContain("it never asked for a ticket");
      });
    }
  });
});
