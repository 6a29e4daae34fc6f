import { request } from "node:https";
import { createRemoteJWKSet, importPKCS8, jwtVerify, SignJWT } from "jose";
import * as oidc from "openid-client";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type Certificate,
  type CertificateAuthority,
  createCertificateAuthority,
  createSelfSignedClient,
} from "./certificates.ts";
import { type OpenIdProvider, type OpenIdProviderOptions, startOpenIdProvider } from "./openid-provider.ts";

const running: OpenIdProvider[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((op) => op.close()));
});

async function start(options?: OpenIdProviderOptions): Promise<OpenIdProvider> {
  const op = await startOpenIdProvider(options);
  running.push(op);
  return op;
}

async function discover(op: OpenIdProvider, clientId: string, auth: oidc.ClientAuth): Promise<oidc.Configuration> {
  return oidc.discovery(new URL(op.issuer), clientId, undefined, auth, { execute: [oidc.allowInsecureRequests] });
}

async function postToken(op: OpenIdProvider, params: Record<string, string>, basic?: string) {
  const response = await fetch(op.tokenEndpoint, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "client_credentials", ...params }),
    ...(basic === undefined ? {} : { headers: { authorization: `Basic ${btoa(basic)}` } }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, string>,
  };
}

function asPost(op: OpenIdProvider): Record<string, string> {
  return { client_id: op.clients.secretPost.clientId, client_secret: op.clients.secretPost.clientSecret };
}

function claimsOf(token: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(token?.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
}

describe("a test OpenID provider", () => {
  it("gives a JWT for the audience to every kind of client that openid-client can be", async () => {
    const op = await start();
    const { secretBasic, secretPost, secretJwt, rs256, ps256, es256 } = op.clients;
    const ways: [string, oidc.ClientAuth][] = [
      [secretBasic.clientId, oidc.ClientSecretBasic(secretBasic.clientSecret)],
      [secretPost.clientId, oidc.ClientSecretPost(secretPost.clientSecret)],
      [secretJwt.clientId, oidc.ClientSecretJwt(secretJwt.clientSecret)],
    ];
    for (const client of [rs256, ps256, es256]) {
      const key = await importPKCS8(client.privateKeyPem, client.alg);
      ways.push([client.clientId, oidc.PrivateKeyJwt({ key, kid: client.kid })]);
    }
    for (const [clientId, auth] of ways) {
      const config = await discover(op, clientId, auth);
      const answer = await oidc.clientCredentialsGrant(config, { audience: "sts.amazonaws.com" });
      const keys = createRemoteJWKSet(new URL(`${op.issuer}/jwks`));
      const { payload } = await jwtVerify(answer.access_token, keys, {
        issuer: op.issuer,
        audience: "sts.amazonaws.com",
      });
      expect(payload.sub).toBe(clientId);
    }
    expect(op.count("/token")).toBe(6);
    expect(op.requests.filter(({ path }) => path === "/token").map(({ status }) => status)).toEqual(Array(6).fill(200));
  });

  it("refuses a wrong secret, an unknown client and a forged assertion as oidc-provider does", async () => {
    const op = await start();
    const wrong = await postToken(op, {}, `${op.clients.secretBasic.clientId}:wrong`);
    expect([wrong.status, wrong.body.error]).toEqual([401, "invalid_client"]);
    expect(wrong.headers.get("www-authenticate")).toContain("Basic");
    expect((await postToken(op, { client_id: "nobody", client_secret: "x" })).body.error).toBe("invalid_client");
    const key = await importPKCS8(op.clients.ps256.privateKeyPem, "RS256");
    const forged = await new SignJWT({ jti: "1" })
      .setProtectedHeader({ alg: "RS256" })
      .setIssuer(op.clients.rs256.clientId)
      .setSubject(op.clients.rs256.clientId)
      .setAudience(op.issuer)
      .setIssuedAt()
      .setExpirationTime("1m")
      .sign(key);
    const answer = await postToken(op, {
      client_assertion: forged,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    });
    expect(answer.body.error).toBe("invalid_client");
  });

  it("gives an opaque token when no audience is named, and maps resource and audience to aud", async () => {
    const op = await start();
    const plain = await postToken(op, asPost(op));
    expect(plain.body.access_token?.split(".")).toHaveLength(1);
    const byResource = await postToken(op, { ...asPost(op), resource: "urn:aws:sts" });
    expect(claimsOf(byResource.body.access_token).aud).toBe("sts.amazonaws.com");
    const byUri = await postToken(op, { ...asPost(op), resource: "https://sts.amazonaws.com" });
    expect(claimsOf(byUri.body.access_token).aud).toBe("https://sts.amazonaws.com");
    op.token.defaultAudience = "account";
    const byDefault = await postToken(op, asPost(op));
    expect(claimsOf(byDefault.body.access_token).aud).toBe("account");
  });

  it("puts ttl, algorithm, azp and any claim into the token as it is told, at once", async () => {
    const op = await start({ token: { ttlSeconds: 60, alg: "ES256" } });
    Object.assign(op.token, { azp: "somebody", claims: { email: "a@corp.example", sub: "me" } });
    const { body } = await postToken(op, { ...asPost(op), audience: "a" });
    const claims = claimsOf(body.access_token);
    expect(claims).toMatchObject({ azp: "somebody", email: "a@corp.example", sub: "me", aud: "a" });
    expect(Number(claims.exp) - Number(claims.iat)).toBe(60);
    const keys = createRemoteJWKSet(new URL(`${op.issuer}/jwks`));
    const { protectedHeader } = await jwtVerify(body.access_token ?? "", keys);
    expect(protectedHeader.alg).toBe("ES256");
  });

  it("publishes x5c when asked, over the key that signs", async () => {
    const op = await start({ x5c: true });
    const { keys } = (await (await fetch(`${op.url}/jwks`)).json()) as { keys: { kid: string; x5c?: string[] }[] };
    expect(keys.find(({ kid }) => kid === "op-rs256")?.x5c?.[0]).toMatch(/^MII[A-Za-z0-9+/]+=*$/);
  });

  it("plays faults by path and leaves the other paths alone", async () => {
    const op = await start();
    op.faults.next("/token", { kind: "status", status: 503, body: "busy", headers: { "retry-after": "7" } });
    const busy = await fetch(op.tokenEndpoint, { method: "POST" });
    expect([busy.status, busy.headers.get("retry-after"), await busy.text()]).toEqual([503, "7", "busy"]);
    op.faults.always("/token", { kind: "reset" });
    await expect(fetch(op.tokenEndpoint, { method: "POST" })).rejects.toThrow();
    expect((await fetch(`${op.url}/.well-known/openid-configuration`)).status).toBe(200);
    op.faults.clear();
    expect((await postToken(op, asPost(op))).status).toBe(200);
  });

  it("lies about the date when told to", async () => {
    const op = await start();
    op.setDateSkewMs(-600_000);
    const date = (await fetch(`${op.url}/jwks`)).headers.get("date") ?? "";
    expect(Math.abs(Date.parse(date) + 600_000 - Date.now())).toBeLessThan(5_000);
  });

  it("prints nothing", async () => {
    const { warn, info } = console;
    const printed: unknown[] = [];
    console.warn = (...args) => void printed.push(...args);
    console.info = (...args) => void printed.push(...args);
    try {
      const op = await start();
      await postToken(op, { ...asPost(op), audience: "a" });
    } finally {
      Object.assign(console, { warn, info });
    }
    expect(printed).toEqual([]);
  });
});

describe("a test OpenID provider over TLS", () => {
  let ca: CertificateAuthority;
  let client: Certificate;
  let selfSigned: Certificate;
  let op: OpenIdProvider;

  beforeAll(async () => {
    ca = await createCertificateAuthority();
    client = await ca.issueClient("client.corp.example");
    selfSigned = await createSelfSignedClient("batch.corp.example");
  });

  function post(
    clientId: string,
    certificate?: Certificate,
  ): Promise<{ status: number; body: Record<string, string> }> {
    const body = new URLSearchParams({ grant_type: "client_credentials", client_id: clientId, audience: "a" });
    return new Promise((resolve, reject) => {
      const sent = request(
        {
          port: op.port,
          host: "127.0.0.1",
          servername: "idp.corp.example",
          path: "/token",
          method: "POST",
          ca: ca.cert,
          headers: { "content-type": "application/x-www-form-urlencoded" },
          ...certificate,
        },
        async (res) => {
          const chunks = await res.toArray();
          resolve({ status: res.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) });
        },
      );
      sent.on("error", reject);
      sent.end(body.toString());
    });
  }

  async function startWithTls(): Promise<void> {
    const server = await ca.issueServer(["idp.corp.example"]);
    op = await start({
      tls: { ...server, ca: ca.cert },
      issuerHost: "idp.corp.example",
      selfSignedCert: selfSigned.cert,
    });
  }

  it("says its own name in tokens and knows clients by certificate", async () => {
    await startWithTls();
    const byCa = await post("cc-mtls", client);
    expect(byCa.status).toBe(200);
    expect(claimsOf(byCa.body.access_token).iss).toBe(`https://idp.corp.example:${op.port}`);
    expect((await post("cc-self-signed", selfSigned)).status).toBe(200);
  });

  it("refuses no certificate, a foreign one, and a right subject from an unknown authority", async () => {
    await startWithTls();
    const impostor = await (await createCertificateAuthority("Other CA")).issueClient("client.corp.example");
    for (const [id, certificate] of [
      ["cc-mtls", undefined],
      ["cc-mtls", await ca.issueClient("other.corp.example")],
      ["cc-mtls", impostor],
      ["cc-self-signed", client],
    ] as const) {
      expect(await post(id, certificate)).toMatchObject({ status: 401, body: { error: "invalid_client" } });
    }
  });
});
