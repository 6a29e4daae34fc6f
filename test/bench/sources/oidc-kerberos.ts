import { createHash } from "node:crypto";
import { startSimulatedSts } from "../../support/simulated-sts/server.ts";
import { PUBLIC_CLIENT, startSsoProvider } from "../../support/sso-provider.ts";
import { redeemToken } from "./bare-client.ts";
import {
  ACCOUNT,
  HOST,
  NEGOTIATE,
  PROGRAMS,
  REDIRECT_URI,
  ROLE,
  role,
  settings,
  startRealm,
} from "./kerberos-realm.ts";
import type { ColdSource, StartedSource } from "./source.ts";

export const oidcKerberos: ColdSource = {
  name: "oidc-kerberos (oidc-provider)",
  programs: PROGRAMS,
  client: "curl",
  async start(place): Promise<StartedSource> {
    const realm = await startRealm(place);
    const { origin, curl } = realm;
    const op = await startSsoProvider({ issuer: origin, clientSecret: "unused", redirectUri: REDIRECT_URI });
    const apache = await realm.apache({ proxyTo: op.url, protect: ["/interaction/"] });
    const [stsFront, tls] = await Promise.all([place.front(), place.ca.issueServer()]);
    const sts = await startSimulatedSts({
      tls,
      issuerCa: place.ca.cert,
      issuerHosts: { [HOST]: `127.0.0.1:${apache.port}` },
      providers: [{ issuer: origin, clientIds: [PUBLIC_CLIENT] }],
      roles: [role(`${ACCOUNT}:oidc-provider/${origin.replace("https://", "")}`, "sts:AssumeRoleWithWebIdentity")],
    });
    stsFront.target = sts.port;
    const endpointUrl = `https://127.0.0.1:${stsFront.port}`;
    const verifier = "v".repeat(43);
    const client = { client_id: PUBLIC_CLIENT, redirect_uri: REDIRECT_URI };
    const question = new URLSearchParams({
      ...client,
      response_type: "code",
      scope: "openid",
      state: "bench",
      nonce: "bench",
      code_challenge: createHash("sha256").update(verifier).digest("base64url"),
      code_challenge_method: "S256",
    });
    return {
      configure: () => ({
        identity: settings({
          type: "oidc-kerberos",
          issuer: origin,
          client_id: PUBLIC_CLIENT,
          ca_file: place.caFile,
          keytab: realm.keytab,
        }),
        role: `role_arn = "${ROLE}"`,
        endpointUrl,
      }),
      env: realm.env,
      bare: async (bare) => {
        const { authorization_endpoint: ask, token_endpoint: redeem } = JSON.parse(
          await curl(`${origin}/.well-known/openid-configuration`),
        ) as Record<string, string>;
        const back = await curl(...NEGOTIATE, "-D", "-", "-o", "/dev/null", `${ask}?${question}`);
        const [, code = ""] = /^location: http:.*[?&]code=([^&\s]+)/im.exec(back) ?? [];
        const grant = { ...client, grant_type: "authorization_code", code, code_verifier: verifier };
        const form = ["-d", new URLSearchParams(grant).toString()];
        const { id_token: token = "" } = JSON.parse(await curl(...form, redeem ?? "")) as { id_token?: string };
        return redeemToken(bare, endpointUrl, ROLE, token);
      },
      requests: () => ({
        idp: apache.requests().length - sts.account.issuers.fetched.length,
        sts: sts.calls.length,
      }),
      stop: () => Promise.all([apache.stop(), op.close(), sts.close(), realm.stop()]),
    };
  },
};
