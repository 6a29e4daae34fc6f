import { describe, expect, it } from "vitest";
import { chooseRole } from "../../src/assertion/role.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import type { OidcAssertion, Profile, RoleGrant, SamlAssertion } from "../../src/core/types.ts";

const PROVIDER = "arn:aws:iam::123456789012:saml-provider/corp";
const OTHER_PROVIDER = "arn:aws:iam::123456789012:saml-provider/adfs";
const role = (name: string, account = "123456789012", partition = "aws"): string =>
  `arn:${partition}:iam::${account}:role/${name}`;
const grant = (roleArn: string, principalArn = PROVIDER): RoleGrant => ({ roleArn, principalArn });

function saml(grants: readonly RoleGrant[], more: Partial<SamlAssertion> = {}): SamlAssertion {
  return {
    kind: "saml",
    response: new Secret("x"),
    issuer: "https://idp.example",
    subject: "ana",
    grants,
    expiresAtMs: 0,
    encrypted: false,
    ...more,
  };
}

function profile(settings: Partial<Profile["role"]> = {}, sts: Partial<Profile["sts"]> = {}): Profile {
  return {
    name: "billing",
    role: { sessionName: "ana@web1", ...settings },
    sts: { region: "us-east-1", regionStated: false, useFips: false, useDualstack: false, ...sts },
    identity: { name: "corp", kind: "saml-file", settings: {} },
    store: "auto",
  };
}

function refusal(run: () => unknown): BrokerError {
  try {
    run();
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("a role was chosen");
}

describe("a SAML role", () => {
  it("that is granted alone is taken, with its provider", () => {
    expect(chooseRole(profile(), saml([grant(role("billing"))])).role).toEqual({
      sessionName: "ana@web1",
      arn: role("billing"),
      principalArn: PROVIDER,
    });
  });

  it("that is stated is found among several", () => {
    const grants = [grant(role("ops")), grant(role("billing"), OTHER_PROVIDER), grant(role("dev"))];
    expect(chooseRole(profile({ arn: role("billing") }), saml(grants)).role.principalArn).toBe(OTHER_PROVIDER);
  });

  it("has to be named where several are granted", () => {
    const error = refusal(() => chooseRole(profile(), saml([grant(role("ops")), grant(role("dev"))])));
    expect(error).toMatchObject({ code: "CONFIG_INVALID", exitCode: 2, hint: `role_arn = "${role("ops")}"` });
    expect(error.message).toBe(`"ana" is granted 2 roles and the profile names none: ${role("ops")}, ${role("dev")}`);
  });

  it("is listed with the first dozen where there are hundreds", () => {
    const grants = Array.from({ length: 300 }, (_, index) => grant(role(`r${index}`)));
    expect(refusal(() => chooseRole(profile(), saml(grants))).message).toMatch(/r11 and 288 more$/);
  });

  it("is told by the provider where one is granted twice", () => {
    const grants = [grant(role("billing")), grant(role("billing"), OTHER_PROVIDER)];
    const error = refusal(() => chooseRole(profile({ arn: role("billing") }), saml(grants)));
    expect(error).toMatchObject({ code: "CONFIG_INVALID", hint: `principal_arn = "${PROVIDER}"` });
    const chosen = chooseRole(profile({ arn: role("billing"), principalArn: OTHER_PROVIDER }), saml(grants));
    expect(chosen.role.principalArn).toBe(OTHER_PROVIDER);
  });

  it("is not granted through another provider", () => {
    const error = refusal(() => chooseRole(profile({ principalArn: OTHER_PROVIDER }), saml([grant(role("billing"))])));
    expect(error.message).toContain(`but through ${PROVIDER}`);
  });

  it.each([
    ["case", role("Billing"), role("billing"), "upper and lower case"],
    ["partition", role("billing"), role("billing", "123456789012", "aws-us-gov"), "partition (aws-us-gov, not aws)"],
    ["account", role("billing"), role("billing", "999999999999"), "account (999999999999, not 123456789012)"],
    ["path", role("billing"), role("ci/billing"), "its path"],
  ])("that differs in its %s alone is named as a near miss", (_, wanted, granted, said) => {
    const error = refusal(() => chooseRole(profile({ arn: wanted }), saml([grant(role("dev")), grant(granted)])));
    expect(error).toMatchObject({ code: "ASSERTION_UNUSABLE", exitCode: 4, hint: `role_arn = "${granted}"` });
    expect(error.message).toContain(said);
  });

  it("that is not granted is an error with what is", () => {
    const error = refusal(() =>
      chooseRole(profile({ arn: role("admin") }), saml([grant(role("dev")), grant(role("ops"))])),
    );
    expect(error.message).toBe(
      `"ana" is not granted ${role("admin")} at the identity provider, but 2 others: ${role("dev")}, ${role("ops")}`,
    );
  });

  it("needs both ARNs where the assertion is encrypted", () => {
    const encrypted = saml([], { encrypted: true, subject: "" });
    expect(refusal(() => chooseRole(profile(), encrypted)).message).toContain("no role_arn and principal_arn");
    expect(refusal(() => chooseRole(profile({ arn: role("x") }), encrypted)).message).toContain("no principal_arn");
    expect(chooseRole(profile({ arn: role("x"), principalArn: PROVIDER }), encrypted).role).toMatchObject({
      arn: role("x"),
      principalArn: PROVIDER,
    });
  });

  it("of IAM Identity Center is refused", () => {
    const reserved = role("aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef");
    expect(refusal(() => chooseRole(profile(), saml([grant(reserved)]))).message).toContain("IAM Identity Center");
    expect(refusal(() => chooseRole(profile({ arn: reserved }), saml([grant(reserved)]))).code).toBe(
      "ASSERTION_UNUSABLE",
    );
  });

  it("of another partition than the region's asks for the region", () => {
    const error = refusal(() => chooseRole(profile(), saml([grant(role("billing", "123456789012", "aws-cn"))])));
    expect(error).toMatchObject({ code: "CONFIG_INVALID", hint: 'region = "cn-north-1"' });
  });
});

describe("an OIDC role", () => {
  const oidc: OidcAssertion = {
    kind: "oidc",
    token: new Secret("x"),
    issuer: "i",
    audience: "a",
    subject: "s",
    expiresAtMs: 0,
  };
  it("is the stated one", () => {
    expect(chooseRole(profile({ arn: role("x") }), oidc).role.arn).toBe(role("x"));
    expect(refusal(() => chooseRole(profile(), oidc))).toMatchObject({ code: "CONFIG_INVALID" });
  });
});
