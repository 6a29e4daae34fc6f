/** An OpenID provider on a fake host's routes: it says whatever a test wants, well-behaved or not. */
import type { HttpRequest } from "../../src/host/host.ts";
import { type FakeHost, json } from "./fake-host.ts";

export const ISSUER = "https://idp.corp.example";
const CLIENT = "people";
/** An identity table for it, without its type. */
export const IDENTITY = { issuer: ISSUER, client_id: CLIENT } as const;

type Answer = ReturnType<typeof json>;

export interface FakeProvider {
  /** Requests to the token endpoint so far, as forms. */
  readonly redeemed: URLSearchParams[];
  /** What the token endpoint answers; default: `tokens()`. */
  onToken(answer: (form: URLSearchParams) => Answer | Promise<Answer>): void;
  /** A good answer, with claims and members changed. */
  tokens(claims?: Record<string, unknown>, members?: Record<string, unknown>): Answer;
}

export function fakeProvider(host: FakeHost, metadata: Record<string, unknown> = {}): FakeProvider {
  const redeemed: URLSearchParams[] = [];
  const tokens: FakeProvider["tokens"] = (claims, members) =>
    json({
      access_token: "opaque",
      token_type: "Bearer",
      expires_in: 300,
      id_token: idToken(host, claims),
      refresh_token: `R${redeemed.length}`,
      ...members,
    });
  let answer: (form: URLSearchParams) => Answer | Promise<Answer> = () => tokens();
  host.routes.on("GET", `${ISSUER}/.well-known/openid-configuration`, () =>
    json({
      issuer: ISSUER,
      authorization_endpoint: `${ISSUER}/auth`,
      token_endpoint: `${ISSUER}/token`,
      jwks_uri: `${ISSUER}/jwks`,
      ...metadata,
    }),
  );
  host.routes.on("POST", `${ISSUER}/token`, ({ body }: HttpRequest) => {
    const form = new URLSearchParams(String(body));
    redeemed.push(form);
    return answer(form);
  });
  return {
    redeemed,
    tokens,
    onToken: (next) => {
      answer = next;
    },
  };
}

/** Nobody checks its signature on this way: it comes from the token endpoint, over TLS. */
export function idToken(host: FakeHost, claims: Record<string, unknown> = {}): string {
  const now = Math.floor(host.clock.nowMs() / 1000);
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const payload = { iss: ISSUER, sub: "ana", aud: CLIENT, iat: now, exp: now + 600, ...claims };
  return `${part({ alg: "RS256", typ: "JWT" })}.${part(payload)}.${Buffer.from("signature").toString("base64url")}`;
}
