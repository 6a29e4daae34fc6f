import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import type { Host } from "../../src/host/host.ts";
import { KERBEROS_CHILD } from "../../src/host/kerberos/child-argument.ts";
import { realKerberos } from "../../src/host/kerberos.ts";
import { realHost } from "../../src/host/real-host.ts";
import { kerberosSettings } from "../../src/identity/lib/kerberos-settings.ts";
import { type NegotiateOptions, negotiatedRequest } from "../../src/identity/lib/negotiate.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { listen } from "../support/listening-server.ts";
import { programUnderTest } from "../support/program.ts";
import { APACHE_PROGRAMS, type Apache, type ApacheOptions, startApache } from "./servers/apache.ts";
import { KDC_PROGRAMS, type Kdc, startKdc } from "./servers/kdc.ts";
import { KERBEROS_ADDON } from "./servers/kerberos-addon.ts";
import { temporaryFolder } from "./servers/process.ts";
import { describeSystem } from "./servers/requirements.ts";
import { SAMBA_PROGRAMS, type Samba, sambaProblem, startSamba } from "./servers/samba.ts";

const folder = temporaryFolder("kerberos");
afterAll(() => folder.remove());

type Table = Parameters<typeof kerberosSettings>[0];

/** A request with real HTTP and real GSSAPI; localhost has a service principal here, so no name has to be made up. */
async function ask(
  port: number,
  table: Table,
  {
    krb5Conf,
    change = (host) => host,
    url = `https://localhost:${port}/negotiate/`,
    ...options
  }: NegotiateOptions & { krb5Conf: string; change?: (host: Host) => Host; url?: string },
) {
  const lines: string[] = [];
  const log = {
    enabled: true,
    debug: (stage: string, text: string) => lines.push(`${stage}: ${text}`),
    warn: () => {},
  };
  const env = { PATH: process.env.PATH, KRB5_CONFIG: krb5Conf };
  const real = realHost(undefined, programUnderTest());
  const kerberos = realKerberos({ env, log }, [...programUnderTest(), KERBEROS_CHILD]);
  let requests = 0;
  const http: Host["http"] = {
    skewMs: real.http.skewMs,
    request: (wanted) => {
      requests += 1;
      return real.http.request(wanted);
    },
  };
  const host = change({ ...real, env, log: log as Host["log"], http, kerberos });
  const request = { method: "GET", url, tls: { caFile: await caFile() } } as const;
  const settings = kerberosSettings(table, [`https://localhost:${port}/`]);
  const context = { host, signal: AbortSignal.timeout(20_000) };
  const answer = await negotiatedRequest(request, settings, context, options);
  return {
    ...answer,
    user: answer.headers["x-remote-user"],
    text: Buffer.from(answer.body).toString(),
    lines,
    requests,
  };
}

const authority = createCertificateAuthority();
async function caFile(): Promise<string> {
  const { writeFileSync } = await import("node:fs");
  const file = `${folder.path}/ca.pem`;
  writeFileSync(file, (await authority).cert);
  return file;
}

describeSystem("Negotiate with Apache and MIT Kerberos", [...KDC_PROGRAMS, ...APACHE_PROGRAMS, KERBEROS_ADDON], () => {
  let kdc: Kdc;
  let apache: Apache;
  let options: ApacheOptions;
  beforeAll(async () => {
    kdc = await startKdc({
      principals: ["HTTP/localhost", "HTTP/moved", "svc-batch"],
      passwords: { alice: "Passw0rd!" },
    });
    const certificate = await (await authority).issueServer();
    options = { certificate, keytab: kdc.keytab("HTTP/localhost"), krb5Conf: kdc.krb5Conf };
    apache = await startApache(options);
  });
  afterAll(async () => {
    await apache?.stop();
    await kdc?.stop();
  });
  const at = () => ({ krb5Conf: kdc.krb5Conf });
  const failure = async (...call: Parameters<typeof ask>): Promise<BrokerError> => {
    try {
      await ask(...call);
    } catch (error) {
      if (error instanceof BrokerError) return error;
      throw error;
    }
    throw new Error("it succeeded");
  };

  test("authenticates both sides, from a keytab and from a ticket", async () => {
    const machine = await ask(apache.port, { keytab: kdc.keytab("svc-batch") }, at());
    expect(machine).toMatchObject({ status: 200, mutual: true, negotiate: "accepted", user: "svc-batch@CORP.EXAMPLE" });
    expect(machine.text).toContain("hello from mod_auth_gssapi");
    expect(machine.lines.join("\n")).not.toMatch(/YII/);
    const ccache = await kdc.kinit("alice", { password: "Passw0rd!" });
    const person = await ask(apache.port, { ccache, require_mutual_authentication: true }, at());
    expect(person).toMatchObject({ mutual: true, user: "alice@CORP.EXAMPLE" });
  });

  test("asks twice, or once where the ticket is sent unasked", async () => {
    const table = { keytab: kdc.keytab("svc-batch") };
    expect(await ask(apache.port, table, at())).toMatchObject({ mutual: true, requests: 2 });
    expect(await ask(apache.port, table, { ...at(), preemptive: true })).toMatchObject({ mutual: true, requests: 1 });
  });

  test("does not delegate: the KDC is asked for no forwarded ticket", async () => {
    const ccache = await kdc.kinit("alice", { password: "Passw0rd!" });
    await ask(apache.port, { ccache }, at());
    expect(await kdc.tickets(ccache)).toContainEqual(expect.stringMatching(/^HTTP\/localhost@/));
    expect(kdc.log()).toMatch(/TGS_REQ .* for HTTP\/localhost@/);
    expect(kdc.log()).not.toMatch(/TGS_REQ .* for krbtgt\//);
  });

  test("says by how much the clock differs from the server's", async () => {
    const ahead = await startApache({ ...options, faketime: "+6m" });
    const error = await failure(ahead.port, { keytab: kdc.keytab("svc-batch") }, at()).finally(() => ahead.stop());
    expect(error).toMatchObject({ code: "IDP_REFUSED", hint: expect.stringContaining("timedatectl") });
    expect(error.message).toContain("this machine's clock is 6 min behind that of localhost");
  });

  test("says so when the server takes a ticket for a replay", async () => {
    let recorded = "";
    const replaying = (host: Host): Host => ({
      ...host,
      kerberos: {
        open: async (...call) => {
          const context = await host.kerberos.open(...call);
          return {
            get mutual() {
              return context.mutual;
            },
            step: async (challenge) => {
              const token = await context.step(challenge);
              if (challenge !== undefined) return token;
              recorded ||= token;
              return recorded;
            },
          };
        },
      },
    });
    const table = { keytab: kdc.keytab("svc-batch") };
    expect(await ask(apache.port, table, { ...at(), change: replaying })).toMatchObject({ status: 200 });
    const error = await failure(apache.port, table, { ...at(), change: replaying });
    expect(error.code).toBe("IDP_REFUSED");
    expect(`${error.message} ${error.hint}`).toMatch(/replay|twice/);
  });

  test("says so when the server's keytab does not fit the ticket", async () => {
    const table = { keytab: kdc.keytab("svc-batch") };
    const refused = async (keytab: string, more: Table = {}) => {
      const stale = await startApache({ ...options, keytab });
      const error = await failure(stale.port, { ...table, ...more }, at()).finally(() => stale.stop());
      expect(error.code).toBe("IDP_REFUSED");
      return `${error.message} ${error.hint}`;
    };
    expect(await refused(kdc.keytab("HTTP/moved"))).toContain("cannot read the ticket for HTTP/localhost");
    await kdc.newKey("HTTP/moved");
    const outdated = await refused(kdc.keytab("HTTP/moved"), { kerberos_spn: "HTTP/moved" });
    expect(outdated).toContain("cannot read the ticket for HTTP/moved");
    expect(outdated).toContain("keytab is outdated");
  });

  test("never speaks Kerberos over plain http", async () => {
    const seen: (string | undefined)[] = [];
    const plain = await listen((req, res) => {
      seen.push(req.headers.authorization);
      res.writeHead(401, { "www-authenticate": "Negotiate" }).end();
    });
    const table = { keytab: kdc.keytab("svc-batch") };
    const call = { ...at(), url: `http://localhost:${plain.port}/` };
    expect(await failure(plain.port, table, call)).toMatchObject({ code: "CONFIG_INVALID" });
    expect(seen).toEqual([undefined]);
    await plain.close();
  });
});

const problem = sambaProblem();
const programs = [...SAMBA_PROGRAMS, ...APACHE_PROGRAMS, KERBEROS_ADDON];
describeSystem("Negotiate with Active Directory (Samba)", programs, () => {
  const suite = problem === undefined ? describe : describe.skip;
  suite(`as root${problem === undefined ? "" : ` (skipped: ${problem})`}`, () => {
    let samba: Samba;
    let apache: Apache;
    beforeAll(async () => {
      samba = await startSamba({ computers: ["WEB1"], users: { alice: "Passw0rd!" }, services: ["HTTP/localhost"] });
      apache = await startApache({
        certificate: await (await authority).issueServer(),
        keytab: samba.keytab("HTTP/localhost"),
        krb5Conf: samba.krb5Conf,
      });
    });
    afterAll(async () => {
      await apache?.stop();
      await samba?.stop();
    });

    test("the machine's own account proves it, and both sides are authenticated", async () => {
      const table = { keytab: samba.keytab("WEB1$"), principal: "WEB1$@CORP.EXAMPLE" };
      const answer = await ask(apache.port, table, { krb5Conf: samba.krb5Conf });
      expect(answer).toMatchObject({ status: 200, mutual: true, user: "WEB1$@CORP.EXAMPLE" });
    });

    test("a person's ticket with a PAC, larger than a header line of old, is taken", async () => {
      const ccache = await samba.kinit("alice", "Passw0rd!");
      const answer = await ask(apache.port, { ccache }, { krb5Conf: samba.krb5Conf });
      expect(answer).toMatchObject({ status: 200, mutual: true, user: "alice@CORP.EXAMPLE" });
    });

    test("AD's own words are understood", async () => {
      const krb5Conf = samba.krb5Conf;
      const table = { keytab: samba.keytab("WEB1$"), principal: "WEB1$@CORP.EXAMPLE" };
      await expect(ask(apache.port, { ...table, kerberos_spn: "HTTP/nobody" }, { krb5Conf })).rejects.toMatchObject({
        message: expect.stringContaining("has no service principal HTTP/nobody"),
      });
      await samba.setPassword("WEB1$", "Another-Passw0rd1");
      await expect(ask(apache.port, table, { krb5Conf })).rejects.toMatchObject({
        message: expect.stringContaining("the KDC has another key for WEB1$@CORP.EXAMPLE"),
        hint: expect.stringContaining("the keytab is outdated"),
      });
    });
  });
});
