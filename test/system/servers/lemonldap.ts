// LemonLDAP::NG's portal as an IdP for AWS, SAML or OpenID Connect, under starman on a free loopback port: its demonstration accounts
// (name and password are the same word) behind a form, or Negotiate by a keytab. Configuration, keys, caches and sessions lie in a
// temporary folder.

import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
export const LEMONLDAP_PROGRAMS = ["starman", "/usr/sbin/llng-fastcgi-server", "openssl"] as const;

/** One of its demonstration accounts. */
export const LEMONLDAP_USER = { username: "dwho", password: "dwho" } as const;

const ATTRIBUTES = "https://aws.amazon.com/SAML/Attributes/";
const BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic";

/** A client of OpenID Connect: it gets a code at its redirect URI, or a JWT by client credentials. */
export interface RelyingParty {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  /** Attribute of the session that becomes the claim sub; default the user, or the client where there is none. */
  readonly subject?: string;
  /** A person is asked; default false. */
  readonly consent?: boolean;
}

export interface LemonldapOptions {
  /** Values of the attribute Role; default none. */
  readonly roles?: readonly string[];
  /** With them, the portal is an OpenID provider too; its issuer is its URL. */
  readonly relyingParties?: readonly RelyingParty[];
  /** Default AWS's. */
  readonly acsUrl?: string;
  /** Instead of the form. */
  readonly negotiate?: { readonly keytab: string; readonly krb5Conf: string };
  /** Port and outside URL where a TLS proxy stands before it, which has to know the port first. */
  readonly behind?: { readonly port: number; readonly url: string };
}

export interface Lemonldap {
  readonly port: number;
  /** The portal's own idea of its address, without a slash at its end. */
  readonly url: string;
  readonly entityId: string;
  /** Path of IdP-initiated single sign-on for AWS. */
  readonly ssoPath: string;
  /** The document that is uploaded to AWS. */
  metadata(): Promise<string>;
  logTail(): string;
  stop(): Promise<void>;
}

/** Takes about 1.5 s. */
export function startLemonldap(options: LemonldapOptions): Promise<Lemonldap> {
  return retryingPorts(() => startOnce(options));
}

async function startOnce(options: LemonldapOptions): Promise<Lemonldap> {
  const { path: folder, remove } = temporaryFolder("lemonldap");
  let server: ServerProcess | undefined;
  const stop = async () => {
    await server?.stop();
    remove();
  };
  try {
    for (const name of ["conf", "cache", "sessions/lock", "psessions/lock", "notifications", "captcha"])
      mkdirSync(join(folder, name), { recursive: true, mode: 0o700 });
    const kinds = options.relyingParties === undefined ? ["saml"] : ["saml", "oidc"];
    await Promise.all(
      kinds.map((kind) =>
        runOrThrow(needed("openssl"), [
          ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=lemonldap-${kind}-signing`],
          ...["-keyout", join(folder, `${kind}.key`), "-out", join(folder, `${kind}.crt`)],
        ]),
      ),
    );
    if (options.negotiate !== undefined) copyFileSync(options.negotiate.keytab, join(folder, "http.keytab"));
    const port = options.behind?.port ?? (await freePorts(1))[0] ?? 0;
    const url = options.behind?.url ?? `http://127.0.0.1:${port}`;
    writeFileSync(join(folder, "conf", "lmConf-1.json"), JSON.stringify(configuration(folder, url, options)));
    writeFileSync(join(folder, "lemonldap-ng.ini"), localConfiguration(folder));
    writeFileSync(join(folder, "portal.psgi"), PORTAL);
    const started = await startProcess({
      name: "lemonldap",
      command: needed("starman"),
      args: [
        ...["--listen", `127.0.0.1:${port}`, "--env", "deployment"],
        // A connection that is kept would keep the only worker from the next one, for a second.
        ...["--workers", "1", "--disable-keepalive", join(folder, "portal.psgi")],
      ],
      env: {
        PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
        LLNG_DEFAULTCONFFILE: join(folder, "lemonldap-ng.ini"),
        LLNG_DEFAULTLOGGER: "Lemonldap::NG::Common::Logger::Std",
        KRB5RCACHENAME: "none:",
        TMPDIR: folder,
        ...(options.negotiate === undefined ? {} : { KRB5_CONFIG: options.negotiate.krb5Conf }),
      },
      logFile: join(folder, "out.log"),
    });
    server = started;
    await waitForSocket(port, { process: started, deadlineMs: 20_000 });
    return {
      port,
      url,
      entityId: `${url}/saml/metadata`,
      ssoPath: "/saml/singleSignOn?IDPInitiated=1&spConfKey=aws",
      metadata: async () => {
        const host = new URL(url).host;
        const answer = await fetch(`http://127.0.0.1:${port}/saml/metadata`, { headers: { host } });
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

/** What stands before it speaks TLS; LemonLDAP::NG looks at the PSGI environment for it. */
const PORTAL = `use Plack::Builder; use Lemonldap::NG::Portal::Main;
my $app = Lemonldap::NG::Portal::Main->run({});
builder {
enable 'Static', path => qr{^/static/}, root => '/usr/share/lemonldap-ng/portal/htdocs';
enable 'Static', path => qr{^/javascript/}, root => '/usr/share';
sub {
  my $e = shift;
  if (($e->{HTTP_X_FORWARDED_PROTO} || '') eq 'https') { $e->{HTTPS} = 'on'; $e->{'psgi.url_scheme'} = 'https'; }
  $e->{SERVER_PORT} = ($e->{HTTP_HOST} =~ /:(\\d+)$/)[0] || 443;
  $e->{REQUEST_URI} ||= $e->{PATH_INFO}; $e->{SCRIPT_NAME} = '';
  $app->($e);
} };
`;

function localConfiguration(folder: string): string {
  return `[all]
logLevel = warn
checkTime = 1
[configuration]
type=File
dirName = ${folder}/conf
localStorage=Cache::FileCache
localStorageOptions={ 'namespace' => 'config', 'default_expires_in' => 600, 'directory_umask' => '077', 'cache_root' => '${folder}/cache', 'cache_depth' => 3, }
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
[handler]
status = 0
useRedirectOnError = 1
`;
}

function configuration(folder: string, url: string, options: LemonldapOptions): Record<string, unknown> {
  const { roles = [], acsUrl = "https://signin.aws.amazon.com/saml", negotiate, relyingParties } = options;
  const read = (name: string): string => readFileSync(join(folder, name), "utf8");
  const exported = (name: string): string => `1;${ATTRIBUTES}${name};${BASIC};${name}`;
  const storage = (name: string): Record<string, string> => ({
    Directory: `${folder}/${name}`,
    LockDirectory: `${folder}/${name}/lock`,
    generateModule: "Lemonldap::NG::Common::Apache::Session::Generate::SHA256",
  });
  return {
    cfgNum: 1,
    cfgAuthor: "test",
    cfgDate: 1,
    portal: `${url}/`,
    domain: new URL(url).hostname,
    securedCookie: url.startsWith("https:") ? 1 : 0,
    // With SAML it would be None, which browsers keep over https alone.
    ...(url.startsWith("https:") ? {} : { sameSite: "Lax" }),
    cookieName: "lemonldap",
    authentication: negotiate === undefined ? "Demo" : "Kerberos",
    userDB: negotiate === undefined ? "Demo" : "Null",
    passwordDB: "Null",
    registerDB: "Null",
    ...(negotiate === undefined ? {} : { krbKeytab: `${folder}/http.keytab`, krbByJs: 0, krbRemoveDomain: 1 }),
    globalStorage: "Apache::Session::File",
    globalStorageOptions: storage("sessions"),
    persistentStorage: "Apache::Session::File",
    persistentStorageOptions: storage("psessions"),
    localSessionStorage: "Cache::FileCache",
    localSessionStorageOptions: {
      namespace: "sessions",
      default_expires_in: 600,
      directory_umask: "077",
      cache_root: `${folder}/cache`,
      cache_depth: 3,
    },
    notification: 0,
    portalDisplayResetPassword: 0,
    portalDisplayRegister: 0,
    whatToTrace: "_whatToTrace",
    key: "a-key-of-the-tests",
    exportedVars: { cn: "cn", mail: "mail", uid: "uid" },
    demoExportedVars: { cn: "cn", mail: "mail", uid: "uid" },
    locationRules: {},
    exportedHeaders: {},
    groups: {},
    macros: {
      _whatToTrace: "$_user",
      awsRole: JSON.stringify(roles.join("; ")),
      awsDuration: '"3600"',
      awsName: "$_user",
    },
    issuerDBSAMLActivation: 1,
    samlEntityID: "#PORTAL#/saml/metadata",
    samlServicePrivateKeySig: read("saml.key"),
    samlServicePublicKeySig: read("saml.crt"),
    samlServiceSignatureMethod: "RSA_SHA256",
    samlServiceUseCertificateInResponse: 1,
    samlNameIDFormatMapPersistent: "_user",
    samlSPMetaDataXML: { aws: { samlSPMetaDataXML: serviceProvider(acsUrl) } },
    samlSPMetaDataOptions: {
      aws: {
        samlSPMetaDataOptionsEnableIDPInitiatedURL: 1,
        samlSPMetaDataOptionsSignSSOMessage: 1,
        samlSPMetaDataOptionsSignatureMethod: "RSA_SHA256",
        samlSPMetaDataOptionsNameIDFormat: "persistent",
        samlSPMetaDataOptionsNotOnOrAfterTimeout: 300,
        samlSPMetaDataOptionsCheckSSOMessageSignature: 0,
      },
    },
    samlSPMetaDataExportedAttributes: {
      aws: {
        awsRole: exported("Role"),
        awsDuration: exported("SessionDuration"),
        awsName: exported("RoleSessionName"),
      },
    },
    ...(relyingParties === undefined
      ? {}
      : {
          issuerDBOpenIDConnectActivation: 1,
          oidcServiceMetaDataIssuer: url,
          oidcServicePrivateKeySig: read("oidc.key"),
          oidcServicePublicKeySig: read("oidc.crt"),
          oidcServiceKeyIdSig: "oidc-signing",
          oidcServiceAllowAuthorizationCodeFlow: 1,
          oidcRPMetaDataOptions: Object.fromEntries(relyingParties.map((one) => [one.clientId, relyingParty(one)])),
        }),
  };
}

function relyingParty(client: RelyingParty): Record<string, unknown> {
  const { clientId, clientSecret, redirectUri, subject, consent = false } = client;
  return {
    oidcRPMetaDataOptionsClientID: clientId,
    oidcRPMetaDataOptionsClientSecret: clientSecret,
    oidcRPMetaDataOptionsRedirectUris: redirectUri,
    oidcRPMetaDataOptionsIDTokenSignAlg: "RS256",
    oidcRPMetaDataOptionsBypassConsent: consent ? 0 : 1,
    oidcRPMetaDataOptionsRequirePKCE: 1,
    oidcRPMetaDataOptionsAllowClientCredentialsGrant: 1,
    oidcRPMetaDataOptionsAccessTokenJWT: 1,
    oidcRPMetaDataOptionsAccessTokenSignAlg: "RS256",
    ...(subject === undefined ? {} : { oidcRPMetaDataOptionsUserIDAttr: subject }),
  };
}

function serviceProvider(acsUrl: string): string {
  return `<?xml version="1.0"?><EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="urn:amazon:webservices"><SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol" WantAssertionsSigned="true"><NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</NameIDFormat><AssertionConsumerService index="1" isDefault="true" Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="${acsUrl}"/></SPSSODescriptor></EntityDescriptor>`;
}
