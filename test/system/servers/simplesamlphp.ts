// SimpleSAMLphp as an IdP for AWS, under PHP's own server on a free loopback port: two accounts behind its login form, and whoever a
// reverse proxy in front has authenticated (X-Remote-User). Configuration, keys and sessions lie in a temporary folder.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  freePorts,
  retryingPorts,
  runOrThrow,
  type ServerProcess,
  startProcess,
  temporaryFolder,
  waitForSocket,
} from "./process.ts";
import { needed } from "./requirements.ts";

/** For {@link describeSystem}. */
export const SIMPLESAMLPHP_PROGRAMS = ["php", "/usr/share/simplesamlphp/bin/pwgen.php", "openssl"] as const;

const INSTALLED = "/usr/share/simplesamlphp";
/** Where it takes AWS's users: one account with two roles, one with none. */
export const SIMPLESAMLPHP_USER = { username: "svc-batch", password: 'Pa+ss &"w%rd' } as const;
export const SIMPLESAMLPHP_ROLELESS = { username: "nobody", password: "no-roles" } as const;

export interface SimplesamlphpOptions {
  /** Values of the attribute Role. */
  readonly roles: readonly string[];
  /** Default urn:test:simplesamlphp. */
  readonly entityId?: string;
  /** Default AWS's. */
  readonly acsUrl?: string;
}

export interface Simplesamlphp {
  readonly port: number;
  /** `http://127.0.0.1:<port>`; a reverse proxy that keeps the Host and says X-Forwarded-Proto may stand before it. */
  readonly url: string;
  readonly entityId: string;
  /** Path of IdP-initiated single sign-on for AWS. */
  readonly ssoPath: string;
  /** The document that is uploaded to AWS, as its own page gives it. */
  metadata(): Promise<string>;
  logTail(): string;
  stop(): Promise<void>;
}

/** Takes about 300 ms. */
export function startSimplesamlphp(options: SimplesamlphpOptions): Promise<Simplesamlphp> {
  return retryingPorts(() => startOnce(options));
}

async function startOnce(options: SimplesamlphpOptions): Promise<Simplesamlphp> {
  const { path: folder, remove } = temporaryFolder("simplesamlphp");
  let server: ServerProcess | undefined;
  const stop = async () => {
    await server?.stop();
    remove();
  };
  try {
    const entityId = options.entityId ?? "urn:test:simplesamlphp";
    for (const name of ["config", "metadata", "cert", "log", "data", "tmp", "sessions", "www"])
      mkdirSync(join(folder, name), { mode: 0o700 });
    symlinkSync(join(INSTALLED, "www"), join(folder, "www", "simplesaml"));
    const key = join(folder, "cert", "idp.key");
    await runOrThrow(needed("openssl"), [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=simplesamlphp-signing"],
      ...["-keyout", key, "-out", join(folder, "cert", "idp.crt")],
    ]);
    writeFileSync(join(folder, "config", "config.php"), configuration(folder));
    writeFileSync(join(folder, "config", "authsources.php"), AUTHSOURCES);
    writeFileSync(join(folder, "config", "prepend.php"), REMOTE_USER);
    writeFileSync(join(folder, "metadata", "saml20-idp-hosted.php"), hosted(entityId, options.roles));
    writeFileSync(join(folder, "metadata", "saml20-sp-remote.php"), serviceProvider(options.acsUrl));

    const [port = 0] = await freePorts(1);
    const started = await startProcess({
      name: "simplesamlphp",
      command: needed("php"),
      args: [
        ...["-d", "display_errors=0", "-d", "log_errors=0", "-d", `auto_prepend_file=${folder}/config/prepend.php`],
        ...["-d", `sys_temp_dir=${folder}/tmp`, "-S", `127.0.0.1:${port}`, "-t", join(folder, "www")],
      ],
      env: { PATH: "/usr/bin:/bin", SIMPLESAMLPHP_CONFIG_DIR: join(folder, "config"), TMPDIR: join(folder, "tmp") },
      logFile: join(folder, "out.log"),
      ownLogFile: join(folder, "log", "simplesamlphp.log"),
    });
    server = started;
    await waitForSocket(port, { process: started, deadlineMs: 10_000 });
    const url = `http://127.0.0.1:${port}`;
    return {
      port,
      url,
      entityId,
      ssoPath: "/simplesaml/saml2/idp/SSOService.php?spentityid=urn:amazon:webservices",
      metadata: async () => {
        const answer = await fetch(`${url}/simplesaml/saml2/idp/metadata.php`);
        if (!answer.ok) throw new Error(`no metadata: HTTP ${answer.status}${started.logTail()}`);
        return answer.text();
      },
      logTail: () => started.logTail(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function php(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}

function configuration(folder: string): string {
  return `<?php
$proto = $_SERVER['HTTP_X_FORWARDED_PROTO'] ?? 'http';
if ($proto === 'https') { $_SERVER['HTTPS'] = 'on'; $_SERVER['SERVER_PORT'] = parse_url('https://'.$_SERVER['HTTP_HOST'], PHP_URL_PORT) ?? 443; }
$config = [
  'baseurlpath' => $proto.'://'.($_SERVER['HTTP_HOST'] ?? '127.0.0.1').'/simplesaml/',
  'certdir' => '${folder}/cert/', 'loggingdir' => '${folder}/log/', 'datadir' => '${folder}/data/', 'tempdir' => '${folder}/tmp',
  'metadatadir' => '${folder}/metadata/', 'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',
  'technicalcontact_name' => 'na', 'technicalcontact_email' => 'na@example.org', 'timezone' => 'UTC',
  'secretsalt' => 'a-salt-of-the-tests-alone', 'auth.adminpassword' => bin2hex(random_bytes(16)),
  'admin.protectindexpage' => true, 'admin.protectmetadata' => false, 'admin.checkforupdates' => false,
  'debug' => ['saml' => false, 'backtraces' => true, 'validatexml' => false], 'showerrors' => true, 'errorreporting' => false,
  'logging.handler' => 'file', 'logging.level' => 6, 'logging.logfile' => 'simplesamlphp.log', 'statistics.out' => [],
  'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
  'session.phpsession.savepath' => '${folder}/sessions', 'session.cookie.secure' => $proto === 'https', 'session.cookie.path' => '/simplesaml/',
  'session.phpsession.httponly' => true, 'session.cookie.samesite' => $proto === 'https' ? 'None' : 'Lax', 'store.type' => 'phpsession', 'authproc.idp' => [],
  'metadata.sources' => [['type' => 'flatfile', 'directory' => '${folder}/metadata']],
  'language.available' => ['en', 'de'], 'language.default' => 'de',
  'template.cache' => '',
];
`;
}

const AUTHSOURCES = `<?php
$config = [
  'form' => ['exampleauth:UserPass',
    ${php(`${SIMPLESAMLPHP_USER.username}:${SIMPLESAMLPHP_USER.password}`)} => ['uid' => [${php(SIMPLESAMLPHP_USER.username)}], 'aws' => ['yes']],
    ${php(`${SIMPLESAMLPHP_ROLELESS.username}:${SIMPLESAMLPHP_ROLELESS.password}`)} => ['uid' => [${php(SIMPLESAMLPHP_ROLELESS.username)}]],
  ],
  'negotiate' => ['core:RemoteUser'],
];
`;

/** An authentication source that believes the reverse proxy, which is all that this server listens to then. */
const REMOTE_USER = `<?php
spl_autoload_register(function ($class) {
  if ($class === 'SimpleSAML\\\\Module\\\\core\\\\Auth\\\\Source\\\\RemoteUser')
    eval('namespace SimpleSAML\\\\Module\\\\core\\\\Auth\\\\Source; class RemoteUser extends \\\\SimpleSAML\\\\Auth\\\\Source {
      public function authenticate(&$state) {
        $user = $_SERVER["HTTP_X_REMOTE_USER"] ?? "";
        if ($user === "") throw new \\\\SimpleSAML\\\\Error\\\\AuthSource($this->authId, "nobody");
        $state["Attributes"] = ["uid" => [explode("@", $user)[0]], "aws" => ["yes"]];
      } }');
});
`;

function hosted(entityId: string, roles: readonly string[]): string {
  const attribute = "https://aws.amazon.com/SAML/Attributes/";
  return `<?php
$metadata[${php(entityId)}] = [
  'host' => '__DEFAULT__', 'privatekey' => 'idp.key', 'certificate' => 'idp.crt',
  'auth' => isset($_SERVER['HTTP_X_REMOTE_USER']) ? 'negotiate' : 'form',
  'authproc' => [
    10 => ['class' => 'core:PHP', 'code' => 'if (isset($attributes["aws"])) $attributes["${attribute}Role"] = [${roles.map((role) => `"${role}"`).join(", ")}]; unset($attributes["aws"]);'],
    20 => ['class' => 'core:AttributeAdd', '${attribute}SessionDuration' => ['3600']],
    30 => ['class' => 'core:AttributeCopy', 'uid' => '${attribute}RoleSessionName'],
    40 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'],
  ],
];
`;
}

function serviceProvider(acsUrl = "https://signin.aws.amazon.com/saml"): string {
  return `<?php
$metadata['urn:amazon:webservices'] = [
  'AssertionConsumerService' => ${php(acsUrl)}, 'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'saml20.sign.response' => true, 'saml20.sign.assertion' => true, 'simplesaml.nameidattribute' => 'uid', 'validate.authnrequest' => false,
];
`;
}
