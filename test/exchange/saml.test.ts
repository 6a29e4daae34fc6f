import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { RoleSettings, SamlAssertion } from "../../src/core/types.ts";
import { AssertionExpired } from "../../src/exchange/judge.ts";
import { loadExchange } from "../../src/exchange/registry.ts";
import { exchangeSaml } from "../../src/exchange/saml.ts";
import { startCpuClock } from "../support/cpu-clock.ts";
import { refusalOf } from "../support/saml-world.ts";
import { fakeHost, granted, NOW_MS, PRINCIPAL_ARN, profileWith, ROLE_ARN, refused, samlWith } from "./fixtures.ts";

async function formFor(role: Partial<RoleSettings> = {}, assertion: Partial<SamlAssertion> = {}, skewMs?: number) {
  const host = fakeHost([granted({}, "AssumeRoleWithSAML")], skewMs === undefined ? {} : { skewMs });
  const credentials = await exchangeSaml(profileWith(role), samlWith(assertion), { host, deadlineMs: 45_000 });
  const [request] = host.requests;
  return { form: Object.fromEntries(new URLSearchParams(String(request?.body))), request, host, credentials };
}

function errorFor(
  status: number,
  code: string,
  message: string,
  assertion: SamlAssertion = samlWith(),
  role: Partial<RoleSettings> = {},
) {
  const host = fakeHost([refused(status, code, message)]);
  return refusalOf(exchangeSaml(profileWith(role), assertion, { host, deadlineMs: 45_000 }));
}

describe("exchanging a SAML response at STS", () => {
  it("posts one unsigned form, and gives AWS's credentials", async () => {
    const { form, request, credentials, host } = await formFor();
    expect(form).toEqual({
      Action: "AssumeRoleWithSAML",
      Version: "2011-06-15",
      RoleArn: ROLE_ARN,
      PrincipalArn: PRINCIPAL_ARN,
      SAMLAssertion: samlWith().response.reveal(),
    });
    expect(Object.keys(request?.headers ?? {})).not.toContain("authorization");
    expect(credentials).toMatchObject({ accessKeyId: "ASIAEXAMPLEEXAMPLE12", expiresAtMs: NOW_MS + 3_600_000 });
    expect(host.debugged.join("\n")).not.toContain(samlWith().response.reveal().slice(0, 40));
  });

  it("is what the registry loads for SAML", async () => {
    expect(await loadExchange("saml")).toBe(exchangeSaml);
  });

  it("passes on session policies", async () => {
    const { form } = await formFor({ policy: "{}", policyArns: ["arn:aws:iam::aws:policy/A"] });
    expect(form).toMatchObject({ Policy: "{}", "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A" });
  });

  it("goes through the configured SAML provider before the one that the assertion names", async () => {
    const principalArn = `${PRINCIPAL_ARN}-2`;
    expect((await formFor({ principalArn })).form.PrincipalArn).toBe(principalArn);
    expect((await formFor({ principalArn }, { grants: [], encrypted: true })).form.PrincipalArn).toBe(principalArn);
  });

  it("shows the line to add when nobody names the SAML provider", async () => {
    const host = fakeHost([]);
    const run = exchangeSaml(profileWith(), samlWith({ grants: [], encrypted: true }), { host, deadlineMs: 45_000 });
    const error = await refusalOf(run);
    expect(error.code).toBe("ASSERTION_UNUSABLE");
    expect(error.hint).toBe('principal_arn = "arn:aws:iam::123456789012:saml-provider/NAME"');
    expect(host.requests).toHaveLength(0);
  });

  it.each<[string, Partial<RoleSettings>, Partial<SamlAssertion>, string | undefined]>([
    ["STS's default, without any wish", {}, {}, undefined],
    ["the profile's", { durationSeconds: 1800 }, { sessionDurationSeconds: 7200 }, "1800"],
    ["the assertion's SessionDuration", {}, { sessionDurationSeconds: 7200 }, "7200"],
    ["what STS takes at most", {}, { sessionDurationSeconds: 99_999 }, "43200"],
    [
      "no more than SessionNotOnOrAfter leaves",
      { durationSeconds: 7200 },
      { sessionNotOnOrAfterMs: NOW_MS + 1_800_500 },
      "1800",
    ],
    ["what SessionNotOnOrAfter leaves below STS's default", {}, { sessionNotOnOrAfterMs: NOW_MS + 1_800_000 }, "1800"],
    ["STS's default where SessionNotOnOrAfter is far", {}, { sessionNotOnOrAfterMs: NOW_MS + 36_000_000 }, undefined],
  ])("asks for %s", async (_, role, assertion, expected) => {
    const { form, host } = await formFor(role, assertion);
    expect(form.DurationSeconds).toBe(expected);
    expect(host.warned).toEqual([]);
  });

  it("says so when the IdP ends the session before AWS's 900 s, by AWS's clock", async () => {
    const { form, host } = await formFor(
      { durationSeconds: 3600 },
      { sessionNotOnOrAfterMs: NOW_MS + 1_000_000 },
      400_000,
    );
    expect(form.DurationSeconds).toBe("900");
    expect(host.warned[0]).toContain("SessionNotOnOrAfter), in 10 min, and AWS takes no request below 15 min");
  });
});

describe("what STS's refusal of a SAML response means", () => {
  it.each<[string, number, string, string, string, string]>([
    [
      "InvalidIdentityToken",
      400,
      "Specified provider doesn't exist (Service: AWSOpenIdDiscoveryService)",
      "STS_REFUSED",
      `AWS account 123456789012 has no SAML provider "${PRINCIPAL_ARN}"`,
      "aws iam create-saml-provider --name corp --saml-metadata-document file://idp-metadata.xml",
    ],
    [
      "InvalidIdentityToken",
      400,
      "Issuer not present in specified provider (Service: x)",
      "STS_REFUSED",
      "does not know the issuer",
      `aws iam get-saml-provider --saml-provider-arn ${PRINCIPAL_ARN}`,
    ],
    [
      "InvalidIdentityToken",
      400,
      "Response signature invalid",
      "STS_REFUSED",
      "does not know the key that signed",
      "aws iam update-saml-provider",
    ],
    [
      "InvalidIdentityToken",
      400,
      "Response does not contain the required audience.",
      "STS_REFUSED",
      'audience is "urn:amazon:webservices"',
      "urn:amazon:webservices",
    ],
    [
      "InvalidIdentityToken",
      400,
      "Responses must contain SubjectConfirmatonData with a Recipient and NotOnOrAfter",
      "STS_REFUSED",
      'names the Recipient "https://signin.aws.amazon.com/saml"',
      "assertion consumer service",
    ],
    [
      "InvalidIdentityToken",
      400,
      "SAML Assertion doesn't contain the requested Role and Metadata in the attributes",
      "STS_REFUSED",
      "does not grant",
      "principal_arn",
    ],
    [
      "InvalidIdentityToken",
      400,
      "RoleSessionName in AuthnResponse must match [a-z]",
      "STS_REFUSED",
      'RoleSessionName "svc@corp.example"',
      "Attributes/RoleSessionName",
    ],
    [
      "InvalidIdentityToken",
      400,
      "Something new",
      "STS_REFUSED",
      "(InvalidIdentityToken: Something new)",
      "sts-broker explain --profile billing",
    ],
    ["IDPRejectedClaim", 403, "rejected", "STS_REFUSED", "IDPRejectedClaim: rejected", "sts-broker explain"],
    [
      "AccessDenied",
      403,
      "Not authorized to perform sts:TagSession",
      "STS_REFUSED",
      "must also allow sts:TagSession, since the assertion carries",
      "aws iam get-role",
    ],
    [
      "ValidationError",
      400,
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
      "CONFIG_INVALID",
      "duration_seconds 3600 is more than",
      "duration_seconds = 3600, or: aws iam update-role",
    ],
    [
      "ValidationError",
      400,
      "1 validation error detected: Value 'x' at 'sAMLAssertion' failed",
      "ASSERTION_UNUSABLE",
      "[token]",
      "100,000",
    ],
    [
      "ValidationError",
      400,
      "1 validation error detected: Value 'x' at 'principalArn' failed",
      "CONFIG_INVALID",
      "as a SAML provider",
      "check principal_arn",
    ],
    ["Throttling", 400, "Rate exceeded", "THROTTLED", "throttles", "wait"],
  ])("%s (%i, %s) is %s: %s", async (code, status, message, expected, said, hint) => {
    const error = await errorFor(status, code, message);
    expect(error.code).toBe(expected);
    expect(error.message).toContain(said);
    expect(error.hint).toContain(hint);
  });

  it("shows what a trust policy is compared with", async () => {
    const error = await errorFor(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML");
    expect(error.message).toBe(
      `profile "billing": AWS refused "${ROLE_ARN}" (AccessDenied): most likely its trust policy does not let "${PRINCIPAL_ARN}" in for sts:AssumeRoleWithSAML, or not with what the assertion says, ` +
        'SAML:aud = "https://signin.aws.amazon.com/saml", SAML:iss = "http://adfs.corp.example/adfs/services/trust", SAML:sub = "CORP\\svc-billing"; ' +
        "or there is no role of that name (upper and lower case count) (request id 11112222-3333)",
    );
    expect(error.hint).toBe("aws iam get-role --role-name billing --query Role.AssumeRolePolicyDocument");
  });

  it("names a missing NameID, and a role that is IAM Identity Center's", async () => {
    const denied = "Not authorized to perform sts:AssumeRoleWithSAML";
    expect((await errorFor(403, "AccessDenied", denied, samlWith({ subject: "" }))).message).toContain("has no NameID");
    const arn = "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_x";
    const error = await errorFor(403, "AccessDenied", denied, samlWith(), { arn, principalArn: PRINCIPAL_ARN });
    expect(error.message).toContain("roles of IAM Identity Center");
  });

  it("names AD FS's missing Recipient and the way around it", async () => {
    const message = "Responses must contain SubjectConfirmatonData with a Recipient and NotOnOrAfter";
    const error = await errorFor(
      400,
      "InvalidIdentityToken",
      message,
      samlWith({}, "<Response><Assertion/></Response>"),
    );
    expect(error.message).toContain("names no Recipient");
    expect(error.hint).toContain('type = "saml-kerberos"');
  });

  it("shows what is granted instead, and the line that mends it", async () => {
    const message = "SAML Assertion doesn't contain the requested Role and Metadata in the attributes";
    const principalArn = `${PRINCIPAL_ARN}-2`;
    const other = await errorFor(400, "InvalidIdentityToken", message, samlWith(), { principalArn });
    expect(other.message).toContain(`it grants ${ROLE_ARN} through ${PRINCIPAL_ARN}`);
    expect(other.hint).toBe(`principal_arn = "${PRINCIPAL_ARN}"`);
    const arn = ROLE_ARN.replace("billing", "Billing");
    const cased = await errorFor(400, "InvalidIdentityToken", message, samlWith(), {
      arn,
      principalArn: PRINCIPAL_ARN,
    });
    expect(cased.hint).toBe(`role_arn = "${ROLE_ARN}"`);
    const none = await errorFor(400, "InvalidIdentityToken", message, samlWith({ grants: [] }), { principalArn });
    expect(none.message).toContain("it grants no role at all");
  });

  it("asks for a new assertion after five minutes, once, and says when it was issued", async () => {
    const error = await errorFor(400, "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance");
    expect(error).toBeInstanceOf(AssertionExpired);
    expect(error.message).toContain(
      "issued at 2026-07-01T11:58:00Z, 2 min ago; AWS takes it within five minutes of issue",
    );
  });

  it("says that a duration above the maximum was the assertion's own wish", async () => {
    const message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    const error = await errorFor(400, "ValidationError", message, samlWith({ sessionDurationSeconds: 28_800 }));
    expect(error.message).toContain("the assertion's SessionDuration of 28800 is more than the MaxSessionDuration");
    expect(error.hint).toContain("--max-session-duration 28800");
  });

  it("lets nothing out of an assertion that could drive a terminal or a shell, nor the assertion", async () => {
    const evil = "$(id)'\u001b[2J\u202e";
    const assertion = samlWith(
      { issuer: evil, subject: evil, sessionName: evil, grants: [{ roleArn: evil, principalArn: evil }] },
      `<SubjectConfirmationData Recipient="${evil}"/><Audience>${evil}</Audience>`,
    );
    const secret = assertion.response.reveal();
    for (const message of [
      "Specified provider doesn't exist",
      "Issuer not present",
      "audience",
      "Recipient",
      "requested Role and Metadata",
      `bad ${secret}`,
    ]) {
      const error = await errorFor(400, "InvalidIdentityToken", message, assertion, {
        principalArn: `${PRINCIPAL_ARN}/$(id)`,
      });
      expect(`${error.message}${error.hint}`).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(secret);
      if (error.hint?.startsWith("aws ")) expect(error.hint).not.toMatch(/(?<!')arn:\S*\$\(|--name \$\(/);
    }
  });

  it("reads a hostile megabyte for its error messages in no time", async () => {
    const computedMs = startCpuClock();
    const assertion = samlWith({}, "<SubjectConfirmationData ".repeat(3000));
    await errorFor(400, "InvalidIdentityToken", "audience", assertion);
    expect(computedMs()).toBeLessThan(2_000);
  });
});
