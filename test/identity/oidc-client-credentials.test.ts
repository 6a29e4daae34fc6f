/** The source against a real OpenID provider: what it sends is judged by npm oidc-provider, what comes back by us. */
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TomlTable } from "../../src/core/types.ts";
import { failure } from "../config/helpers.ts";
import { createCertificateAuthority, createSelfSignedClient } from "../support/certificates.ts";
import { fakeHost, json } from "../support/fake-host.ts";
import { type KeyClient, type OpenIdProvider, startOpenIdProvider } from "../support/openid-provider.ts";
import { acquire, claims } from "./helpers.ts";

const directory = mkdtempSync(path.join(tmpdir(), "sts-broker-identity-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function put(name: string, content: string): string {
  const file = path.join(directory, name);
  writeFileSync(file, content, { mode: 0o600 });
  chmodSync(file, 0o600);
  return file;
}

/** Real sockets and files under our own time: the provider judges by it. */
function host() {
  const made = fakeHost({ http: "real", files: "real", uid: process.getuid?.() ?? 0 });
  made.clock.setWall(Date.now());
  return made;
}

let op: OpenIdProvider;
beforeAll(async () => {
  op = await startOpenIdProvider();
});
afterAll(() => op.close());
afterEach(() => {
  op.faults.clear();
  op.setDateSkewMs(0);
  op.token.claims = {};
  op.token.defaultAudience = undefined;
});

function table(change: TomlTable = {}): TomlTable {
  const { clientId, clientSecret } = op.clients.secretBasic;
  return {
    type: "oidc-client-credentials",
    issuer: op.issuer,
    client_id: clientId,
    client_secret: { file: put("secret", `${clientSecret}\n`) },
    audience: "sts.amazonaws.com",
    ...change,
  };
}
function byKey(client: KeyClient, form: "pem" | "jwk", change: TomlTable = {}): TomlTable {
  const key = form === "pem" ? client.privateKeyPem : JSON.stringify(client.privateJwk);
  const { client_secret: _, ...rest } = table();
  return {
    ...rest,
    client_id: client.clientId,
    private_key: { file: put(`${client.clientId}.${form}`, key) },
    ...change,
  };
}

describe("a client proves itself at a real provider by", () => {
  it.each(["client_secret_basic", "client_secret_post", "client_secret_jwt"])("%s", async (method) => {
    const client = {
      client_secret_basic: op.clients.secretBasic,
      client_secret_post: op.clients.secretPost,
      client_secret_jwt: op.clients.secretJwt,
    }[method];
    const { token, name } = await acquire(
      host(),
      table({ client_id: client?.clientId ?? "", token_endpoint_auth_method: method }),
    );
    expect(claims(token)).toMatchObject({ iss: op.issuer, sub: client?.clientId, aud: "sts.amazonaws.com" });
    expect(name).toBe(`the access token of ${op.issuer}`);
  });

  it.each(["rs256", "ps256", "es256"] as const)("private_key_jwt with %s, from PEM and from JWK", async (which) => {
    const client = op.clients[which];
    const algorithm = { token_endpoint_auth_signing_alg: client.alg };
    for (const settings of [
      byKey(client, "pem", { ...algorithm, private_key_id: client.kid }),
      byKey(client, "pem", algorithm),
      byKey(client, "jwk", algorithm),
    ])
      expect(claims((await acquire(host(), settings)).token).sub).toBe(client.clientId);
  });

  it("private_key_jwt with the algorithm that fits the key, when none is stated", async () => {
    for (const client of [op.clients.rs256, op.clients.es256])
      expect(claims((await acquire(host(), byKey(client, "pem"))).token).sub).toBe(client.clientId);
  });

  it("private_key_jwt with the token endpoint as the assertion's audience", async () => {
    const settings = byKey(op.clients.es256, "pem", { client_assertion_audience: "token_endpoint" });
    expect(claims((await acquire(host(), settings)).token).sub).toBe("cc-es256");
  });
});

describe("a client proves itself over TLS", () => {
  let tlsOp: OpenIdProvider;
  let settings: (clientId: string, certificate: { cert: string; key: string }, change?: TomlTable) => TomlTable;
  let made: Record<"registered" | "selfSigned" | "other" | "server", { cert: string; key: string }>;

  beforeAll(async () => {
    const ca = await createCertificateAuthority();
    made = {
      registered: await ca.issueClient("client.corp.example"),
      other: await ca.issueClient("other.corp.example"),
      selfSigned: await createSelfSignedClient("batch"),
      server: await ca.issueServer(),
    };
    tlsOp = await startOpenIdProvider({ tls: { ...made.server, ca: ca.cert }, selfSignedCert: made.selfSigned.cert });
    settings = (clientId, { cert, key }, change = {}) => ({
      type: "oidc-client-credentials",
      issuer: tlsOp.issuer,
      client_id: clientId,
      client_certificate: put(`${clientId}.crt`, cert),
      client_certificate_key: { file: put(`${clientId}.key`, key) },
      ca_file: put("ca.pem", ca.cert),
      audience: "sts.amazonaws.com",
      ...change,
    });
  });
  afterAll(() => tlsOp.close());

  it("by tls_client_auth", async () => {
    expect(claims((await acquire(host(), settings("cc-mtls", made.registered))).token).sub).toBe("cc-mtls");
  });

  it("by self_signed_tls_client_auth", async () => {
    const method = { token_endpoint_auth_method: "self_signed_tls_client_auth" };
    const { token } = await acquire(host(), settings("cc-self-signed", made.selfSigned, method));
    expect(claims(token).sub).toBe("cc-self-signed");
  });

  it("and is told to check the certificate where that is another's", async () => {
    const error = await failure(() => acquire(host(), settings("cc-mtls", made.other)));
    expect([error.code, error.exitCode]).toEqual(["IDP_REFUSED", 4]);
    expect(error.message).toContain('does not accept client "cc-mtls" by tls_client_auth (invalid_client');
    expect(error.hint).toContain("check client_certificate");
  });

  it("and not at all without ca_file: the company's authority is nobody the machine knows", async () => {
    const { ca_file: _, ...rest } = settings("cc-mtls", made.registered);
    const error = await failure(() => acquire(host(), rest));
    expect([error.code, error.exitCode]).toEqual(["UNREACHABLE", 5]);
    expect(error.hint).toContain("ca_file");
  });

  it("and is told so when certificate and key do not belong together, with no key in the message", async () => {
    const bad = settings("cc-mtls", { cert: made.registered.cert, key: made.other.key });
    const error = await failure(() => acquire(host(), bad));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain("the client certificate and its key cannot be used");
  });

  it("with a secret as well", async () => {
    const { clientId, clientSecret } = tlsOp.clients.secretPost;
    const both = {
      client_secret: { file: put("tls-secret", clientSecret) },
      token_endpoint_auth_method: "client_secret_post",
    };
    expect(claims((await acquire(host(), settings(clientId, made.registered, both))).token).sub).toBe(clientId);
  });
});

describe("what is asked for", () => {
  it("is scope, audience, resource and parameters, in the provider's hands", async () => {
    const fake = fakeHost({ files: "real", uid: process.getuid?.() ?? 0 });
    const issuer = "https://idp.corp.example";
    const discovery = { issuer, token_endpoint: `${issuer}/token` };
    fake.routes.on("GET", `${issuer}/.well-known/openid-configuration`, () => json(discovery));
    fake.routes.on("POST", `${issuer}/token`, () => json({ access_token: "x", token_type: "Bearer" }));
    await acquire(fake, table({ issuer, scope: "aws x", resource: ["urn:a", "urn:b"], parameters: { tenant: "t" } }));
    const body = new URLSearchParams(String(fake.routes.requests.at(-1)?.body));
    expect([...body].sort()).toEqual([
      ["audience", "sts.amazonaws.com"],
      ["grant_type", "client_credentials"],
      ["resource", "urn:a"],
      ["resource", "urn:b"],
      ["scope", "aws x"],
      ["tenant", "t"],
    ]);
    expect(fake.routes.requests.at(-1)?.headers?.authorization).toMatch(/^Basic /);
  });

  it("has the client's name and secret form-encoded, and nothing in them that needs no encoding", async () => {
    const fake = fakeHost({ files: "real", uid: process.getuid?.() ?? 0 });
    const issuer = "https://idp.corp.example";
    fake.routes.on("GET", `${issuer}/.well-known/openid-configuration`, () =>
      json({ issuer, token_endpoint: `${issuer}/token` }),
    );
    fake.routes.on("POST", `${issuer}/token`, () => json({ access_token: "x", token_type: "Bearer" }));
    await acquire(
      fake,
      table({ issuer, client_id: "svc-a_b.c", client_secret: { file: put("special", "a-b_c.d*e f~:%+/ü") } }),
    );
    const sent = fake.routes.requests.at(-1)?.headers?.authorization?.replace("Basic ", "");
    expect(Buffer.from(sent ?? "", "base64").toString()).toBe("svc-a_b.c:a-b_c.d*e+f%7E%3A%25%2B%2F%C3%BC");
  });

  it("is answered with a token for the resource", async () => {
    const { audience: _, ...rest } = table({ resource: "urn:aws:sts", scope: "aws" });
    expect(claims((await acquire(host(), rest)).token)).toMatchObject({ aud: "sts.amazonaws.com", scope: "aws" });
  });

  it("is opaque where no audience is named: the token is handed on, and judged by src/assertion", async () => {
    const { audience: _, ...rest } = table();
    const { token, name } = await acquire(host(), rest);
    expect(token.reveal()).not.toContain(".");
    expect((await failure(() => claims(token))).message).toContain("opaque");
    expect(name).toContain("the access token of");
  });

  it("is one discovery and one token request", async () => {
    const before = op.requests.length;
    await acquire(host(), table());
    expect(op.requests.slice(before).map(({ path: one }) => one)).toEqual([
      "/.well-known/openid-configuration",
      "/token",
    ]);
  });

  it("may be an id_token, which says so where the provider issues none", async () => {
    const error = await failure(() => acquire(host(), table({ assertion: "id_token" })));
    expect([error.code, error.message]).toEqual([
      "ASSERTION_UNUSABLE",
      `${op.issuer} issued no id_token for client credentials`,
    ]);
  });
});

describe("the issuer", () => {
  it("may have a path, with and without a slash at its end", async () => {
    for (const suffix of ["/realms/prod", "/realms/prod/"]) {
      const issuer = `http://127.0.0.1${suffix}`;
      const there = await startOpenIdProvider({ issuer });
      try {
        const discovery = await (await fetch(`${there.url}/realms/prod/.well-known/openid-configuration`)).json();
        const fake = fakeHost({ files: "real", uid: process.getuid?.() ?? 0 });
        fake.routes.on("GET", "http://127.0.0.1/realms/prod/.well-known/openid-configuration", () => json(discovery));
        const tokenEndpoint = (discovery as { token_endpoint: string }).token_endpoint;
        fake.routes.on("POST", tokenEndpoint, () => json({ access_token: "x", token_type: "Bearer" }));
        expect((await acquire(fake, table({ issuer }))).token.reveal()).toBe("x");
      } finally {
        await there.close();
      }
    }
  });

  it("that differs from the document's is refused with the document's", async () => {
    const fake = fakeHost({ files: "real", uid: process.getuid?.() ?? 0 });
    const issuer = "https://idp.corp.example/realms/prod";
    const named = "https://idp.corp.example/realms/prod/";
    const document = json({ issuer: named, token_endpoint: "https://idp.corp.example/t" });
    fake.routes.on("GET", "https://idp.corp.example/realms/prod/.well-known/openid-configuration", () => document);
    const error = await failure(() => acquire(fake, table({ issuer })));
    expect([error.code, error.hint]).toEqual([
      "IDP_INVALID_ANSWER",
      `issuer = "${named}", if that is the provider you mean`,
    ]);
  });

  it("is discovered by RFC 8414 where that is asked for", async () => {
    const fake = fakeHost({ files: "real", uid: process.getuid?.() ?? 0 });
    const issuer = "https://as.corp.example/tenant";
    const document = json({ issuer, token_endpoint: `${issuer}/token` });
    fake.routes.on("GET", "https://as.corp.example/.well-known/oauth-authorization-server/tenant", () => document);
    fake.routes.on("POST", `${issuer}/token`, () => json({ access_token: "x", token_type: "Bearer" }));
    expect((await acquire(fake, table({ issuer, discovery: "oauth2" }))).token.reveal()).toBe("x");
  });

  it("over plain http that is not loopback gets nothing sent", async () => {
    const error = await failure(() => acquire(host(), table({ issuer: "http://idp.corp.example" })));
    expect(error.code).toBe("CONFIG_INVALID");
  });

  it("whose document names a token endpoint over plain http is not sent the secret", async () => {
    const fake = fakeHost({ http: "real", files: "real", uid: process.getuid?.() ?? 0 });
    const document = { issuer: op.issuer, token_endpoint: "http://evil.example/token" };
    op.faults.next("/.well-known/openid-configuration", {
      kind: "status",
      status: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(document),
    });
    const error = await failure(() => acquire(fake, table()));
    expect([error.code, error.message]).toEqual([
      "CONFIG_INVALID",
      expect.stringContaining("http://evil.example is refused"),
    ]);
  });
});

describe("a refusal is one line that says who refused what", () => {
  it("for a wrong secret", async () => {
    const wrong = table({ client_secret: { file: put("wrong", "hunter2marker") } });
    const error = await failure(() => acquire(host(), wrong));
    expect([error.code, error.exitCode]).toEqual(["IDP_REFUSED", 4]);
    expect(error.message).toContain(
      `${op.issuer} does not accept client "cc-basic" by client_secret_basic (invalid_client`,
    );
    expect(error.hint).toContain("check client_secret");
    expect(`${error.message}${error.hint}`).not.toContain("hunter2marker");
  });

  it("for an unknown client, and for a key the provider does not know", async () => {
    const unknown = await failure(() => acquire(host(), table({ client_id: "nobody" })));
    expect(unknown.message).toContain('client "nobody"');
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const stranger = byKey({ ...op.clients.es256, privateKeyPem: pem }, "pem");
    expect((await failure(() => acquire(host(), stranger))).hint).toContain("public key of private_key");
  });

  it("for the clock, where that is the likeliest cause", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    op.setDateSkewMs(600_000);
    const slow = fakeHost({ http: "real", files: "real", uid: process.getuid?.() ?? 0 });
    slow.clock.setWall(Date.now());
    const error = await failure(() => acquire(slow, byKey({ ...op.clients.es256, privateKeyPem: pem }, "pem")));
    expect(error.message).toContain("this machine's clock is 10 min behind the provider's");
  });

  const answer = (error: string, description: string, status = 400) =>
    ({
      kind: "status",
      status,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ error, error_description: description }),
    }) as const;

  it.each([
    ["invalid_client", 401, "IDP_REFUSED", "does not accept client"],
    ["invalid_client", 400, "IDP_REFUSED", "does not accept client"],
    ["unauthorized_client", 401, "IDP_REFUSED", "does not accept client"],
    ["unauthorized_client", 400, "IDP_REFUSED", "does not accept client"],
    ["invalid_request", 400, "IDP_REFUSED", "refuses client"],
    ["invalid_grant", 400, "IDP_REFUSED", "refuses client"],
    ["invalid_scope", 400, "IDP_REFUSED", "does not grant"],
    ["invalid_target", 400, "IDP_REFUSED", 'does not know the audience "sts.amazonaws.com"'],
    ["unsupported_grant_type", 400, "IDP_REFUSED", "does not offer client credentials"],
    ["access_denied", 403, "IDP_REFUSED", "denies"],
    ["server_error", 500, "UNREACHABLE", "failed"],
    ["temporarily_unavailable", 503, "UNREACHABLE", "failed"],
    ["made_up", 400, "IDP_REFUSED", "refuses client"],
  ])("for %s (HTTP %i)", async (code, status, kind, said) => {
    op.faults.next("/token", answer(code, "because\u001b[31m \u202eof\r\nthis", status));
    const error = await failure(() => acquire(host(), table()));
    expect([error.code, error.message]).toEqual([kind, expect.stringContaining(said)]);
    expect(error.message).toContain(op.issuer);
    // openid-client does not read the body of a 5xx.
    if (status < 500) expect(error.message).toContain(code);
    expect(`${error.message}${error.hint}`).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  it.each([
    [
      "/.well-known/openid-configuration",
      { kind: "status", status: 404 },
      "IDP_INVALID_ANSWER",
      "has no discovery document (HTTP 404",
    ],
    ["/.well-known/openid-configuration", { kind: "html" }, "IDP_INVALID_ANSWER", "HTML page instead of JSON"],
    ["/.well-known/openid-configuration", { kind: "invalid-json" }, "IDP_INVALID_ANSWER", "not OAuth"],
    ["/.well-known/openid-configuration", { kind: "status", status: 500 }, "UNREACHABLE", "failed with HTTP 500"],
    ["/token", { kind: "html" }, "IDP_INVALID_ANSWER", "HTML page instead of JSON"],
    ["/token", { kind: "html", status: 403 }, "IDP_INVALID_ANSWER", "HTML page instead of JSON"],
    ["/token", { kind: "invalid-json" }, "IDP_INVALID_ANSWER", "not OAuth"],
    ["/token", { kind: "status", status: 503 }, "UNREACHABLE", "failed with HTTP 503"],
    ["/token", { kind: "status", status: 401 }, "IDP_REFUSED", "does not accept client"],
    [
      "/token",
      { kind: "redirect", location: "https://evil.example/steal?x=1" },
      "IDP_INVALID_ANSWER",
      "redirect to https://evil.example (HTTP 302), which is not followed",
    ],
    ["/token", { kind: "reset" }, "UNREACHABLE", "closed the connection"],
    ["/token", { kind: "huge" }, "IDP_INVALID_ANSWER", "more than 1048576 bytes"],
  ] as const)("for %s that answers %j", async (at, fault, code, said) => {
    // A connection that breaks is tried once more.
    op.faults.next(at, fault, fault.kind === "reset" ? 2 : 1);
    const error = await failure(() => acquire(host(), table()));
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(said)]);
    expect(error.message).not.toContain("\n");
  });

  it("for a provider that drips a byte at a time, by the caller's deadline", async () => {
    op.faults.next("/token", { kind: "drip", everyMs: 50 });
    const startMs = performance.now();
    const error = await failure(() => acquire(host(), table(), AbortSignal.timeout(400)));
    expect([error.code, performance.now() - startMs < 2_000]).toEqual(["TIMEOUT", true]);
  });

  it("for keys that are none, without quoting them", async () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
    const { privateKey: ed } = generateKeyPairSync("ed25519");
    const locked = privateKey
      .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
      .toString();
    const open = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
    for (const [text, said] of [
      ["hunter2marker", "is neither a private key in PEM nor a private JWK"],
      ['{"kty":"hunter2marker"}', "is neither a private key in PEM nor a private JWK"],
      [open, "is neither a private key in PEM nor a private JWK"],
      [locked, "is encrypted"],
      [privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "is on the curve secp384r1"],
      [ed.export({ type: "pkcs8", format: "pem" }).toString(), "is of the type ed25519"],
    ] as const) {
      const error = await failure(() => acquire(host(), byKey({ ...op.clients.es256, privateKeyPem: text }, "pem")));
      expect([error.code, error.message]).toEqual(["SECRET_UNAVAILABLE", `private_key ${said}`]);
    }
    const mismatch = byKey(op.clients.es256, "pem", { token_endpoint_auth_signing_alg: "RS256" });
    expect((await failure(() => acquire(host(), mismatch))).message).toContain("does not sign RS256");
  });

  it("for a certificate that is missing or none", async () => {
    const settings = { client_certificate: "/no/such.crt", client_certificate_key: { file: put("ck", "x") } };
    const { client_secret: _, ...rest } = table(settings);
    expect((await failure(() => acquire(host(), rest))).message).toBe("client_certificate /no/such.crt does not exist");
    const none = { ...rest, client_certificate: put("none.crt", "nothing") };
    expect((await failure(() => acquire(host(), none))).message).toContain("holds no PEM certificate");
  });
});
