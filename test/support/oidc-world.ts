/**
 * An identity provider and an STS that know each other: the smallest world in which a token becomes credentials. Every part of it can
 * be changed by a test while it runs.
 */
import {
  type OpenIdProvider,
  type OpenIdProviderOptions,
  STS_AUDIENCE,
  startOpenIdProvider,
} from "./openid-provider.ts";
import type { TrustStatement } from "./simulated-sts/policy.ts";
import { type SimulatedSts, startSimulatedSts } from "./simulated-sts/server.ts";
import type { SimulatedStsOptions } from "./simulated-sts/types.ts";

export interface OidcWorldOptions {
  readonly op?: OpenIdProviderOptions;
  /** An https provider needs `issuerCa`; its name the simulator resolves by itself. */
  readonly sts?: Omit<SimulatedStsOptions, "providers" | "roles">;
}

export interface OidcWorld {
  readonly op: OpenIdProvider;
  readonly sts: SimulatedSts;
  /** A role with a path, which its assumed-role ARN leaves out; at most 7,200 s. */
  readonly roleArn: string;
  /** The issuer without its scheme: the first half of its condition keys. */
  readonly issuerName: string;
  /** A statement that lets the provider's tokens in under a condition, for further actions too. */
  allow(condition: NonNullable<TrustStatement["Condition"]>, ...moreActions: string[]): TrustStatement;
  /** Replaces the role's trust policy. */
  trust(...statements: TrustStatement[]): void;
  /** Replaces the audiences for which the provider is registered. */
  registerAudiences(...clientIds: string[]): void;
  /** A token of the `client_secret_post` client over plain http; `undefined` asks for no audience. */
  fetchToken(audience: string | undefined): Promise<string>;
  /** Healthy again: no faults, default claims, default trust (any client, audience sts.amazonaws.com). */
  reset(): void;
  close(): Promise<void>;
}

const ACCOUNT = "123456789012";

/** Starts both, trusting. */
export async function startOidcWorld(options: OidcWorldOptions = {}): Promise<OidcWorld> {
  const [op, sts] = await Promise.all([startOpenIdProvider(options.op), startSimulatedSts(options.sts)]);
  const { hostname } = new URL(op.issuer);
  // Only a name needs it; an entry for the address would lead every other loopback issuer to this provider.
  if (hostname !== "127.0.0.1") sts.account.issuers.hosts[hostname] ??= `127.0.0.1:${op.port}`;
  const roleArn = `arn:aws:iam::${ACCOUNT}:role/ci/billing`;
  const issuerName = op.issuer.replace(/^https?:\/\//, "");
  const tokenDefaults = { ...op.token };

  const world: OidcWorld = {
    op,
    sts,
    roleArn,
    issuerName,
    allow: (Condition, ...moreActions) => ({
      Effect: "Allow",
      Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${issuerName}` },
      Action: ["sts:AssumeRoleWithWebIdentity", ...moreActions],
      Condition,
    }),
    trust: (...Statement) => {
      const role = { arn: roleArn, trustPolicy: { Version: "2012-10-17", Statement }, maxSessionDurationSeconds: 7200 };
      sts.account.roles.splice(0, sts.account.roles.length, role);
    },
    registerAudiences: (...clientIds) => {
      sts.account.providers.splice(0, sts.account.providers.length, { issuer: op.issuer, clientIds });
    },
    fetchToken: (audience) => fetchToken(op, audience),
    reset: () => {
      sts.clear();
      sts.setDateSkewMs(0);
      sts.account.issuers.failureCode = "InvalidIdentityToken";
      op.faults.clear();
      op.setDateSkewMs(0);
      Object.assign(op.token, tokenDefaults);
      world.registerAudiences(STS_AUDIENCE);
      world.trust(world.allow({ StringEquals: { [`${issuerName}:aud`]: STS_AUDIENCE } }));
    },
    close: async () => {
      await Promise.all([op.close(), sts.close()]);
    },
  };
  world.reset();
  return world;
}

async function fetchToken(op: OpenIdProvider, audience: string | undefined): Promise<string> {
  const { clientId, clientSecret } = op.clients.secretPost;
  const form = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret };
  const body = new URLSearchParams(audience === undefined ? form : { ...form, audience });
  const answer = await fetch(op.tokenEndpoint, { method: "POST", body });
  const { access_token } = (await answer.json()) as { access_token?: string };
  if (access_token === undefined) throw new Error(`the test provider refused: HTTP ${answer.status}`);
  return access_token;
}
