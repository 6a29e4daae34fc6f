/** The main job set up whole: a provider and an STS that know each other, and a sandbox whose configuration uses them. */
import { type OidcWorld, type OidcWorldOptions, startOidcWorld } from "./oidc-world.ts";
import { makeSandbox, type Sandbox } from "./program.ts";

/** Further lines of the configuration. */
export interface MoreLines {
  /** `client_secret` as TOML; default: the home's billing.secret. */
  readonly secret?: string;
  readonly identity?: string;
  readonly profile?: string;
  readonly after?: string;
}

export interface MainJob {
  readonly world: OidcWorld;
  readonly sandbox: Sandbox;
  /**
   * Writes the configuration; further lines go into the identity and the profile. The store is "file" unless they name one: "auto" would use
   * the kernel's keyring, which is the user's own whatever the sandbox.
   */
  configure(more?: MoreLines): string;
  /** The same in another home. */
  configureIn(sandbox: Sandbox, more?: MoreLines): string;
  /** Requests to the token endpoint and AssumeRoleWithWebIdentity calls so far. */
  counts(): { readonly token: number; readonly sts: number };
  close(): Promise<void>;
}

export async function startMainJob(options: OidcWorldOptions = {}): Promise<MainJob> {
  const world = await startOidcWorld(options);
  const sandbox = makeSandbox();
  const { clientSecret } = world.op.clients.secretBasic;
  const secretIn = (home: Sandbox): string => home.file("billing.secret", `${clientSecret}\n`);
  const secretFile = secretIn(sandbox);
  const job: MainJob = {
    world,
    sandbox,
    configure: (more) => sandbox.configure(configurationOf(world, secretFile, more)),
    configureIn: (home, more) => home.configure(configurationOf(world, secretIn(home), more)),
    counts: () => ({ token: world.op.count("/token"), sts: world.sts.count("AssumeRoleWithWebIdentity") }),
    close: async () => {
      sandbox.remove();
      await world.close();
    },
  };
  job.configure();
  return job;
}

function configurationOf(
  world: OidcWorld,
  secretFile: string,
  { secret = `{ file = "${secretFile}" }`, identity = "", profile = "", after = "" }: MoreLines = {},
): string {
  const { clientId } = world.op.clients.secretBasic;
  return `
[identity.corp]
type = "oidc-client-credentials"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
client_secret = ${secret}
audience = "sts.amazonaws.com"
${identity}

[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
${/^store\s*=/m.test(profile) ? "" : 'store = "file"'}
${profile}
${after}`;
}
