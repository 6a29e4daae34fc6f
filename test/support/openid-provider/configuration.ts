/**
 * oidc-provider's configuration for machines: client_credentials alone, JWT access tokens for whoever names an audience, opaque ones
 * for whoever does not (that is what the real one does, and what a user sees who forgot `audience`).
 */
import type { ProviderContext } from "oidc-provider";

/** What the provider puts into a token; all of it may be changed while the provider runs. */
export interface TokenSettings {
  /** Lifetime of an access token, default 300 s. */
  ttlSeconds: number;
  /** Which of the two signing keys signs. */
  alg: "RS256" | "ES256";
  /** The authorized party, as Keycloak and Entra always send it; AWS takes it before `aud`. */
  azp: string | undefined;
  /** Merged over the payload as the last step, so that even `iss` or `exp` can be made wrong; `undefined` removes a claim. */
  claims: Record<string, unknown>;
  /** The audience of a token for which none was asked; without it such a token is opaque. */
  defaultAudience: string | undefined;
}

/** How it treats people and the refresh tokens that they leave; all of it may be changed while the provider runs. */
export interface PeopleSettings {
  /** Each refresh token is good for one use, and a second use revokes all that came of the same login. Default true. */
  rotates: boolean;
  /** How long a person may take to type a device code. Default 600. */
  deviceCodeSeconds: number;
}

/** The resource indicator that stands for AWS STS, as some providers want a URI where AWS wants a bare audience. */
const STS_RESOURCE = "urn:aws:sts";
export const STS_AUDIENCE = "sts.amazonaws.com";

// RFC 8707 wants a URI, the audience parameter that Auth0, Keycloak and others take does not: wrap the one in the other.
const AUDIENCE_URN = "urn:test:audience:";

/** The configuration object; `jwks` are the provider's private signing keys. */
export function createConfiguration(
  registrations: readonly Record<string, unknown>[],
  jwks: readonly Record<string, unknown>[],
  token: TokenSettings,
  people: PeopleSettings,
): Record<string, unknown> {
  const lifetimeSeconds = (): number => token.ttlSeconds;
  const deviceCodeSeconds = (): number => people.deviceCodeSeconds;
  return {
    clients: registrations,
    jwks: { keys: jwks },
    cookies: { keys: ["test"] },
    scopes: ["openid", "offline_access", "aws"],
    rotateRefreshToken: () => people.rotates,
    findAccount: (_ctx: unknown, login: string) => ({ accountId: login, claims: () => ({ sub: login }) }),
    clientAuthMethods: [
      "client_secret_basic",
      "client_secret_post",
      "client_secret_jwt",
      "private_key_jwt",
      "tls_client_auth",
      "self_signed_tls_client_auth",
      "none",
    ],
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      ClientCredentials: lifetimeSeconds,
      DeviceCode: deviceCodeSeconds,
      Grant: 86_400,
      IdToken: 600,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    clientBasedCORS: () => false,
    renderError: (ctx: ProviderContext, out: Readonly<Record<string, string>>) => {
      ctx.body = `${out.error}: ${out.error_description}`;
    },
    formats: {
      customizers: {
        jwt: (_ctx: unknown, _token: unknown, jwt: { payload: Record<string, unknown> }) => {
          if (token.azp !== undefined) jwt.payload.azp = token.azp;
          Object.assign(jwt.payload, token.claims);
        },
      },
    },
    features: {
      devInteractions: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: (ctx: ProviderContext, form: string, _out: unknown, error?: Error) => {
          const said = error === undefined ? "Enter the code" : `The code was not taken (${error.name})`;
          ctx.body = `<title>Code</title><p>${said}</p>${form}<button type="submit" form="op.deviceInputForm">Continue</button>`;
        },
        userCodeConfirmSource: (ctx: ProviderContext, form: string) => {
          ctx.body = `<title>Confirm</title>${form}<button type="submit" form="op.deviceConfirmForm">Continue</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">Abort</button>`;
        },
        successSource: (ctx: ProviderContext) => {
          ctx.body = "<title>Done</title><p>You are signed in</p>";
        },
      },
      revocation: { enabled: true, allowedPolicy: () => true },
      clientCredentials: { enabled: true },
      mTLS: mutualTls,
      resourceIndicators: {
        enabled: true,
        defaultResource: (ctx: ProviderContext) => audienceAsResource(ctx, token.defaultAudience),
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx: unknown, resource: string) => ({
          scope: "aws",
          audience: audienceOf(resource),
          accessTokenTTL: token.ttlSeconds,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: token.alg } },
        }),
      },
    },
  };
}

const mutualTls = {
  enabled: true,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: true,
  getCertificate: (ctx: ProviderContext) => ctx.socket.getPeerX509Certificate?.(),
  certificateAuthorized: (ctx: ProviderContext) => ctx.socket.authorized,
  certificateSubjectMatches: (ctx: ProviderContext, property: string, expected: string) =>
    property === "tls_client_auth_subject_dn" && ctx.socket.getPeerX509Certificate()?.subject === expected,
};

function audienceAsResource(ctx: ProviderContext, fallback: string | undefined): string | undefined {
  const asked = ctx.oidc.body?.audience;
  const audience = typeof asked === "string" && asked !== "" ? asked : fallback;
  return audience === undefined ? undefined : `${AUDIENCE_URN}${encodeURIComponent(audience)}`;
}

function audienceOf(resource: string): string {
  if (resource === STS_RESOURCE) return STS_AUDIENCE;
  return resource.startsWith(AUDIENCE_URN) ? decodeURIComponent(resource.slice(AUDIENCE_URN.length)) : resource;
}
