import {
  AssumeRoleWithWebIdentityCommand,
  type AssumeRoleWithWebIdentityRequest,
  STSClient,
} from "@aws-sdk/client-sts";
import { importPKCS8, SignJWT, UnsecuredJWT } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { closedPort } from "./misbehaving-server.ts";
import { type OidcWorld, startOidcWorld } from "./oidc-world.ts";

let nowMs = Date.now();
let world: OidcWorld;
let client: STSClient;

beforeAll(async () => {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  world = await startOidcWorld({ sts: { clock: () => nowMs } });
  client = new STSClient({ region: "eu-west-1", endpoint: world.sts.url, maxAttempts: 1 });
});

afterAll(async () => {
  client.destroy();
  await world.close();
});

beforeEach(() => {
  nowMs = Date.now();
  world.reset();
});

async function exchange(changes: Partial<AssumeRoleWithWebIdentityRequest> = {}) {
  const WebIdentityToken = changes.WebIdentityToken ?? (await world.fetchToken("sts.amazonaws.com"));
  const input = { RoleArn: world.roleArn, RoleSessionName: "job-7", ...changes, WebIdentityToken };
  return client.send(new AssumeRoleWithWebIdentityCommand(input));
}

/** HTTP status, AWS's code and its message. */
async function refusal(changes: Partial<AssumeRoleWithWebIdentityRequest> = {}): Promise<string> {
  const error = await exchange(changes).then(
    () => new Error("it was accepted"),
    (cause: Error & { $metadata?: { httpStatusCode?: number } }) => cause,
  );
  const status = "$metadata" in error ? error.$metadata?.httpStatusCode : 0;
  return `${status} ${world.sts.calls.at(-1)?.code}: ${error.message}`;
}

describe("AssumeRoleWithWebIdentity of the simulated STS", () => {
  it("takes a real provider's token and answers as AWS does", async () => {
    const answer = await exchange({ DurationSeconds: 900 });
    expect(answer.Credentials?.AccessKeyId).toMatch(/^ASIA[A-Z2-7]{16}$/);
    expect(answer.Credentials?.SecretAccessKey).toMatch(/^[A-Za-z0-9+/]{40}$/);
    const sessionToken = answer.Credentials?.SessionToken ?? "";
    expect([sessionToken.length, /\+.*\/.*=$/.test(sessionToken)]).toEqual([1200, true]);
    const seconds = Math.floor(nowMs / 1000) + 900;
    expect(answer.Credentials?.Expiration?.getTime()).toBe(seconds * 1000);
    expect(answer.AssumedRoleUser?.Arn).toBe("arn:aws:sts::123456789012:assumed-role/billing/job-7");
    expect(answer.AssumedRoleUser?.AssumedRoleId).toMatch(/^AROA[A-Z2-7]{17}:job-7$/);
    expect(answer).toMatchObject({
      SubjectFromWebIdentityToken: world.op.clients.secretPost.clientId,
      Audience: "sts.amazonaws.com",
      Provider: `arn:aws:iam::123456789012:oidc-provider/${world.issuerName}`,
    });
    expect(answer.$metadata.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(world.sts.calls.at(-1)).toMatchObject({
      action: "AssumeRoleWithWebIdentity",
      code: "OK",
      authorized: false,
    });
  });

  it("takes a GET, and writes XML in AWS's shape", async () => {
    const query = new URLSearchParams({
      Action: "AssumeRoleWithWebIdentity",
      Version: "2011-06-15",
      RoleArn: world.roleArn,
      RoleSessionName: "get",
      WebIdentityToken: await world.fetchToken("sts.amazonaws.com"),
    });
    const answer = await fetch(`${world.sts.url}/?${query}`);
    const xml = await answer.text();
    expect(answer.headers.get("content-type")).toBe("text/xml");
    expect(xml).toContain('<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">');
    expect(xml).toContain(`<RequestId>${answer.headers.get("x-amzn-requestid")}</RequestId>`);
    const unknown = await (await fetch(`${world.sts.url}/?Action=Nonsense&Version=2011-06-15`)).text();
    expect(unknown).toMatch(/<ErrorResponse xmlns=.*\s+<Error>\s+<Type>Sender<\/Type>\s+<Code>InvalidAction<\/Code>/);
  });

  it("refuses a tampered signature, tampered claims and a key that is not the issuer's", async () => {
    const [header, payload, signature] = (await world.fetchToken("sts.amazonaws.com")).split(".") as [
      string,
      string,
      string,
    ];
    const flipped = Buffer.from(signature, "base64url");
    flipped.writeUInt8(flipped.readUInt8(10) ^ 1, 10);
    const invalid = "400 InvalidIdentityToken: Token signature is invalid";
    expect(await refusal({ WebIdentityToken: `${header}.${payload}.${flipped.toString("base64url")}` })).toBe(invalid);
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
    const raised = Buffer.from(JSON.stringify({ ...claims, sub: "root" })).toString("base64url");
    expect(await refusal({ WebIdentityToken: `${header}.${raised}.${signature}` })).toBe(invalid);
    const foreign = await importPKCS8(world.op.clients.rs256.privateKeyPem, "RS256");
    const sign = (kid: string) => new SignJWT({ ...claims }).setProtectedHeader({ alg: "RS256", kid }).sign(foreign);
    expect(await refusal({ WebIdentityToken: await sign("op-rs256") })).toBe(invalid);
    expect(await refusal({ WebIdentityToken: await sign("unknown") })).toContain("Couldn't retrieve verification key");
  });

  it("takes ES256, and neither none, HS256 nor PS256", async () => {
    world.op.token.alg = "ES256";
    await exchange();
    const claims = JSON.parse(
      Buffer.from((await world.fetchToken("sts.amazonaws.com")).split(".")[1] ?? "", "base64url").toString(),
    );
    const none = new UnsecuredJWT(claims).encode();
    const hs = await new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).sign(Buffer.alloc(32));
    const psKey = await importPKCS8(world.op.clients.ps256.privateKeyPem, "PS256");
    const ps = await new SignJWT(claims).setProtectedHeader({ alg: "PS256", kid: "op-rs256" }).sign(psKey);
    for (const WebIdentityToken of [none, hs, ps]) {
      expect(await refusal({ WebIdentityToken })).toContain("400 InvalidIdentityToken: Unsupported signing algorithm");
    }
  });

  it("refuses an opaque token, a missing claim and a time that is no integer", async () => {
    const notJwt = "400 InvalidIdentityToken: The ID Token provided is not a valid JWT.";
    expect(await refusal({ WebIdentityToken: await world.fetchToken(undefined) })).toContain(notJwt);
    world.op.token.claims = { sub: undefined };
    expect(await refusal()).toBe("400 InvalidIdentityToken: Missing a required claim: sub");
    world.op.token.claims = { exp: nowMs / 1000 + 60.5 };
    expect(await refusal()).toContain(notJwt);
  });

  it("knows only registered issuers, and only the registered audiences of each", async () => {
    expect(await refusal({ WebIdentityToken: await world.fetchToken("elsewhere") })).toBe(
      "400 InvalidIdentityToken: Incorrect token audience",
    );
    world.sts.account.providers.splice(0, 9, { issuer: `${world.op.issuer}/`, clientIds: ["sts.amazonaws.com"] });
    expect(await refusal()).toBe(
      `400 InvalidIdentityToken: No OpenIDConnect provider found in your account for ${world.op.issuer}`,
    );
  });

  it("takes azp before aud, in the client ids and in the trust policy", async () => {
    world.op.token.azp = world.op.clients.secretPost.clientId;
    expect(await refusal()).toBe("400 InvalidIdentityToken: Incorrect token audience");
    world.registerAudiences(world.op.clients.secretPost.clientId);
    expect(await refusal()).toBe("403 AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity");
    world.trust(
      world.allow({
        StringEquals: {
          [`${world.issuerName}:aud`]: world.op.clients.secretPost.clientId,
          [`${world.issuerName}:oaud`]: "sts.amazonaws.com",
        },
      }),
    );
    expect((await exchange()).Audience).toBe(world.op.clients.secretPost.clientId);
  });

  it("takes a token until five minutes after its end, and not a second longer", async () => {
    const WebIdentityToken = await world.fetchToken("sts.amazonaws.com");
    const { exp } = JSON.parse(Buffer.from(WebIdentityToken.split(".")[1] ?? "", "base64url").toString());
    nowMs = (exp + 299) * 1000;
    await exchange({ WebIdentityToken });
    nowMs = (exp + 300) * 1000;
    expect(await refusal({ WebIdentityToken })).toBe(
      `400 ExpiredTokenException: Token expired: current date/time ${exp + 300} must be before the expiration date/time${exp}`,
    );
  });

  it("finds a role by its exact ARN and asks its trust policy", async () => {
    const denied = "403 AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity";
    expect(await refusal({ RoleArn: world.roleArn.replace("billing", "Billing") })).toBe(denied);
    expect(await refusal({ RoleArn: "arn:aws:iam::123456789012:user/billing" })).toBe(
      "400 ValidationError: Request ARN is invalid",
    );
    world.trust(world.allow({ StringEquals: { [`${world.issuerName}:sub`]: "somebody-else" } }));
    expect(await refusal()).toBe(denied);
    world.trust(world.allow({ StringLike: { [`${world.issuerName}:sub`]: "cc-*" } }));
    await exchange();
    world.trust(world.allow({}), { ...world.allow({}), Effect: "Deny" });
    expect(await refusal()).toBe(denied);
    world.trust({ ...world.allow({}), Principal: { Federated: "arn:aws:iam::210987654321:oidc-provider/other" } });
    expect(await refusal()).toBe(denied);
  });

  it("wants sts:TagSession for a token that carries tags", async () => {
    world.op.token.claims = { "https://aws.amazon.com/tags": { principal_tags: { Project: ["rig"] } } };
    expect(await refusal()).toBe("403 AccessDenied: Not authorized to perform sts:TagSession");
    world.trust(world.allow({ StringEquals: { "aws:RequestTag/Project": "rig" } }, "sts:TagSession"));
    expect((await exchange()).PackedPolicySize).toBeGreaterThan(0);
    expect(world.sts.account.credentials.minted.at(-1)?.tags).toEqual({ Project: "rig" });
  });

  it("fetches the issuer's keys itself, and says so when it cannot", async () => {
    const before = world.sts.account.issuers.fetched.length;
    await exchange();
    expect(world.sts.account.issuers.fetched.slice(before)).toEqual([
      `${world.op.issuer}/.well-known/openid-configuration`,
      `${world.op.issuer}/jwks`,
    ]);
    const WebIdentityToken = await world.fetchToken("sts.amazonaws.com");
    world.op.faults.next("/jwks", { kind: "status", status: 500 });
    expect(await refusal({ WebIdentityToken })).toContain("400 InvalidIdentityToken: Couldn't retrieve verification");
    const foreign = JSON.stringify({ issuer: "https://other.example", jwks_uri: `${world.op.issuer}/jwks` });
    world.op.faults.next("/.well-known/openid-configuration", { kind: "status", status: 200, body: foreign });
    expect(await refusal({ WebIdentityToken })).toContain("400 InvalidIdentityToken: Couldn't retrieve verification");
    const issuer = `http://127.0.0.1:${await closedPort()}`;
    world.op.token.claims = { iss: issuer };
    world.sts.account.providers.push({ issuer, clientIds: ["sts.amazonaws.com"] });
    expect(await refusal()).toContain("400 InvalidIdentityToken: Couldn't retrieve verification key");
    world.sts.account.issuers.failureCode = "IDPCommunicationError";
    expect(await refusal()).toContain("400 IDPCommunicationError");
  });
});
