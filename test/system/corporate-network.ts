// A company's network in small: an https identity provider and an https STS under names that no DNS server knows, each with a
// certificate of an authority of its own, and a sandbox whose configuration uses them.

import { rmSync } from "node:fs";
import { type CertificateAuthority, createCertificateAuthority } from "../support/certificates.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { makeSandbox, type RunOptions, type RunResult, type Sandbox, standalone } from "../support/program.ts";
import { needed } from "./servers/requirements.ts";

export const IDP_HOST = "idp.corp.example";
export const STS_HOST = "sts.corp.example";

export interface CorporateNetwork {
  readonly world: OidcWorld;
  readonly sandbox: Sandbox;
  /** Signs for the identity provider, and for its clients. */
  readonly idpAuthority: CertificateAuthority;
  /** Signs for the STS. */
  readonly awsAuthority: CertificateAuthority;
  /** PEM files of the two. */
  readonly idpCaFile: string;
  readonly awsCaFile: string;
  readonly endpointUrl: string;
  /** `host:port`, as in errors and in a proxy's log. */
  readonly idp: string;
  readonly sts: string;
  /** Writes the configuration. */
  configure(settings?: Settings): void;
  /** For a process that resolves these names by itself, default: both to 127.0.0.1. */
  resolving(names?: Readonly<Record<string, string>>): Record<string, string>;
  /** One `credential-process`. With nothing cached, as long as nobody asked before without an error. */
  run(env?: RunOptions["env"], options?: RunOptions): Promise<RunResult>;
  /** Forgets what is cached. */
  forget(): void;
  close(): Promise<void>;
}

export interface Settings {
  readonly issuer?: string;
  readonly endpointUrl?: string;
  /** How the client proves itself. */
  readonly client?: string;
  /** Default: the provider's own authority. `null` leaves it out. */
  readonly caFile?: string | null;
}

export async function startCorporateNetwork(): Promise<CorporateNetwork> {
  const [idpAuthority, awsAuthority] = await Promise.all([
    createCertificateAuthority("Corp CA"),
    createCertificateAuthority("AWS CA"),
  ]);
  const [idpTls, stsTls] = await Promise.all([
    idpAuthority.issueServer([IDP_HOST]),
    awsAuthority.issueServer([STS_HOST]),
  ]);
  const world = await startOidcWorld({
    op: { tls: { ...idpTls, ca: idpAuthority.cert }, issuerHost: IDP_HOST },
    sts: { tls: stsTls, issuerCa: idpAuthority.cert },
  });
  const sandbox = makeSandbox();
  const idpCaFile = sandbox.file("corp-ca.pem", idpAuthority.cert);
  const awsCaFile = sandbox.file("aws-ca.pem", awsAuthority.cert);
  const { clientId, clientSecret } = world.op.clients.secretBasic;
  const secretFile = sandbox.file("billing.secret", clientSecret);
  const sts = `${STS_HOST}:${world.sts.port}`;
  let hostsFiles = 0;

  const network: CorporateNetwork = {
    world,
    sandbox,
    idpAuthority,
    awsAuthority,
    idpCaFile,
    awsCaFile,
    endpointUrl: `https://${sts}`,
    idp: `${IDP_HOST}:${world.op.port}`,
    sts,
    configure(settings = {}) {
      const ca = settings.caFile === null ? "" : `ca_file = "${settings.caFile ?? idpCaFile}"`;
      const secret = `client_id = "${clientId}"\nclient_secret = { file = "${secretFile}" }`;
      const client = settings.client ?? secret;
      sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${settings.issuer ?? world.op.issuer}"
audience = "sts.amazonaws.com"
${ca}
${client}

[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${settings.endpointUrl ?? network.endpointUrl}"
store = "file"
`);
    },
    resolving: (names = { [IDP_HOST]: "127.0.0.1", [STS_HOST]: "127.0.0.1" }) => {
      const lines = Object.entries(names).map(([name, address]) => `${address} ${name}\n`);
      const hosts = sandbox.file(`hosts-${++hostsFiles}`, lines.join(""));
      return { LD_PRELOAD: needed("libnss_wrapper.so"), NSS_WRAPPER_HOSTS: hosts };
    },
    run: (env = {}, options = {}) =>
      sandbox.run(["credential-process", "--profile", "billing"], { ...options, env: { ...options.env, ...env } }),
    forget: () => rmSync(sandbox.cacheDirectory, { recursive: true, force: true }),
    close: async () => {
      sandbox.remove();
      await world.close();
    },
  };
  network.configure();
  return network;
}

/** What is said of an unknown authority, besides that: Bun shows nothing of a certificate that it refused. */
export function signedBy(authority: string): string {
  return standalone ? "" : `, but by "${authority}"`;
}
