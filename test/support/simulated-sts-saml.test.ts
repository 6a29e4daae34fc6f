import { AssumeRoleWithSAMLCommand, type AssumeRoleWithSAMLRequest, STSClient } from "@aws-sdk/client-sts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AssertionOptions, createSamlIssuer, type SamlIssuer } from "./saml-issuer.ts";
import { PRINCIPAL_ARN, ROLE_ARN, type SamlWorld, startSamlWorld } from "./saml-world.ts";
import { verifySignature } from "./simulated-sts/xmlsec.ts";

let nowMs = Date.now();
let world: SamlWorld;
let client: STSClient;

beforeAll(async () => {
  world = await startSamlWorld(() => nowMs);
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

function exchange(response: string, changes: Partial<AssumeRoleWithSAMLRequest> = {}) {
  const input = { RoleArn: ROLE_ARN, PrincipalArn: PRINCIPAL_ARN, SAMLAssertion: response, ...changes };
  return client.send(new AssumeRoleWithSAMLCommand(input));
}

/** HTTP status, AWS's code and its message. */
async function refusal(response: string, changes: Partial<AssumeRoleWithSAMLRequest> = {}): Promise<string> {
  const error = await exchange(response, changes).then(
    () => new Error("it was accepted"),
    (cause: Error & { $metadata?: { httpStatusCode?: number } }) => cause,
  );
  const status = "$metadata" in error ? error.$metadata?.httpStatusCode : 0;
  return `${status} ${world.sts.calls.at(-1)?.code}: ${error.message}`;
}

function base64(xml: string): string {
  return Buffer.from(xml).toString("base64");
}

describe("AssumeRoleWithSAML of the simulated STS", () => {
  it("answers as AWS does, unsigned, with names from the assertion", async () => {
    const answer = await exchange(world.issuer.response({ nowMs }), { DurationSeconds: 900 });
    expect(answer).toMatchObject({
      Subject: "CORP\\svc-billing",
      SubjectType: "persistent",
      Issuer: world.issuer.entityId,
      Audience: "https://signin.aws.amazon.com/saml",
      AssumedRoleUser: { Arn: "arn:aws:sts::123456789012:assumed-role/billing/svc-billing@corp.example" },
    });
    expect(answer.NameQualifier).toMatch(/^[\w+/]{27}=$/);
    expect(answer.Credentials?.Expiration?.getTime()).toBe(Math.floor(nowMs / 1000) * 1000 + 900_000);
    expect(world.sts.calls.at(-1)).toMatchObject({ action: "AssumeRoleWithSAML", authorized: false });
  });

  it("takes a signature over the Response as well as one over the assertion", async () => {
    await exchange(world.issuer.response({ nowMs, signResponse: true, sign: false }));
    await exchange(world.issuer.response({ nowMs, signResponse: true }));
  });

  it("reads the metadata's signing certificates, and takes stated ones", async () => {
    world.sts.account.samlProviders.splice(0, 9, {
      arn: PRINCIPAL_ARN,
      entityId: world.issuer.entityId,
      certificates: [(await createSamlIssuer()).certificate, world.issuer.certificate],
    });
    await exchange(world.issuer.response({ nowMs }));
  });

  it.each<[string, AssertionOptions, string]>([
    [
      "no Recipient",
      { recipient: undefined },
      "400 InvalidIdentityToken: Responses must contain SubjectConfirmatonData with a Recipient and NotOnOrAfter",
    ],
    ["another Recipient", { recipient: "https://evil.example" }, "400 InvalidIdentityToken: Recipient is not"],
    [
      "another audience",
      { audience: "urn:other" },
      "400 InvalidIdentityToken: Response does not contain the required audience.",
    ],
    [
      "no audience",
      { audience: undefined },
      "400 InvalidIdentityToken: Response does not contain the required audience.",
    ],
    ["no NameID", { nameId: undefined }, "403 AccessDenied: Not authorized to perform sts:AssumeRoleWithSAML"],
    [
      "another issuer",
      { issuer: "urn:other" },
      "400 InvalidIdentityToken: Issuer not present in specified provider (Service: AWSOpenIdDiscoveryService;",
    ],
    [
      "no such role",
      { roles: ["arn:aws:iam::123456789012:role/x,arn:aws:iam::123456789012:saml-provider/corp"] },
      "400 InvalidIdentityToken: SAML Assertion doesn't contain the requested Role",
    ],
    ["no roles", { roles: [] }, "400 InvalidIdentityToken: SAML Assertion doesn't contain the requested Role"],
    [
      "no RoleSessionName",
      { sessionName: undefined },
      "400 InvalidIdentityToken: RoleSessionName is required in AuthnResponse",
    ],
    [
      "a bad RoleSessionName",
      { sessionName: "a b" },
      "400 InvalidIdentityToken: RoleSessionName in AuthnResponse must match",
    ],
    ["no signature", { sign: false }, "400 InvalidIdentityToken: Response signature invalid"],
  ])("refuses %s", async (_, options, expected) => {
    expect(await refusal(world.issuer.response({ nowMs, ...options }))).toContain(expected);
  });

  it("takes pairs in either order and with white space", async () => {
    await exchange(world.issuer.response({ nowMs, roles: [`other`, ` ${PRINCIPAL_ARN} ,\n ${ROLE_ARN} `] }));
  });

  it("wants it redeemed within five minutes, and before it ends", async () => {
    const long = world.issuer.response({ nowMs, lifetimeMs: 3_600_000 });
    const short = world.issuer.response({ nowMs, lifetimeMs: 60_000 });
    nowMs += 59_000;
    await exchange(short);
    nowMs += 2_000;
    expect(await refusal(short)).toBe("400 ExpiredTokenException: Response has expired");
    nowMs += 238_000;
    await exchange(long);
    nowMs += 2_000;
    expect(await refusal(long)).toBe("400 ExpiredTokenException: Token must be redeemed within 5 minutes of issuance");
  });

  it("ends the session at SessionNotOnOrAfter, and keeps to the role's maximum", async () => {
    const sessionNotOnOrAfterMs = Math.floor(nowMs / 1000) * 1000 + 1_200_000;
    const answer = await exchange(world.issuer.response({ nowMs, sessionNotOnOrAfterMs }));
    expect(answer.Credentials?.Expiration?.getTime()).toBe(sessionNotOnOrAfterMs);
    expect(await refusal(world.issuer.response({ nowMs }), { DurationSeconds: 7201 })).toContain(
      "exceeds the MaxSessionDuration",
    );
  });

  it("asks the trust policy with SAML's condition keys", async () => {
    const denied = "403 AccessDenied: Not authorized to perform sts:AssumeRoleWithSAML";
    world.trust(
      world.allow({
        StringEquals: {
          "SAML:iss": world.issuer.entityId,
          "SAML:sub_type": "persistent",
          "SAML:doc": "123456789012/corp",
        },
        StringLike: { "saml:sub": "CORP\\svc-*" },
      }),
    );
    await exchange(world.issuer.response({ nowMs }));
    world.trust(world.allow({ StringEquals: { "SAML:aud": "urn:other" } }));
    expect(await refusal(world.issuer.response({ nowMs }))).toBe(denied);
    world.trust({ ...world.allow(), Principal: { Federated: "arn:aws:iam::123456789012:saml-provider/other" } });
    expect(await refusal(world.issuer.response({ nowMs }))).toBe(denied);
    expect(
      await refusal(world.issuer.response({ nowMs }), { RoleArn: "arn:aws:iam::123456789012:role/AWSReservedSSO_x" }),
    ).toBe(denied);
  });

  it("wants sts:TagSession for tags and sts:SetSourceIdentity for a source identity", async () => {
    const response = world.issuer.response({ nowMs, tags: { Project: "rig" }, sourceIdentity: "ana" });
    expect(await refusal(response)).toContain("sts:TagSession");
    world.trust(world.allow(undefined, "sts:TagSession"));
    expect(await refusal(response)).toContain("sts:SetSourceIdentity");
    world.trust(world.allow(undefined, "sts:TagSession", "sts:SetSourceIdentity"));
    expect((await exchange(response)).SourceIdentity).toBe("ana");
    expect(world.sts.account.credentials.minted.at(-1)?.tags).toEqual({ Project: "rig" });
  });

  it("knows registered providers alone, and the bounds of its parameters", async () => {
    const PrincipalArn = PRINCIPAL_ARN.replace("corp", "Corp");
    expect(await refusal(world.issuer.response({ nowMs }), { PrincipalArn })).toContain(
      "400 InvalidIdentityToken: Specified provider doesn't exist (Service:",
    );
    expect(await refusal("abc")).toContain("400 ValidationError: 1 validation error detected");
    expect(await refusal("A".repeat(100_001))).toContain("length less than or equal to 100000");
    expect(await refusal("AAAA")).toContain("400 InvalidIdentityToken: Invalid base64 SAMLResponse");
    expect(await refusal(base64("<!DOCTYPE a><a/>"))).toContain("Invalid base64 SAMLResponse");
  });
});

describe("a forged response at the simulated STS", () => {
  const invalid = "400 InvalidIdentityToken: Response signature invalid";
  let stranger: SamlIssuer;
  beforeAll(async () => {
    stranger = await createSamlIssuer(world.issuer.entityId);
  });

  const xml = (options: Parameters<SamlIssuer["response"]>[0] = {}): string =>
    Buffer.from(world.issuer.response({ nowMs, ...options }), "base64").toString("utf8");

  it("is refused when a word of it was changed, in assertion or Response", async () => {
    expect(await refusal(base64(xml().replace("svc-billing@corp", "root@corp")))).toBe(invalid);
    expect(await refusal(base64(xml({ signResponse: true }).replace("Destination=", "Consent='x' Destination=")))).toBe(
      invalid,
    );
  });

  it("is refused under a key that is not the provider's, whatever KeyInfo brings along", async () => {
    expect(await refusal(stranger.response({ nowMs }))).toBe(invalid);
    expect(Buffer.from(stranger.response({ nowMs }), "base64").toString()).toContain("<ds:X509Certificate>");
  });

  it("is refused when a signed assertion is wrapped into one that says something else", async () => {
    const signed = xml();
    const assertion = /<saml:Assertion[\s\S]*<\/saml:Assertion>/.exec(signed)?.[0] ?? "";
    const evil = assertion
      .replace(/<ds:Signature[\s\S]*<\/ds:Signature>/, "")
      .replace(/ID="[^"]*"/, 'ID="_evil"')
      .replace("svc-billing@corp", "root@corp");
    const wrappings = [
      signed.replace(assertion, `${evil}${assertion}`),
      signed.replace(assertion, `${assertion}${evil}`),
      signed.replace(assertion, evil.replace("</saml:Assertion>", `${assertion}</saml:Assertion>`)),
      signed.replace(
        assertion,
        evil.replace(
          "</saml:Issuer>",
          `</saml:Issuer>${/<ds:Signature[\s\S]*<\/ds:Signature>/.exec(assertion)?.[0].replace("</ds:Signature>", `<ds:Object>${assertion}</ds:Object></ds:Signature>`)}`,
        ),
      ),
    ];
    for (const wrapped of wrappings) {
      const before = world.sts.account.credentials.minted.length;
      const said = await refusal(base64(wrapped)).catch(() => "");
      const names = world.sts.account.credentials.minted.slice(before).map(({ assumedRoleArn }) => assumedRoleArn);
      // What the signature covers may be used; what it does not must not.
      expect(names.join()).not.toContain("root@corp");
      expect(said === invalid || names.length === 1).toBe(true);
    }
  });

  it("is not read past a comment in a name", async () => {
    const commented = base64(xml({ sessionName: "svc@corp.example" }).replace("svc@corp", "svc@<!-- x -->corp"));
    expect((await exchange(commented)).AssumedRoleUser?.Arn).toMatch(/\/svc@corp\.example$/);
  });

  it("tells a missing xmlsec1 from a refusal", async () => {
    const answer = await verifySignature("<a/>", {
      certificates: [world.issuer.certificate],
      ids: {},
      signature: "/none",
    });
    expect(answer).toBe("no-signature");
    const run = verifySignature("<a/>", {
      certificates: [""],
      ids: {},
      signature: "/none",
      program: "/nonexistent/xmlsec1",
    });
    await expect(run).rejects.toThrow("/nonexistent/xmlsec1 is not there: apt-get install xmlsec1");
  });
});
