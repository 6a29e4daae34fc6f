// A private Apache with mod_auth_gssapi over TLS: pages behind Negotiate, and a reverse proxy whose locations ask for it. Its own
// configuration, pid and logs lie in a temporary folder; the machine's Apache is neither read nor touched.

import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Certificate } from "../../support/certificates.ts";
import {
  freePorts,
  retryingPorts,
  runOrThrow,
  type ServerProcess,
  SYSTEM_PATH,
  startProcess,
  temporaryFolder,
  waitForSocket,
} from "./process.ts";
import { needed } from "./requirements.ts";

/** For {@link describeSystem}. */
export const APACHE_PROGRAMS = ["apache2", "/usr/lib/apache2/modules/mod_auth_gssapi.so"] as const;

export interface ApacheOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly certificate: Certificate;
  /** Keytab of HTTP/host; copied. */
  readonly keytab: string;
  /** KRB5_CONFIG of the server. */
  readonly krb5Conf: string;
  /** Everything is handed on to this origin, with the principal in X-Remote-User where Negotiate is asked for. Default: static pages. */
  readonly proxyTo?: string;
  /** Path prefixes that ask for Negotiate, default `/negotiate`. */
  readonly protect?: readonly string[];
  /** Moves its clock, as faketime has it: "+6m". */
  readonly faketime?: string;
  /** GssapiMutual and so on: further lines in each protected location. */
  readonly gssapi?: readonly string[];
  /** Further lines in the virtual host, for paths of their own. */
  readonly lines?: readonly string[];
}

export interface Apache {
  readonly port: number;
  /** Requests so far, as `GET /path status user`; the user is "-" without one. */
  requests(): string[];
  logTail(): string;
  stop(): Promise<void>;
}

/** Takes about 100 ms. */
export function startApache(options: ApacheOptions): Promise<Apache> {
  return retryingPorts(() => startOnce(options));
}

async function startOnce(options: ApacheOptions): Promise<Apache> {
  const { path: folder, remove } = temporaryFolder("apache");
  let server: ServerProcess | undefined;
  const stop = async () => {
    await server?.stop();
    remove();
  };
  try {
    const port = options.port ?? (await freePorts(1))[0] ?? 0;
    for (const name of ["www", "run"]) mkdirSync(join(folder, name), { mode: 0o700 });
    for (const path of options.protect ?? ["/negotiate"]) {
      mkdirSync(join(folder, "www", path), { recursive: true });
      writeFileSync(join(folder, "www", path, "index.html"), "hello from mod_auth_gssapi\n");
    }
    writeFileSync(join(folder, "run", "tls.crt"), options.certificate.cert);
    writeFileSync(join(folder, "run", "tls.key"), options.certificate.key, { mode: 0o600 });
    copyFileSync(options.keytab, join(folder, "run", "http.keytab"));
    chmodSync(join(folder, "run", "http.keytab"), 0o600);
    const configuration = join(folder, "httpd.conf");
    writeFileSync(configuration, httpdConf(folder, port, options));
    // As root Apache would serve as somebody else, from the start: then all of it is that user's.
    const asRoot = process.getuid?.() === 0;
    if (asRoot) await runOrThrow("/bin/chown", ["-R", "www-data:www-data", folder]);
    const wrapper = [
      ...(asRoot ? [needed("setpriv"), "--reuid=www-data", "--regid=www-data", "--clear-groups", "--"] : []),
      ...(options.faketime === undefined ? [] : [needed("faketime"), "-f", options.faketime]),
    ];
    const [command = "", ...args] = [...wrapper, needed("apache2"), "-f", configuration, "-D", "FOREGROUND"];
    const started = await startProcess({
      name: "apache2",
      command,
      args,
      env: {
        PATH: SYSTEM_PATH,
        KRB5_CONFIG: options.krb5Conf,
        KRB5RCACHENAME: "dfl:",
        KRB5RCACHEDIR: join(folder, "run"),
        TMPDIR: join(folder, "run"),
      },
      logFile: join(folder, "out.log"),
      ownLogFile: join(folder, "run", "error.log"),
    });
    server = started;
    await waitForSocket(port, { process: started, deadlineMs: 10_000 });
    const log = join(folder, "run", "access.log");
    return {
      port,
      requests: () => (existsSync(log) ? readFileSync(log, "utf8").trimEnd().split("\n").filter(Boolean) : []),
      logTail: () => started.logTail(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const MODULES = [
  ["mpm_prefork", "mpm_prefork"],
  ["authn_core", "authn_core"],
  ["authz_core", "authz_core"],
  ["authz_user", "authz_user"],
  ["auth_gssapi", "auth_gssapi"],
  ["ssl", "ssl"],
  ["socache_shmcb", "socache_shmcb"],
  ["dir", "dir"],
  ["mime", "mime"],
  ["alias", "alias"],
  ["headers", "headers"],
  ["rewrite", "rewrite"],
  ["proxy", "proxy"],
  ["proxy_http", "proxy_http"],
] as const;

function httpdConf(folder: string, port: number, options: ApacheOptions): string {
  const run = join(folder, "run");
  const { proxyTo, protect = ["/negotiate"], gssapi = [], lines = [] } = options;
  const locations = protect.map(
    (path) => `<Location "${path}">
 AuthType GSSAPI
 AuthName "CORP"
 GssapiCredStore keytab:${run}/http.keytab
 GssapiAllowedMech krb5
 Require valid-user
 RequestHeader set X-Remote-User "expr=%{REMOTE_USER}"
 Header always set X-Remote-User "expr=%{REMOTE_USER}"
${gssapi.map((line) => ` ${line}\n`).join("")}</Location>`,
  );
  return `ServerRoot /usr/lib/apache2
Listen 127.0.0.1:${port} https
PidFile ${run}/httpd.pid
DefaultRuntimeDir ${run}
Mutex file:${run}
ErrorLog ${run}/error.log
LogLevel info auth_gssapi:debug
LogFormat "%m %U %>s %u" short
ServerName idp.corp.example
${MODULES.map(([name, file]) => `LoadModule ${name}_module modules/mod_${file}.so`).join("\n")}
TypesConfig /etc/mime.types
CustomLog ${run}/access.log short
# Connections kept alive hold a process each.
StartServers 6
MinSpareServers 2
MaxSpareServers 10
KeepAlive On
KeepAliveTimeout 2
DocumentRoot ${folder}/www
SSLSessionCache none
<Directory />
 Require all granted
</Directory>
<VirtualHost 127.0.0.1:${port}>
 ServerName idp.corp.example
 SSLEngine on
 SSLCertificateFile ${run}/tls.crt
 SSLCertificateKeyFile ${run}/tls.key
 RequestHeader unset X-Remote-User
${locations.join("\n")}
${lines.map((line) => ` ${line}\n`).join("")}${proxyTo === undefined ? "" : ` ProxyPreserveHost On\n RequestHeader set X-Forwarded-Proto https\n ProxyPass / ${proxyTo}/\n`}</VirtualHost>
`;
}
