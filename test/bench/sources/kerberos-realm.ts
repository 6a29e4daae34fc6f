/** What Kerberos single sign-on stands on: a KDC, and Apache with mod_auth_gssapi in front of an identity provider; curl --negotiate is bare. */
import path from "node:path";
import { runProgram } from "../../support/program.ts";
import { APACHE_PROGRAMS, type Apache, type ApacheOptions, startApache } from "../../system/servers/apache.ts";
import { KDC_PROGRAMS, startKdc } from "../../system/servers/kdc.ts";
import { namesEnvironment } from "../../system/servers/krb5-environment.ts";
import { needed } from "../../system/servers/requirements.ts";
import type { Place } from "./source.ts";

export const HOST = "idp.corp.example";
export const ACCOUNT = "arn:aws:iam::123456789012";
export const ROLE = `${ACCOUNT}:role/dev`;
export const REDIRECT_URI = "http://127.0.0.1/callback";
/** Found from the project's folder, where the bench runs. */
export const ADDON = path.resolve("node_modules/kerberos/build/Release/kerberos.node");
export const PROGRAMS = [...KDC_PROGRAMS, ...APACHE_PROGRAMS, "libnss_wrapper.so", ADDON, "curl"];
/** Asks first and sends a ticket when it is told to, as ours does; a second page behind Negotiate it sends one unasked. */
export const NEGOTIATE = ["--anyauth", "--negotiate", "-u", ":", "-L", "--proto-redir", "=https", "-b", ""];

/** What both kinds of sign-on stand on: a realm, a job with a keytab in it, and the address of the provider. */
export interface Realm {
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

export async function startRealm({ ca, caFile, sandbox, front }: Place): Promise<Realm> {
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

export function settings(table: Readonly<Record<string, string>>): string {
  return Object.entries(table)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join("");
}

/** That a provider may have assumed. */
export function role(federated: string, action: string) {
  const Statement = [{ Effect: "Allow" as const, Principal: { Federated: federated }, Action: [action] }];
  return { arn: ROLE, trustPolicy: { Version: "2012-10-17", Statement } };
}
