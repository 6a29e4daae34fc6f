// A Samba Active Directory domain controller on free loopback ports: a real AD's KDC, with machine and service accounts, service
// principals and tickets with a PAC. A domain is provisioned once (5 s) into .cache of the project, and copied for each start.

import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { krb5ConfText, REALM } from "./kdc.ts";
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
export const SAMBA_PROGRAMS = ["samba", "samba-tool", "ldbmodify", "kinit"] as const;

/** Why a domain controller cannot run here, undefined where it can: it writes extended attributes of the system, as root. */
export function sambaProblem(): string | undefined {
  return process.getuid?.() === 0 ? undefined : "Samba's domain controller runs as root alone";
}

export interface SambaOptions {
  /** Machine accounts, without the $. */
  readonly computers?: readonly string[];
  /** People, with passwords that meet AD's rules. */
  readonly users?: Readonly<Record<string, string>>;
  /** Service principals such as `HTTP/idp.corp.example`, each with an account of its own. */
  readonly services?: readonly string[];
}

export interface Samba {
  readonly realm: string;
  readonly krb5Conf: string;
  /** Of a computer (`WEB1$`) or a service principal. */
  keytab(principal: string): string;
  /** Gives an account another password, and thus another key version. */
  setPassword(account: string, password: string): Promise<void>;
  kinit(user: string, password: string): Promise<string>;
  logTail(): string;
  stop(): Promise<void>;
}

/** Takes about 3 s, and 5 s more the first time. */
export function startSamba(options: SambaOptions = {}): Promise<Samba> {
  return retryingPorts(() => startOnce(options));
}

async function startOnce({ computers = [], users = {}, services = [] }: SambaOptions): Promise<Samba> {
  const template = await provisioned();
  const { path: folder, remove } = temporaryFolder("samba");
  let server: ServerProcess | undefined;
  const stop = async () => {
    await server?.stop();
    remove();
  };
  try {
    const domain = join(folder, "ad");
    cpSync(template, domain, { recursive: true, preserveTimestamps: true });
    const smbConf = join(domain, "etc", "smb.conf");
    writeFileSync(smbConf, readFileSync(smbConf, "utf8").replaceAll(template, domain));
    const [krb5Port = 0, kpasswdPort = 0] = await freePorts(2);
    const krb5Conf = join(folder, "krb5.conf");
    // Apache's user reads it; what is secret has modes of its own.
    chmodSync(folder, 0o755);
    writeFileSync(krb5Conf, krb5ConfText(REALM, `127.0.0.1:${krb5Port}`));

    const database = join(domain, "private", "sam.ldb");
    const tool = (...args: readonly string[]) =>
      runOrThrow(needed("samba-tool"), [...args, "-s", smbConf], { deadlineMs: 30_000 });
    const keytab = (principal: string) => join(folder, `${principal.replaceAll("/", "_")}.keytab`);
    const exported = (principal: string) =>
      tool("domain", "exportkeytab", keytab(principal), `--principal=${principal}`);
    const withAes = async (name: string, container: "Users" | "Computers") => {
      const ldif = `dn: CN=${name},CN=${container},DC=corp,DC=example\nchangetype: modify\nreplace: msDS-SupportedEncryptionTypes\nmsDS-SupportedEncryptionTypes: 24\n`;
      await runOrThrow(needed("ldbmodify"), ["-H", database], { input: ldif });
    };
    const direct = ["-H", database];
    for (const name of computers) {
      await tool("computer", "create", name, ...direct);
      await withAes(name, "Computers");
      await tool("user", "setpassword", `${name}$`, "--newpassword=Machine-Passw0rd1", ...direct);
      await exported(`${name}$`);
    }
    for (const [name, password] of Object.entries(users)) {
      await tool("user", "create", name, password, ...direct);
    }
    for (const [index, principal] of services.entries()) {
      const account = `svc-${index}`;
      await tool("user", "create", account, "Service-Passw0rd1", ...direct);
      await withAes(account, "Users");
      // Keys of a new type come with a new password.
      await tool("user", "setpassword", account, "--newpassword=Service-Passw0rd2", ...direct);
      await tool("spn", "add", principal, account);
      await exported(principal);
    }

    for (const name of ["run", "log"]) mkdirSync(join(folder, name), { mode: 0o755 });
    const settings = {
      "krb5 port": krb5Port,
      "kpasswd port": kpasswdPort,
      "server services": "kdc",
      "pid directory": join(folder, "run"),
      "log file": join(folder, "log", "log.%m"),
      "ncalrpc dir": join(folder, "run", "ncalrpc"),
      "dns forwarder": "",
      interfaces: "127.0.0.1/8",
      "bind interfaces only": "yes",
      "log level": 1,
    };
    const started = await startProcess({
      name: "samba",
      command: needed("samba"),
      args: [
        ...["-s", smbConf, "-F", "--no-process-group", "-M", "single"],
        ...Object.entries(settings).map(([name, value]) => `--option=${name}=${value}`),
      ],
      logFile: join(folder, "log", "out"),
      ownLogFile: join(folder, "log", "log.samba"),
    });
    server = started;
    await waitForSocket(krb5Port, { process: started, deadlineMs: 20_000 });

    let caches = 0;
    return {
      realm: REALM,
      krb5Conf,
      keytab,
      async setPassword(account, password) {
        await tool("user", "setpassword", account, `--newpassword=${password}`, ...direct);
      },
      async kinit(user, password) {
        caches += 1;
        const ccache = `FILE:${join(folder, `cc-${caches}`)}`;
        await runOrThrow(needed("kinit"), ["-c", ccache, user], {
          env: { KRB5_CONFIG: krb5Conf },
          input: `${password}\n`,
        });
        return ccache;
      },
      logTail: () => started.logTail(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The folder of a domain that nobody changes; made once for each version of Samba. */
async function provisioned(): Promise<string> {
  const { stdout } = await runCommand(needed("samba"), ["--version"]);
  const version = /[\d.]+/.exec(stdout)?.[0] ?? "unknown";
  const cache = join(import.meta.dirname, "..", "..", "..", ".cache");
  const template = join(cache, `samba-ad-${version}`);
  if (existsSync(template)) return template;
  mkdirSync(cache, { recursive: true });
  const making = `${template}.${process.pid}`;
  await runOrThrow(
    needed("samba-tool"),
    [
      ...["domain", "provision", `--targetdir=${making}`, `--realm=${REALM}`, "--domain=CORP", "--server-role=dc"],
      ...["--host-name=dc1", "--host-ip=127.0.0.1", "--adminpass=Adm1n-Passw0rd", "--dns-backend=SAMBA_INTERNAL"],
      ...["--option=interfaces=127.0.0.1/8", "--option=bind interfaces only=yes"],
    ],
    { deadlineMs: 90_000 },
  );
  const smbConf = join(making, "etc", "smb.conf");
  writeFileSync(smbConf, readFileSync(smbConf, "utf8").replaceAll(making, template));
  try {
    renameSync(making, template);
  } catch {
    // Somebody else made one meanwhile.
    rmSync(making, { recursive: true, force: true });
  }
  return template;
}
