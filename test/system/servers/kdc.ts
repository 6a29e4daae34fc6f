// An MIT KDC of its own on a free loopback port, unprivileged, with its realm, principals and keytabs in a temporary folder. Its
// clients find it through KRB5_CONFIG alone, and by address: libkrb5 under npm kerberos does not see preloaded name services.

import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  freePorts,
  retryingPorts,
  runCommand,
  runOrThrow,
  type ServerProcess,
  startProcess,
  temporaryFolder,
  waitForSocket,
} from "./process.ts";
import { needed } from "./requirements.ts";

/** For {@link describeSystem}. */
export const KDC_PROGRAMS = ["krb5kdc", "kdb5_util", "kadmin.local", "kinit", "klist"] as const;

export const REALM = "CORP.EXAMPLE";

export interface KdcOptions {
  /** Names of principals with a random key: services as `HTTP/idp.corp.example`, machines as `HOST$`, jobs. */
  readonly principals?: readonly string[];
  /** Names of people, with their passwords. */
  readonly passwords?: Readonly<Record<string, string>>;
}

/** A running KDC. What it makes lies in `folder` and goes with it. */
export interface Kdc {
  readonly realm: string;
  readonly port: number;
  readonly folder: string;
  /** KRB5_CONFIG for whoever uses this realm. */
  readonly krb5Conf: string;
  /** A krb5.conf of the same realm with other lines in [libdefaults] or another KDC. */
  writeKrb5Conf(name: string, changes?: { readonly libdefaults?: readonly string[]; readonly kdc?: string }): string;
  /** The keytab of a principal; its key stays as it is. */
  keytab(principal: string): string;
  /** Gives a principal a new key: keytabs that were copied before are outdated. @returns the new keytab */
  newKey(principal: string): Promise<string>;
  admin(query: string): Promise<void>;
  /** A credential cache file with a ticket-granting ticket. @param lifetime as kinit -l has it, default 1h */
  kinit(principal: string, options?: { readonly lifetime?: string; readonly password?: string }): Promise<string>;
  /** Principals of tickets in a cache file. */
  tickets(ccache: string): Promise<string[]>;
  suspend(): void;
  resume(): void;
  /** What it was asked for and issued, so far. */
  log(): string;
  logTail(): string;
  stop(): Promise<void>;
}

/** Takes about 400 ms. */
export function startKdc(options: KdcOptions = {}): Promise<Kdc> {
  return retryingPorts(() => startOnce(options));
}

async function startOnce({ principals = [], passwords = {} }: KdcOptions): Promise<Kdc> {
  const { path: folder, remove } = temporaryFolder("kdc");
  let server: ServerProcess | undefined;
  const stop = async () => {
    await server?.stop();
    remove();
  };
  try {
    const [port = 0] = await freePorts(1);
    const log = join(folder, "kdc.log");
    const krb5Conf = join(folder, "krb5.conf");
    const kdcConf = join(folder, "kdc.conf");
    mkdirSync(join(folder, "db"), { mode: 0o700 });
    writeFileSync(krb5Conf, krb5ConfText(REALM, `127.0.0.1:${port}`));
    writeFileSync(kdcConf, kdcConfText(folder, port, log));
    writeFileSync(join(folder, "db", "kadm5.acl"), "");
    // Apache's user and ours are different ones; what is secret in here has modes of its own.
    chmodSync(folder, 0o755);
    const env = { KRB5_CONFIG: krb5Conf, KRB5_KDC_PROFILE: kdcConf };
    await runOrThrow(needed("kdb5_util"), ["create", "-s", "-r", REALM, "-P", "master"], { env });
    const admin = async (...queries: readonly string[]) => {
      const { stderr, status } = await runCommand(needed("kadmin.local"), [], {
        env,
        input: `${queries.join("\n")}\n`,
      });
      if (status !== 0 || /^(?!.*WARNING|.*No policy).*\b(while|error)\b/im.test(stderr)) {
        throw new Error(`kadmin.local: ${stderr.trim()}`);
      }
    };
    const keytab = (principal: string) => join(folder, `${principal.replaceAll("/", "_")}.keytab`);
    await admin(
      ...Object.entries(passwords).map(([name, password]) => `addprinc -pw ${password} ${name}`),
      ...principals.flatMap((name) => [`addprinc -randkey ${name}`, `ktadd -norandkey -k ${keytab(name)} ${name}`]),
    );

    const started = await startProcess({
      name: "krb5kdc",
      command: needed("krb5kdc"),
      args: ["-n", "-P", join(folder, "kdc.pid")],
      env,
      logFile: join(folder, "kdc.out"),
      ownLogFile: log,
    });
    server = started;
    await waitForSocket(port, { process: started, deadlineMs: 10_000 });

    let caches = 0;
    return {
      realm: REALM,
      port,
      folder,
      krb5Conf,
      writeKrb5Conf(name, { libdefaults = [], kdc = `127.0.0.1:${port}` } = {}) {
        const file = join(folder, name);
        writeFileSync(file, krb5ConfText(REALM, kdc, libdefaults));
        return file;
      },
      keytab,
      async newKey(principal) {
        const old = keytab(principal);
        copyFileSync(old, `${old}.old`);
        await admin(`cpw -randkey ${principal}`);
        const file = `${old}.new`;
        await admin(`ktadd -norandkey -k ${file} ${principal}`);
        return file;
      },
      admin: (query) => admin(query),
      async kinit(principal, { lifetime = "1h", password } = {}) {
        caches += 1;
        const file = join(folder, `cc-${caches}`);
        const ccache = `FILE:${file}`;
        const how = password === undefined ? ["-k", "-t", keytab(principal)] : [];
        await runOrThrow(needed("kinit"), ["-f", "-c", ccache, "-l", lifetime, ...how, principal], {
          env,
          ...(password === undefined ? {} : { input: `${password}\n` }),
        });
        return ccache;
      },
      async tickets(ccache) {
        const { stdout } = await runCommand(needed("klist"), ["-c", ccache], { env });
        return [...stdout.matchAll(/^\S+ \S+ {2}\S+ \S+ {2}(\S+)$/gm)].map(([, principal = ""]) => principal);
      },
      suspend: () => started.signal("SIGSTOP"),
      resume: () => started.signal("SIGCONT"),
      log: () => readFileSync(log, "utf8"),
      logTail: () => started.logTail(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** krb5.conf for a realm with one KDC; names are taken as they are written. */
export function krb5ConfText(realm: string, kdc: string, libdefaults: readonly string[] = []): string {
  return `[libdefaults]
 default_realm = ${realm}
 dns_lookup_realm = false
 dns_lookup_kdc = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
${libdefaults.map((line) => ` ${line}\n`).join("")}[realms]
 ${realm} = {
  kdc = ${kdc}
 }
[domain_realm]
 .corp.example = ${realm}
 corp.example = ${realm}
`;
}

function kdcConfText(folder: string, port: number, log: string): string {
  return `[kdcdefaults]
 kdc_listen = 127.0.0.1:${port}
 kdc_tcp_listen = 127.0.0.1:${port}
[realms]
 ${REALM} = {
  database_name = ${folder}/db/principal
  key_stash_file = ${folder}/db/stash
  acl_file = ${folder}/db/kadm5.acl
  max_life = 10h
  supported_enctypes = aes256-cts:normal aes128-cts:normal
  master_key_type = aes256-cts
 }
[logging]
 kdc = FILE:${log}
 default = FILE:${log}
`;
}
