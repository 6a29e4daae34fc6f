/**
 * A real OpenID provider (npm oidc-provider) for the authorization code grant, behind a reverse proxy that authenticates people by
 * Kerberos: it believes X-Remote-User, and shows a password form where there is none.
 */
import { type ListeningServer, listen } from "./listening-server.ts";
import { newRsaKey } from "./openid-provider/clients.ts";
import { newProvider } from "./openid-provider/new-provider.ts";

export interface SsoProviderOptions {
  /** The proxy's address, as clients see it. */
  readonly issuer: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
}

export interface SsoProvider extends ListeningServer {
  /** May be changed while it runs. */
  readonly behaviour: {
    /** Shows a consent page and waits. */
    consent: boolean;
    /** Changes the redirect that leads back to the client. */
    redirect: (location: URL) => URL;
  };
  /** Paths that were asked for, without their queries. */
  readonly requests: readonly string[];
}

export const PUBLIC_CLIENT = "cli";
export const SECRET_CLIENT = "cli+secret";
export const AWS_RESOURCE = "urn:aws:sts";

interface Interaction {
  readonly prompt: { readonly name: string; readonly details: Record<string, unknown> };
  readonly grantId?: string;
  readonly session?: { readonly accountId: string };
  readonly params: { readonly client_id: string };
}
interface Grant {
  addOIDCScope(scope: string): void;
  addOIDCClaims(claims: unknown): void;
  addResourceScope(resource: string, scope: string): void;
  save(): Promise<string>;
}
interface Context {
  readonly path: string;
  readonly req: unknown;
  readonly res: unknown;
  type: string;
  body: string;
  respond: boolean;
  get(header: string): string;
  readonly response: { get(header: string): string; set(header: string, value: string): void };
}
interface FullProvider {
  proxy: boolean;
  use(middleware: (ctx: Context, next: () => Promise<void>) => Promise<void>): void;
  interactionDetails(req: unknown, res: unknown): Promise<Interaction>;
  interactionFinished(req: unknown, res: unknown, result: unknown, options: unknown): Promise<void>;
  readonly Grant: { find(id: string): Promise<Grant>; new (of: { accountId?: string; clientId: string }): Grant };
}

/** Listens on plain http at a free loopback port. */
export async function startSsoProvider(options: SsoProviderOptions): Promise<SsoProvider> {
  const key = { ...(await newRsaKey()).export({ format: "jwk" }), kid: "sso", alg: "RS256", use: "sig" };
  const client = {
    application_type: "native",
    grant_types: ["authorization_code"],
    response_types: ["code"],
    redirect_uris: [options.redirectUri],
  };
  const op = await newProvider(options.issuer, {
    clients: [
      { ...client, client_id: PUBLIC_CLIENT, token_endpoint_auth_method: "none" },
      {
        ...client,
        client_id: SECRET_CLIENT,
        client_secret: options.clientSecret,
        token_endpoint_auth_method: "client_secret_basic",
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ["test"] },
    // Its advice about defaults goes to the console.
    ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 3600, Session: 3600 },
    scopes: ["openid", "aws"],
    pkce: { required: () => true },
    findAccount: (_ctx: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    interactions: { url: (_ctx: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: "aws",
          audience: "sts.amazonaws.com",
          accessTokenTTL: 300,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
  });
  const provider = op as unknown as FullProvider;
  provider.proxy = true;
  const behaviour: SsoProvider["behaviour"] = { consent: false, redirect: (location) => location };
  const requests: string[] = [];

  const interact = async (ctx: Context): Promise<void> => {
    const interaction = await provider.interactionDetails(ctx.req, ctx.res);
    const user = ctx.get("x-remote-user");
    const finish = async (result: unknown, mergeWithLastSubmission: boolean): Promise<void> => {
      ctx.respond = false;
      await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission });
    };
    const { prompt, grantId, session, params } = interaction;
    if (prompt.name === "login" && user === "") {
      ctx.type = "html";
      ctx.body = "<title>Sign in</title><form method=post><input name=login><input name=password type=password></form>";
      return;
    }
    if (prompt.name === "login") return finish({ login: { accountId: user } }, false);
    if (behaviour.consent) {
      ctx.type = "html";
      ctx.body = "<title>Grant access</title><form method=post><button name=ok>Allow</button></form>";
      return;
    }
    const grant =
      grantId === undefined
        ? new provider.Grant({
            clientId: params.client_id,
            ...(session === undefined ? {} : { accountId: session.accountId }),
          })
        : await provider.Grant.find(grantId);
    const { missingOIDCScope, missingOIDCClaims, missingResourceScopes } = prompt.details;
    if (missingOIDCScope !== undefined) grant.addOIDCScope((missingOIDCScope as string[]).join(" "));
    if (missingOIDCClaims !== undefined) grant.addOIDCClaims(missingOIDCClaims);
    for (const [resource, scopes] of Object.entries((missingResourceScopes ?? {}) as Record<string, string[]>))
      grant.addResourceScope(resource, scopes.join(" "));
    await finish({ consent: { grantId: await grant.save() } }, true);
  };

  provider.use(async (ctx, next) => {
    requests.push(ctx.path);
    if (ctx.path.startsWith("/interaction/")) return interact(ctx);
    await next();
    const location = ctx.response.get("location");
    if (location?.startsWith(options.redirectUri))
      ctx.response.set("location", behaviour.redirect(new URL(location)).href);
  });
  const server = await listen((req, res) => void op.callback()(req, res));
  return { ...server, behaviour, requests };
}
