/** Kerberos single sign-on: a KDC, and Apache with mod_auth_gssapi in front of an identity provider. Bare is curl --negotiate. */
import { createHash } from "node:crypto";
import path from "node:path";
import { runProgram } from "../../support/program.ts";
import { startSimulatedSts } from "../../support/simulated-sts/server.ts";
import { PUBLIC_CLIENT, startSsoProvider } from "../../support/sso-provider.ts";
import { APACHE_PROGRAMS, type Apache, type ApacheOptions, startApache } from "../../system/servers/apache.ts";
import { KDC_PROGRAMS, startKdc } from "../../system/servers/kdc.ts";
import { namesEnvironment } from "../../system/servers/krb5-environment.ts";
import { needed } from "../../system/servers/requirements.ts";
import { SIMPLESAMLPHP_PROGRAMS, startSimplesamlphp } from "../../system/servers/simplesamlphp.ts";
import { redeemResponse, redeemToken } from "./bare-client.ts";
import type { ColdSource, Place, StartedSource } from "./source.ts";

const HOST = "idp.corp.example";
const ACCOUNT = "arn:aws:iam::123456789012";
const ROLE = `${ACCOUNT}:role/dev`;
const REDIRECT_URI = "http://127.0.0.1/callback";
/** Found from the project's folder, where the bench runs. */
export const ADDON = path.resolve("node_modules/kerberos/build/Release/kerberos.node");
const PROGRAMS = [...KDC_PROGRAMS, ...APACHE_PROGRAMS, "libnss_wrapper.so", ADDON, "curl"];
/** Asks first and sends a ticket when it is told to, as ours does; a second page behind Negotiate it sends one unasked. */
const NEGOTIATE = ["--anyauth", "--negotiate", "-u", ":", "-L", "--proto-redir", "=https", "-b", ""];

/** What both kinds of sign-on stand on: a realm, a job with a keytab in it, and the address of the provider. */
interface Realm {
  readonly origin: string;
  readonly keytab: string;
  /** In front of the provider, and behind `origin`. */
  apache(options: Pick<ApacheOptions, "proxyTo" | "protect">): Promise<Apache>;
  /** @returns what curl wrote */
  curl(...args: string[]): Promise<string>;
  /** In which the provider has a name and the realm a KDC. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<unknown>;
}

async function startRealm({ ca, caFile, sandbox, front }: Place): Promise<Realm> {
  const [idpFront, kdcFront] = await Promise.all([front(), front()]);
  const kdc = await startKdc({ principals: [`HTTP/${HOST}`, "svc-batch"] });
  kdcFront.target = kdc.port;
  // Tickets come from as far away as everything else.
  const krb5Conf = kdc.writeKrb5Conf("far.conf", { kdc: `127.0.0.1:${kdcFront.port}` });
  const keytab = kdc.keytab("svc-batch");
  const env = { KRB5_CONFIG: krb5Conf, ...namesEnvironment(sandbox.home, [HOST]) };
  const certificate = await ca.issueServer([HOST]);
  // As ours: a ticket from the keytab, kept in memory.
  const curlEnv = { ...sandbox.env, ...env, KRB5_CLIENT_KTNAME: `FILE:${keytab}`, KRB5CCNAME: "MEMORY:curl" };
  return {
    origin: `https://${HOST}:${idpFront.port}`,
    keytab,
    env,
    apache: async (options) => {
      const keys = { certificate, keytab: kdc.keytab(`HTTP/${HOST}`), krb5Conf: kdc.krb5Conf };
      const apache = await startApache({ ...keys, ...options });
      idpFront.target = apache.port;
      return apache;
    },
    curl: async (...args) => {
      const command = [needed("curl"), "-sS", "--cacert", caFile, ...args];
      const { stdout, stderr, status } = await runProgram(command, curlEnv);
      // 1: the redirect that leaves for the client is not followed.
      if (status !== 0 && !(status === 1 && stdout.includes(REDIRECT_URI)))
        throw new Error(`curl ended with ${status}: ${stderr}`);
      return stdout;
    },
    stop: () => kdc.stop(),
  };
}

function settings(table: Readonly<Record<string, string>>): string {
  return Object.entries(table)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join("");
}

const samlKerberos: ColdSource = {
  name: "saml-kerberos (SimpleSAMLphp)",
  programs: [...PROGRAMS, ...SIMPLESAMLPHP_PROGRAMS, "xmlsec1"],
  client: "curl",
  async start(place): Promise<StartedSource> {
    const realm = await startRealm(place);
    const arns = { role: ROLE, provider: `${ACCOUNT}:saml-provider/corp` };
    const idp = await startSimplesamlphp({ roles: [`${arns.role},${arns.provider}`] });
    const apache = await realm.apache({
      proxyTo: idp.url,
      protect: ["/simplesaml/saml2/idp/SSOService.php"],
    });
    const metadataXml = (await idp.metadata()).replaceAll(idp.url, realm.origin);
    const [stsFront, tls] = await Promise.all([place.front(), place.ca.issueServer()]);
    const sts = await startSimulatedSts({
      tls,
      samlProviders: [{ arn: arns.provider, metadataXml }],
      roles: [role(arns.provider, "sts:AssumeRoleWithSAML")],
    });
    stsFront.target = sts.port;
    const endpointUrl = `https://127.0.0.1:${stsFront.port}`;
    const url = `${realm.origin}${idp.ssoPath}`;
    return {
      configure: (sandbox) => ({
        identity: settings({
          type: "saml-kerberos",
          url,
          metadata: sandbox.file("idp.xml", metadataXml),
          ca_file: place.caFile,
          keytab: realm.keytab,
        }),
        role: `role_arn = "${ROLE}"`,
        endpointUrl,
      }),
      env: realm.env,
      bare: async (client) => {
        const page = await realm.curl(...NEGOTIATE, url);
        const [, response = ""] = /name="SAMLResponse" value="([^"]*)"/.exec(page) ?? [];
        return redeemResponse(client, endpointUrl, arns, response.replaceAll("&#x2B;", "+"));
      },
      requests: () => ({ idp: apache.requests().length, sts: sts.calls.length }),
      stop: () => Promise.all([apache.stop(), idp.stop(), sts.close(), realm.stop()]),
    };
  },
};

const oidcKerberos: ColdSource = {
  name: "oidc-kerberos (oidc-provider)",
  programs: PROGRAMS,
  client: "curl",
  async start(place): Promise<StartedSource> {
    const realm = await startRealm(place);
    const { origin, curl } = realm;
    const op = await startSsoProvider({ issuer: origin, clientSecret: "unused", redirectUri: REDIRECT_URI });
    const apache = await realm.apache({ proxyTo: op.url, protect: ["/interaction/"] });
    const [stsFront, tls] = await Promise.all([place.front(), place.ca.issueServer()]);
    const sts = await startSimulatedSts({
      tls,
      issuerCa: place.ca.cert,
      issuerHosts: { [HOST]: `127.0.0.1:${apache.port}` },
      providers: [{ issuer: origin, clientIds: [PUBLIC_CLIENT] }],
      roles: [role(`${ACCOUNT}:oidc-provider/${origin.replace("https://", "")}`, "sts:AssumeRoleWithWebIdentity")],
    });
    stsFront.target = sts.port;
    const endpointUrl = `https://127.0.0.1:${stsFront.port}`;
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
      configure: () => ({
        identity: settings({
          type: "oidc-kerberos",
          issuer: origin,
          client_id: PUBLIC_CLIENT,
          ca_file: place.caFile,
          keytab: realm.keytab,
        }),
        role: `role_arn = "${ROLE}"`,
        endpointUrl,
      }),
      env: realm.env,
      bare: async (bare) => {
        const { authorization_endpoint: ask, token_endpoint: redeem } = JSON.parse(
          await curl(`${origin}/.well-known/openid-configuration`),
        ) as Record<string, string>;
        const back = await curl(...NEGOTIATE, "-D", "-", "-o", "/dev/null", `${ask}?${question}`);
        const [, code = ""] = /^location: http:.*[?&]code=([^&\s]+)/im.exec(back) ?? [];
        const grant = { ...client, grant_type: "authorization_code", code, code_verifier: verifier };
        const form = ["-d", new URLSearchParams(grant).toString()];
        const { id_token: token = "" } = JSON.parse(await curl(...form, redeem ?? "")) as { id_token?: string };
        return redeemToken(bare, endpointUrl, ROLE, token);
      },
      requests: () => ({
        idp: apache.requests().length - sts.account.issuers.fetched.length,
        sts: sts.calls.length,
      }),
      stop: () => Promise.all([apache.stop(), op.close(), sts.close(), realm.stop()]),
    };
  },
};

function role(federated: string, action: string) {
  const Statement = [{ Effect: "Allow" as const, Principal: { Federated: federated }, Action: [action] }];
  return { arn: ROLE, trustPolicy: { Version: "2012-10-17", Statement } };
}

export const KERBEROS_SOURCES: readonly ColdSource[] = [samlKerberos, oidcKerberos];
