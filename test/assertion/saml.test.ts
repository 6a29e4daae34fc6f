import { beforeAll, describe, expect, it } from "vitest";
import { toSamlAssertion } from "../../src/assertion/saml.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import type { SamlAssertion } from "../../src/core/types.ts";
import { createSamlIssuer, type SamlIssuer } from "../support/saml-issuer.ts";
import { base64, type ResponseOptions, responseXml } from "../support/saml-response.ts";

const NOW_MS = Date.UTC(2026, 6, 1, 12, 0, 0);
const NAME = "the SAML response of https://idp.corp.example";
const ROLE = "arn:aws:iam::123456789012:role/ci/billing";
const PROVIDER = "arn:aws:iam::123456789012:saml-provider/corp";
let issuer: SamlIssuer;

beforeAll(async () => {
  issuer = await createSamlIssuer("https://idp.corp.example/saml");
});

interface Reading {
  readonly metadata?: boolean;
  readonly nowMs?: number;
  readonly skewMs?: number;
}

function read(xml: string, { metadata = false, nowMs = NOW_MS, skewMs }: Reading = {}): Promise<SamlAssertion> {
  const proof = { response: new Secret(base64(xml)), name: NAME };
  return toSamlAssertion(metadata ? { ...proof, metadata: issuer.metadata() } : proof, nowMs, skewMs);
}

function response(options: ResponseOptions = {}): string {
  return responseXml(issuer, { nowMs: NOW_MS, ...options });
}

async function refusal(xml: string, reading: Reading = {}): Promise<BrokerError> {
  const error = await read(xml, reading).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof BrokerError)) throw new Error("it was taken", { cause: error });
  expect(error.message).not.toMatch(/[\n\r\u001b]/);
  return error;
}

describe("a SAML response", () => {
  it("gives what STS and the role choice need", async () => {
    const xml = response({ sessionDuration: "7200", sessionNotOnOrAfterMs: NOW_MS + 3_600_000, lifetimeMs: 120_000 });
    expect(await read(xml)).toMatchObject({
      kind: "saml",
      issuer: "https://idp.corp.example/saml",
      subject: "CORP\\svc-billing",
      grants: [{ roleArn: ROLE, principalArn: PROVIDER }],
      sessionName: "svc-billing@corp.example",
      sessionDurationSeconds: 7200,
      sessionNotOnOrAfterMs: NOW_MS + 3_600_000,
      expiresAtMs: NOW_MS + 120_000,
      encrypted: false,
    });
  });

  it("is handed on as it came, but for white space in its base64", async () => {
    const clean = base64(response());
    const broken = clean.replace(/(.{76})/g, "$1\r\n");
    const { response: handedOn } = await toSamlAssertion({ response: new Secret(broken), name: NAME }, NOW_MS);
    expect(handedOn.reveal()).toBe(clean);
  });

  it("ends five minutes after its issue, whatever else it says", async () => {
    expect((await read(response({ lifetimeMs: 3_600_000 }))).expiresAtMs).toBe(NOW_MS + 300_000);
  });

  it("keeps roles in their order, in either spelling, of several accounts, without duplicates", async () => {
    const other = "arn:aws:iam::999999999999:role/ops,with+odd=name";
    const provider = "arn:aws:iam::999999999999:saml-provider/corp";
    const roles = [`${PROVIDER},${ROLE}`, `\n  ${other} , ${provider} \n`, `${ROLE},${PROVIDER}`];
    expect((await read(response({ roles }))).grants).toEqual([
      { roleArn: ROLE, principalArn: PROVIDER },
      { roleArn: other, principalArn: provider },
    ]);
  });

  it("leaves out what is no pair of ARNs, as long as one is", async () => {
    const { grants } = await read(
      response({ roles: ["everybody", `${ROLE}&#10;,${PROVIDER}x\u0009y`, `${ROLE},${PROVIDER}`] }),
    );
    expect(grants).toEqual([{ roleArn: ROLE, principalArn: PROVIDER }]);
  });

  it("without roles is the identity provider's word that the user has none", async () => {
    const error = await refusal(response({ roles: [] }));
    expect(error).toMatchObject({ code: "ASSERTION_UNUSABLE", exitCode: 4 });
    expect(error.message).toContain('"CORP\\svc-billing" has no AWS roles at the identity provider');
  });

  it("says so when the attribute's name differs in case alone", async () => {
    const error = await refusal(response({ edit: (xml) => xml.replace('Attributes/Role"', 'Attributes/role"') }));
    expect(error.message).toContain("upper and lower case count");
  });

  it("shows the value that is no pair of ARNs", async () => {
    expect((await refusal(response({ roles: ["AWS-Admins"] }))).message).toContain('"AWS-Admins"');
  });

  it.each(["0", "899", "43201", "1e3", "PT1H"])("takes no SessionDuration of %s", async (sessionDuration) => {
    expect(await read(response({ sessionDuration }))).not.toHaveProperty("sessionDurationSeconds");
  });

  it("without a NameID is refused, as AWS would with a bare AccessDenied", async () => {
    expect((await refusal(response({ nameId: undefined }))).message).toContain("no NameID");
  });

  it.each([
    ["expired", -420_000, "expired 2 min ago"],
    ["of the future", 120_000, "not valid yet"],
  ])("that is %s says when and by which clock", async (_, byMs, said) => {
    const error = await refusal(response({ nowMs: NOW_MS + byMs }));
    expect(error.message).toContain(said);
    expect(error.message).toContain("this machine's clock says 2026-07-01T12:00:00Z");
  });

  it("is judged by the servers' clock where it is known", async () => {
    const tenMinutes = 600_000;
    const xml = response({ nowMs: NOW_MS + tenMinutes });
    expect((await read(xml, { skewMs: tenMinutes })).subject).toBe("CORP\\svc-billing");
    const error = await refusal(response(), { skewMs: tenMinutes });
    expect(error.message).toContain("10 min behind the servers");
  });

  it("that is encrypted is handed on unread, for configured ARNs", async () => {
    const inside = `<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><x:EncryptedData xmlns:x="http://www.w3.org/2001/04/xmlenc#"/></saml:EncryptedAssertion>`;
    for (const metadata of [false, true]) {
      expect(await read(response({ inside, signed: "nothing" }), { metadata })).toMatchObject({
        encrypted: true,
        grants: [],
        subject: "",
        issuer: "https://idp.corp.example/saml",
        expiresAtMs: NOW_MS + 300_000,
      });
    }
    expect(await read(response({ inside, signed: "response" }), { metadata: true })).toMatchObject({ encrypted: true });
  });

  it.each([
    ["AuthnFailed", "Responder"],
    ["NoPassive", "Responder"],
    ["RequestDenied", "Requester"],
  ])("that is a refusal names the status %s", async (inner, outer) => {
    const uri = (code: string): string => `urn:oasis:names:tc:SAML:2.0:status:${code}`;
    const status = `<samlp:StatusCode Value="${uri(outer)}"><samlp:StatusCode Value="${uri(inner)}"/></samlp:StatusCode><samlp:StatusMessage>not \u202etoday&#10;x</samlp:StatusMessage>`;
    const error = await refusal(response({ status, inside: "" }));
    expect(error).toMatchObject({ code: "IDP_REFUSED", exitCode: 4 });
    expect(error.message).toBe(`${NAME} is a refusal: ${inner} (${outer}), "not today x"`);
    expect(error.hint).toBeDefined();
  });

  it("needs no AWS recipient or audience while it is opaque: STS judges", async () => {
    expect((await read(response({ recipient: "https://app.example/acs", audience: "x" }))).grants).toHaveLength(1);
  });
});

describe("base64", () => {
  const cases: readonly [string, string, RegExp][] = [
    ["nothing", "", /is empty/],
    ["XML itself", "<samlp:Response/>", /is XML, and AWS takes it in base64/],
    ["what is URL-encoded", "PHNhbWw%2BAAA%3D", /URL-encoded/],
    ["base64url", "PHNhbW_-", /is not base64/],
    ["padding in the middle", "PHNh=bWw", /is not base64/],
    ["a missing end", "PHNhb", /is not base64/],
    ["more than AWS takes", "A".repeat(100_004), /100004 characters long, and AWS takes at most 100000/],
    ["text in Latin-1", Buffer.from("<a>\xe9</a>", "latin1").toString("base64"), /UTF-8/],
    ["text in UTF-16", Buffer.from("\ufeff<a/>", "utf16le").toString("base64"), /UTF-8/],
  ];
  it.each(cases)("refuses %s", async (_, text, said) => {
    await expect(toSamlAssertion({ response: new Secret(text), name: NAME }, NOW_MS)).rejects.toThrow(said);
  });
});

describe("with the identity provider's metadata", () => {
  it.each(["response", "assertion", "both"] as const)("takes what is signed over the %s", async (signed) => {
    expect(await read(response({ signed }), { metadata: true })).toMatchObject({
      subject: "CORP\\svc-billing",
      grants: [{ roleArn: ROLE, principalArn: PROVIDER }],
    });
  });

  it("refuses another recipient, audience or issuer by name", async () => {
    const metadata = true;
    const recipient = await refusal(response({ recipient: "https://signin.aws.amazon.com.evil.example/saml" }), {
      metadata,
    });
    expect(recipient.message).toContain('Recipient "https://signin.aws.amazon.com.evil.example/saml"');
    expect((await refusal(response({ audience: "urn:other" }), { metadata })).message).toContain(
      'audience "urn:other"',
    );
    expect((await refusal(response({ issuer: "https://evil.example" }), { metadata })).message).toContain(
      'is by "https://evil.example"',
    );
    expect((await refusal(response({ recipient: undefined }), { metadata })).message).toContain("no Recipient");
    expect((await refusal(response({ audience: undefined }), { metadata })).message).toContain("the audience nobody");
  });

  it.each([
    ["https://signin.aws.amazon.com/saml", "urn:amazon:webservices"],
    ["https://eu-west-1.signin.aws.amazon.com/saml", "https://signin.aws.amazon.com/saml"],
    ["https://signin.amazonaws-us-gov.com/saml", "urn:amazon:webservices:govcloud"],
    ["https://signin.amazonaws.cn/saml", "urn:amazon:webservices:cn-north-1"],
    ["https://eu-west-1.signin.aws.amazon.com/saml/acs/SAMLSPABCDEF", "urn:amazon:webservices"],
  ])("takes the recipient %s and the audience %s", async (recipient, audience) => {
    expect((await read(response({ recipient, audience }), { metadata: true })).grants).toHaveLength(1);
  });

  it.each([
    "http://signin.aws.amazon.com/saml",
    "https://signin.aws.amazon.com/saml/",
    "https://signin.aws.amazon.com@evil.example/saml",
    "https://a.b.signin.aws.amazon.com/saml",
  ])("refuses the recipient %s", async (recipient) => {
    expect((await refusal(response({ recipient }), { metadata: true })).message).toContain(
      "is not AWS's sign-in endpoint",
    );
  });

  it("needs metadata that it can read, of one identity provider", async () => {
    const proof = { response: new Secret(base64(response())), name: NAME };
    const one = issuer.metadata().replace(/<\?xml[^>]*\?>/, "");
    const two = `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">${one}${one}</md:EntitiesDescriptor>`;
    for (const [metadata, said] of [
      ["<html/>", "no IDPSSODescriptor"],
      ["<!DOCTYPE a><a/>", "DOCTYPE"],
      [two, "describes 2 identity providers"],
      [one.replace('use="signing"', 'use="encryption"'), "no certificate for signing"],
    ] as const) {
      const error = await toSamlAssertion({ ...proof, metadata }, NOW_MS).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "CONFIG_INVALID", exitCode: 2 });
      expect((error as Error).message).toContain(said);
    }
  });
});
