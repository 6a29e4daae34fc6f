import { request } from "node:https";
import { decodeJwt } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Certificate, type CertificateAuthority, createCertificateAuthority } from "./certificates.ts";
import { type OidcWorld, startOidcWorld } from "./oidc-world.ts";
import type { OpenIdProviderOptions } from "./openid-provider.ts";

let ca: CertificateAuthority;
let server: Certificate;

beforeAll(async () => {
  ca = await createCertificateAuthority();
  server = await ca.issueServer(["idp.corp.example", "sts.corp.example"]);
});

function postForm(url: string, form: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const sent = request(url, { method: "POST", ca: ca.cert, headers }, async (res) => {
      resolve(Buffer.concat(await res.toArray()).toString());
    });
    sent.on("error", reject);
    sent.end(new URLSearchParams(form).toString());
  });
}

async function exchange(world: OidcWorld): Promise<string> {
  const { clientId, clientSecret } = world.op.clients.secretPost;
  const answer = await postForm(`${world.op.url}${new URL(world.op.tokenEndpoint).pathname}`, {
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
    audience: "sts.amazonaws.com",
  });
  const token = (JSON.parse(answer) as { access_token: string }).access_token;
  expect(decodeJwt(token).iss).toBe(world.op.issuer);
  return postForm(world.sts.url, {
    Action: "AssumeRoleWithWebIdentity",
    Version: "2011-06-15",
    RoleArn: world.roleArn,
    RoleSessionName: "job",
    WebIdentityToken: token,
  });
}

describe("provider and simulated STS over https", () => {
  const worlds: OidcWorld[] = [];
  afterAll(async () => {
    await Promise.all(worlds.map((world) => world.close()));
  });

  async function start(issuerCa: string | undefined, issuer: OpenIdProviderOptions): Promise<OidcWorld> {
    const world = await startOidcWorld({
      op: { tls: server, ...issuer },
      sts: {
        tls: server,
        ...(issuerCa === undefined ? {} : { issuerCa }),
      },
    });
    worlds.push(world);
    return world;
  }

  it("trust an issuer by the CA given to the simulator, under a name that only it resolves", async () => {
    const world = await start(ca.cert, { issuerHost: "idp.corp.example" });
    expect(await exchange(world)).toContain("<AccessKeyId>ASIA");
    expect(world.sts.account.issuers.fetched).toEqual([
      `${world.op.issuer}/.well-known/openid-configuration`,
      `${world.op.issuer}/jwks`,
    ]);
  });

  it("know an issuer without a port, as IAM wants it", async () => {
    const world = await start(ca.cert, { issuer: "https://idp.corp.example/realms/prod" });
    expect(world.op.tokenEndpoint).toBe("https://idp.corp.example/realms/prod/token");
    const answer = await exchange(world);
    expect(world.sts.account.issuers.fetched[1]).toBe("https://idp.corp.example/realms/prod/jwks");
    expect(world.op.count("/token")).toBe(1);
    expect(answer).toContain(":oidc-provider/idp.corp.example/realms/prod</Provider>");
  });

  it("refuse an issuer whose certificate the simulator does not trust", async () => {
    const world = await start(undefined, { issuerHost: "idp.corp.example" });
    expect(await exchange(world)).toContain("retrieve verification key from your identity provider");
    expect(world.op.count("/jwks")).toBe(0);
  });
});
