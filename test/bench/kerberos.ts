/**
 * What Kerberos single sign-on costs: cold runs against `curl --negotiate` making the same requests, in turn. The servers live in this
 * process or are its children, so nothing here may block it.
 */

import { createHash } from "node:crypto";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createCertificateAuthority } from "../support/certificates.ts";
import { makeSandbox, runProgram, type Sandbox } from "../support/program.ts";
import { type SimulatedSts, startSimulatedSts } from "../support/simulated-sts/server.ts";
import { PUBLIC_CLIENT, startSsoProvider } from "../support/sso-provider.ts";
import { APACHE_PROGRAMS, type Apache, type ApacheOptions, startApache } from "../system/servers/apache.ts";
import { KDC_PROGRAMS, startKdc } from "../system/servers/kdc.ts";
import { namesEnvironment } from "../system/servers/krb5-environment.ts";
import { freePorts } from "../system/servers/process.ts";
import { need, needed } from "../system/servers/requirements.ts";
import { SIMPLESAMLPHP_PROGRAMS, startSimplesamlphp } from "../system/servers/simplesamlphp.ts";
import { type Command, interleaved } from "./timing.ts";

const HOST = "idp.corp.example";
const ACCOUNT = "arn:aws:iam::123456789012";
const ROLE = `${ACCOUNT}:role/dev`;
const REDIRECT_URI = "http://127.0.0.1/callback";
/** Found from the project's folder, where the bench runs. */
const ADDON = path.resolve("node_modules/kerberos/build/Release/kerberos.node");
const PROGRAMS = [...KDC_PROGRAMS, ...APACHE_PROGRAMS, "libnss_wrapper.so", ADDON, "curl"];

/** What both kinds of sign-on stand on: a realm, and a job with a keytab in it. */
interface Realm {
  readonly sandbox: Sandbox;
  readonly origin: string;
  readonly caPem: string;
  readonly caFile: string;
  readonly keytab: string;
  apache(options: Pick<ApacheOptions, "proxyTo" | "protect">): Promise<Apache>;
  /** @returns what curl wrote */
  curl(...args: string[]): Promise<string>;
  /** In which the identity provider has a name. */
  readonly env: Readonly<Record<string, string>>;
}

interface SignOn {
  readonly name: string;
  readonly programs: readonly string[];
  start(realm: Realm): Promise<Started>;
}

interface Started {
  readonly identity: Readonly<Record<string, string>>;
  readonly apache: Apache;
  readonly sts: SimulatedSts;
  /** Requests that the STS makes of the provider, for its keys. */
  readonly ofSts: number;
  /** Everything from the first request to the STS's answer. */
  curl(): Promise<string>;
  stop(): Promise<unknown>;
}

const samlKerberos: SignOn = {
  name: "saml-kerberos (SimpleSAMLphp)",
  programs: [...SIMPLESAMLPHP_PROGRAMS, "xmlsec1"],
  async start({ origin, sandbox, apache: startFront, curl }) {
    const provider = `${ACCOUNT}:saml-provider/corp`;
    const idp = await startSimplesamlphp({ roles: [`${ROLE},${provider}`] });
    const apache = await startFront({
      proxyTo: idp.url,
      protect: ["/simplesaml/saml2/idp/SSOService.php"],
    });
    const metadataXml = (await idp.metadata()).replaceAll(idp.url, origin);
    const sts = await startSimulatedSts({
      samlProviders: [{ arn: provider, metadataXml }],
      roles: [role(provider, "sts:AssumeRoleWithSAML")],
    });
    const url = `${origin}${idp.ssoPath}`;
    return {
      identity: { type: "saml-kerberos", url, metadata: sandbox.file("idp.xml", metadataXml) },
      apache,
      sts,
      ofSts: 0,
      curl: async () => {
        const page = await curl(...NEGOTIATE, url);
        const [, response = ""] = /name="SAMLResponse" value="([^"]*)"/.exec(page) ?? [];
        const call = { RoleArn: ROLE, PrincipalArn: provider, SAMLAssertion: response.replaceAll("&#x2B;", "+") };
        return curl(...form({ Action: "AssumeRoleWithSAML", Version: "2011-06-15", ...call }), sts.url);
      },
      stop: () => Promise.all([apache.stop(), idp.stop(), sts.close()]),
    };
  },
};

const oidcKerberos: SignOn = {
  name: "oidc-kerberos (oidc-provider)",
  programs: [],
  async start({ origin, caPem, apache: startFront, curl }) {
    // It has advice for whoever runs one.
    console.info = console.warn = () => {};
    const op = await startSsoProvider({ issuer: origin, clientSecret: "unused", redirectUri: REDIRECT_URI });
    const apache = await startFront({ proxyTo: op.url, protect: ["/interaction/"] });
    const host = origin.replace("https://", "");
    const sts = await startSimulatedSts({
      issuerCa: caPem,
      issuerHosts: { [HOST]: `127.0.0.1:${apache.port}` },
      providers: [{ issuer: origin, clientIds: [PUBLIC_CLIENT] }],
      roles: [role(`${ACCOUNT}:oidc-provider/${host}`, "sts:AssumeRoleWithWebIdentity")],
    });
    const verifier = "v".repeat(43);
    const client = { client_id: PUBLIC_CLIENT, redirect_uri: REDIRECT_URI };
    const question = new URLSearchParams({
      ...client,
      response_type: "code",
      scope: "openid",
      state: "bench",
      nonce: "bench",
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    });
    return {
      identity: { type: "oidc-kerberos", issuer: origin, client_id: PUBLIC_CLIENT },
      apache,
      sts,
      ofSts: 2,
      curl: async () => {
        const { authorization_endpoint: ask, token_endpoint: redeem } = JSON.parse(
          await curl(`${origin}/.well-known/openid-configuration`),
        ) as Record<string, string>;
        const back = await curl(...NEGOTIATE, "-D", "-", "-o", "/dev/null", `${ask}?${question}`);
        const [, code = ""] = /^location: http:.*[?&]code=([^&\s]+)/im.exec(back) ?? [];
        const grant = { ...client, grant_type: "authorization_code", code, code_verifier: verifier };
        const { id_token: token = "" } = JSON.parse(await curl(...form(grant), redeem ?? "")) as { id_token?: string };
        const call = { RoleArn: ROLE, RoleSessionName: "bench", WebIdentityToken: token };
        return curl(...form({ Action: "AssumeRoleWithWebIdentity", Version: "2011-06-15", ...call }), sts.url);
      },
      stop: () => Promise.all([apache.stop(), op.close(), sts.close()]),
    };
  },
};

/** Asks first and sends a ticket when it is told to, as ours does; a second page behind Negotiate it sends one unasked. */
const NEGOTIATE = ["--anyauth", "--negotiate", "-u", ":", "-L", "--proto-redir", "=https", "-b", ""];

function form(fields: Readonly<Record<string, string>>): string[] {
  return ["-d", new URLSearchParams(fields).toString()];
}

function role(federated: string, action: string) {
  const Statement = [{ Effect: "Allow" as const, Principal: { Federated: federated }, Action: [action] }];
  return { arn: ROLE, trustPolicy: { Version: "2012-10-17", Statement } };
}

async function withRealm<T>(use: (realm: Realm) => Promise<T>): Promise<T> {
  const sandbox = makeSandbox();
  const kdc = await startKdc({ principals: [`HTTP/${HOST}`, "svc-batch"] }).catch((error: unknown) => {
    sandbox.remove();
    throw error;
  });
  try {
    const [ca, [port = 0]] = await Promise.all([createCertificateAuthority(), freePorts(1)]);
    const keytab = kdc.keytab("svc-batch");
    const names = { KRB5_CONFIG: kdc.krb5Conf, ...namesEnvironment(sandbox.home, [HOST]) };
    const certificate = await ca.issueServer([HOST]);
    const caFile = sandbox.file("ca.pem", ca.cert);
    // As ours: a ticket from the keytab, kept in memory.
    const curlEnv = { ...sandbox.env, ...names, KRB5_CLIENT_KTNAME: `FILE:${keytab}`, KRB5CCNAME: "MEMORY:curl" };
    return await use({
      sandbox,
      origin: `https://${HOST}:${port}`,
      caPem: ca.cert,
      caFile,
      keytab,
      env: names,
      apache: (options) =>
        startApache({ port, certificate, keytab: kdc.keytab(`HTTP/${HOST}`), krb5Conf: kdc.krb5Conf, ...options }),
      curl: async (...args) => {
        const { stdout, stderr, status } = await runProgram(
          [needed("curl"), "-sS", "--cacert", caFile, ...args],
          curlEnv,
        );
        // 1: the redirect that leaves for the client is not followed.
        if (status !== 0 && !(status === 1 && stdout.includes(REDIRECT_URI)))
          throw new Error(`curl ended with ${status}: ${stderr}`);
        return stdout;
      },
    });
  } finally {
    await kdc.stop();
    sandbox.remove();
  }
}

/** The middle of the times, and how many requests a run made. */
interface Side {
  readonly medianMs: number;
  readonly trips: number;
}

async function compare(signOn: SignOn, realm: Realm, rounds: number): Promise<readonly [ours: Side, curl: Side]> {
  const { sandbox, env } = realm;
  const started = await signOn.start(realm);
  const { apache, sts, ofSts } = started;
  try {
    const identity = Object.entries({ ...started.identity, ca_file: realm.caFile, keytab: realm.keytab });
    const lines = identity.map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`).join("");
    sandbox.configure(
      `[identity.corp]\n${lines}\n[profile.p]\nidentity = "corp"\nrole_arn = "${ROLE}"\nregion = "eu-west-1"\nendpoint_url = "${sts.url}"\nstore = "none"\n`,
    );
    const ours = async (): Promise<string> => {
      const { stdout, stderr } = await sandbox.run(["credential-process", "--profile", "p"], { env });
      return stdout || stderr;
    };
    const timed = async (run: () => Promise<string>): Promise<number> => {
      const startMs = performance.now();
      const answer = await run();
      const tookMs = performance.now() - startMs;
      if (!answer.includes("SessionToken")) throw new Error(answer.trim());
      return tookMs;
    };
    const requests = (): number => apache.requests().length + sts.count();
    const counted = async (run: () => Promise<string>): Promise<number> => {
      const before = requests();
      await timed(run);
      await delay(200); // Apache writes its log after it has answered.
      return requests() - before - ofSts;
    };
    // To warm the servers up, too.
    const trips = [await counted(ours), await counted(started.curl)];
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      times[0].push(await timed(ours));
      times[1].push(await timed(started.curl));
    }
    const side = (index: 0 | 1): Side => {
      const sorted = times[index].sort((a, b) => a - b);
      return { medianMs: sorted[rounds >> 1] ?? 0, trips: trips[index] ?? 0 };
    };
    return [side(0), side(1)];
  } finally {
    await started.stop();
  }
}

/** Each part that cannot run is named with its reason, and the others run. */
export async function benchKerberos(rounds: number, say: (line: string) => void): Promise<void> {
  const part = async (name: string, programs: readonly string[], run: () => Promise<string>): Promise<void> => {
    try {
      const reasons = programs.map(need).flatMap((found) => (found.available ? [] : [found.reason]));
      if (reasons.length > 0) throw new Error(reasons.join("; "));
      say(`  ${name.padEnd(36)} ${await run()}`);
    } catch (error) {
      say(`  ${name}: skipped, ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    }
  };
  say(`Kerberos: cold credential-process against curl --negotiate, on loopback (${rounds} rounds, in turn; median)`);
  for (const signOn of [samlKerberos, oidcKerberos]) {
    await part(signOn.name, [...PROGRAMS, ...signOn.programs], () =>
      withRealm(async (realm) => {
        if (!(await realm.curl("--version")).includes("SPNEGO")) throw new Error("this curl has no SPNEGO");
        const [ours, curl] = await compare(signOn, realm, rounds);
        const text = ({ medianMs, trips }: Side): string => `${medianMs.toFixed(1)} ms in ${trips} round trips`;
        return `${text(ours)}, curl ${text(curl)}, ${(ours.medianMs / curl.medianMs).toFixed(2)} x`;
      }),
    );
  }
  await part("kerberos addon", [ADDON], async () => {
    const { PATH = "" } = process.env;
    const node = (script: string): Command => ({ name: script, argv: [process.execPath, "-e", script], env: { PATH } });
    const [bare, addon] = interleaved([node("0"), node('require("kerberos")')], rounds);
    const loadMs = (addon?.medianMs ?? 0) - (bare?.medianMs ?? 0);
    return `loads in ${loadMs.toFixed(1)} ms, on top of Node's ${bare?.medianMs.toFixed(1)} ms`;
  });
}
