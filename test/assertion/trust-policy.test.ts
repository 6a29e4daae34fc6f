import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { oidcTrustContext, samlTrustContext } from "../../src/assertion/trust-context.ts";
import { evaluateTrustPolicy, type TrustRequest } from "../../src/assertion/trust-policy.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { startCpuClock } from "../support/cpu-clock.ts";

const FEDERATED = "arn:aws:iam::123456789012:oidc-provider/idp.corp.example/realms/prod";
const ACTION = "sts:AssumeRoleWithWebIdentity";
const ISSUER = "idp.corp.example/realms/prod";
const CLAIMS = {
  iss: `https://${ISSUER}`,
  sub: "repo:corp/app:ref:main",
  aud: ["sts.amazonaws.com", "other"],
  azp: "billing-batch",
  amr: ["pwd", "mfa"],
  email: "ana@corp.example",
};
const { context } = oidcTrustContext(CLAIMS, "arn:aws:iam::123456789012:role/billing", "ana@web1");
const REQUEST: TrustRequest = { action: ACTION, federated: FEDERATED, context };

const statement = (more: object = {}): object => ({
  Effect: "Allow",
  Principal: { Federated: FEDERATED },
  Action: ACTION,
  ...more,
});
const policy = (...statements: object[]): object => ({ Version: "2012-10-17", Statement: statements });
const under = (Condition: object): object => policy(statement({ Condition }));
const key = (name: string): string => `${ISSUER}:${name}`;

describe("a trust policy's condition", () => {
  const cases: readonly [string, object, "allowed" | "refused" | "unknown", RegExp?][] = [
    ["reads azp before aud", { StringEquals: { [key("aud")]: "billing-batch" } }, "allowed"],
    [
      "says both values where it fails",
      { StringEquals: { [key("aud")]: "sts.amazonaws.com" } },
      "refused",
      /^statement 1: StringEquals wants \S+:aud = "sts\.amazonaws\.com", and it is "billing-batch"$/,
    ],
    ["finds aud under oaud", { "ForAnyValue:StringEquals": { [key("oaud")]: "sts.amazonaws.com" } }, "allowed"],
    ["takes any of a list", { StringEquals: { [key("aud")]: ["x", "billing-batch"] } }, "allowed"],
    ["ignores the case of keys", { StringEquals: { [key("AUD")]: "billing-batch" } }, "allowed"],
    [
      "minds the case of values",
      { StringEquals: { [key("aud")]: "Billing-Batch" } },
      "refused",
      /upper and lower case count/,
    ],
    ["or not", { StringEqualsIgnoreCase: { [key("aud")]: "Billing-Batch" } }, "allowed"],
    ["knows wildcards in StringLike", { StringLike: { [key("sub")]: "repo:corp/*:ref:mai?" } }, "allowed"],
    [
      "and not in StringEquals",
      { StringEquals: { [key("sub")]: "repo:*" } },
      "refused",
      /StringEquals knows no wildcards/,
    ],
    ["negates", { StringNotEquals: { [key("sub")]: "somebody" } }, "allowed"],
    [
      "negates and fails",
      { StringNotLike: { [key("sub")]: "repo:*" } },
      "refused",
      /not to be "repo:\*", and it is "repo:corp/,
    ],
    [
      "wants every condition",
      { StringEquals: { [key("aud")]: "billing-batch", [key("sub")]: "x" } },
      "refused",
      /:sub = "x"/,
    ],
    [
      "is false where the key is missing",
      { StringEquals: { [key("department")]: "x" } },
      "refused",
      /and there is none/,
    ],
    ["is true there with IfExists", { StringEqualsIfExists: { [key("department")]: "x" } }, "allowed"],
    ["is true there when negated", { StringNotEquals: { [key("department")]: "x" } }, "allowed"],
    ["ForAnyValue needs one", { "ForAnyValue:StringEquals": { [key("amr")]: ["mfa"] } }, "allowed"],
    ["ForAnyValue finds none", { "ForAnyValue:StringLike": { [key("amr")]: "hw*" } }, "refused", /"pwd" or "mfa"/],
    ["ForAllValues needs all", { "ForAllValues:StringEquals": { [key("amr")]: ["mfa"] } }, "refused"],
    ["ForAllValues has all", { "ForAllValues:StringEquals": { [key("amr")]: ["mfa", "pwd", "x"] } }, "allowed"],
    ["ForAllValues of nothing is true", { "ForAllValues:StringEquals": { [key("groups")]: "x" } }, "allowed"],
    ["ForAnyValue of nothing is false", { "ForAnyValue:StringEquals": { [key("groups")]: "x" } }, "refused"],
    ["Null sees a missing key", { Null: { [key("groups")]: "true", [key("sub")]: false } }, "allowed"],
    ["Null sees a key", { Null: { [key("sub")]: "true" } }, "refused"],
    ["knows the session name", { StringLike: { "sts:RoleSessionName": "ana@*" } }, "allowed"],
    ["fills in variables", { StringEquals: { "sts:RoleSessionName": `\${${key("email")}}` } }, "refused", /ana@web1/],
    [
      "leaves AWS's own keys open",
      { IpAddress: { "aws:SourceIp": "10.0.0.0/8" } },
      "unknown",
      /IpAddress is not evaluated/,
    ],
    [
      "leaves the caller's address open",
      { StringEquals: { "aws:SourceVpc": "vpc-1" } },
      "unknown",
      /aws:SourceVpc cannot be known/,
    ],
    [
      "fails for certain beside what is open",
      { IpAddress: { "aws:SourceIp": "::/0" }, StringEquals: { [key("aud")]: "x" } },
      "refused",
      /:aud/,
    ],
    ["does not guess at an operator", { StringMatches: { [key("aud")]: "x" } }, "unknown", /StringMatches/],
  ];
  it.each(cases)("%s", (_, condition, verdict, said) => {
    const result = evaluateTrustPolicy(under(condition), REQUEST);
    expect(result.verdict).toBe(verdict);
    if (said !== undefined) expect("reasons" in result ? result.reasons.join("\n") : "").toMatch(said);
  });

  it("without azp goes by aud", () => {
    const { azp: _, ...claims } = CLAIMS;
    const request = { ...REQUEST, context: oidcTrustContext(claims, "arn:aws:iam::123456789012:role/x", "s").context };
    expect(evaluateTrustPolicy(under({ StringEquals: { [key("aud")]: "sts.amazonaws.com" } }), request).verdict).toBe(
      "allowed",
    );
  });

  it("with a hundred stars is judged at once", () => {
    const pattern = "*a".repeat(100);
    const long = new Map([[key("sub"), ["a".repeat(20_000)]]]);
    const computedMs = startCpuClock();
    evaluateTrustPolicy(under({ StringLike: { [key("sub")]: `${pattern}b` } }), { ...REQUEST, context: long });
    expect(computedMs()).toBeLessThan(1_000);
  });
});

describe("a trust policy", () => {
  it("needs a statement for the provider, by its exact ARN", () => {
    const other = policy(statement({ Principal: { Federated: FEDERATED.replace("prod", "test") } }));
    expect(evaluateTrustPolicy(other, REQUEST)).toMatchObject({
      verdict: "refused",
      reasons: [expect.stringContaining(FEDERATED)],
    });
    const cased = policy(statement({ Principal: { Federated: [FEDERATED.toUpperCase()] } }));
    expect(evaluateTrustPolicy(cased, REQUEST)).toMatchObject({
      reasons: [expect.stringContaining("upper and lower case")],
    });
    const service = policy(statement({ Principal: { Service: "ec2.amazonaws.com" } }));
    expect(evaluateTrustPolicy(service, REQUEST)).toMatchObject({
      reasons: [expect.stringContaining("names no Federated")],
    });
    expect(evaluateTrustPolicy(policy(statement({ Principal: "*" })), REQUEST).verdict).toBe("allowed");
  });

  it("needs a statement for the action", () => {
    const result = evaluateTrustPolicy(policy(statement({ Action: "sts:AssumeRole" })), REQUEST);
    expect(result).toMatchObject({
      reasons: ["statement 1: its Action is sts:AssumeRole, and sts:AssumeRoleWithWebIdentity is needed"],
    });
    for (const Action of ["sts:*", "*", ["sts:TagSession", "STS:assumerolewithwebidentity"]])
      expect(evaluateTrustPolicy(policy(statement({ Action })), REQUEST).verdict).toBe("allowed");
  });

  it("that denies has the last word", () => {
    const deny = statement({ Sid: "NoRobots", Effect: "Deny", Condition: { StringLike: { [key("sub")]: "repo:*" } } });
    expect(evaluateTrustPolicy(policy(statement(), deny), REQUEST)).toEqual({
      verdict: "refused",
      reasons: ['"NoRobots" denies it'],
    });
    const maybe = statement({ Effect: "Deny", Condition: { NotIpAddress: { "aws:SourceIp": "10.0.0.0/8" } } });
    expect(evaluateTrustPolicy(policy(statement(), maybe), REQUEST).verdict).toBe("unknown");
  });

  it("with NotPrincipal is not judged, and that is said", () => {
    const { Principal: _, ...rest } = statement() as { Principal: unknown };
    const result = evaluateTrustPolicy(policy({ ...rest, NotPrincipal: { AWS: "x" } }), REQUEST);
    expect(result).toMatchObject({
      verdict: "unknown",
      reasons: [expect.stringContaining("NotPrincipal is not evaluated")],
    });
  });

  it("is found in what `aws iam get-role` prints, and may have one statement without a list", () => {
    const printed = { Role: { RoleName: "x", AssumeRolePolicyDocument: { Statement: statement() } } };
    expect(evaluateTrustPolicy(printed, REQUEST).verdict).toBe("allowed");
  });

  it.each([
    [null],
    [[]],
    ["x"],
    [{}],
    [{ Statement: [1] }],
    [{ Statement: { Effect: "allow" } }],
    [{ Statement: { Effect: "Allow", Action: "s3:*", Resource: "*" } }],
    [{ Statement: { Effect: "Allow", Action: "*", Principal: "*", Condition: [] } }],
  ])("is not %j", (document) => {
    expect(() => evaluateTrustPolicy(document, REQUEST)).toThrow(BrokerError);
  });

  it("of any shape is judged or refused, never a crash", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (Condition, Principal, Action) => {
        try {
          evaluateTrustPolicy({ Statement: [{ Effect: "Allow", Condition, Principal, Action }] }, REQUEST);
        } catch (error) {
          expect(error).toBeInstanceOf(BrokerError);
        }
      }),
    );
  });
});

describe("condition keys", () => {
  const PRINCIPAL = "arn:aws:iam::123456789012:saml-provider/MySAMLIdP";
  const samlStatement = {
    issuer: "https://example.com/saml",
    nameId: { value: "ana", format: "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent" },
    nameIdEncrypted: false,
    confirmations: [
      { bearer: true, recipient: "https://signin.aws.amazon.com/saml", notBeforeMs: undefined, notOnOrAfterMs: 1 },
    ],
    notBeforeMs: undefined,
    notOnOrAfterMs: undefined,
    audiences: [["urn:amazon:webservices"]],
    sessionNotOnOrAfterMs: undefined,
    attributes: [
      { name: "https://aws.amazon.com/SAML/Attributes/RoleSessionName", values: ["ana@corp"] },
      { name: "https://aws.amazon.com/SAML/Attributes/PrincipalTag:team", values: ["billing"] },
      { name: "urn:oid:1.3.6.1.4.1.5923.1.1.1.1", values: ["staff", "member"] },
    ],
  };

  it("of SAML: aud is the Recipient, sub_type loses its prefix, tags need an action more", async () => {
    const { federated, actions, context: keys } = await samlTrustContext(samlStatement, PRINCIPAL);
    expect(federated).toBe(PRINCIPAL);
    expect(actions).toEqual(["sts:AssumeRoleWithSAML", "sts:TagSession"]);
    expect(Object.fromEntries(keys)).toMatchObject({
      "SAML:aud": ["https://signin.aws.amazon.com/saml"],
      "SAML:iss": ["https://example.com/saml"],
      "SAML:sub": ["ana"],
      "SAML:sub_type": ["persistent"],
      "SAML:doc": ["123456789012/MySAMLIdP"],
      "SAML:edupersonaffiliation": ["staff", "member"],
      "sts:RoleSessionName": ["ana@corp"],
      "aws:RequestTag/team": ["billing"],
    });
  });

  it("of SAML: namequalifier is the hash that AWS documents", async () => {
    const { context: keys } = await samlTrustContext(samlStatement, PRINCIPAL);
    const { createHash } = await import("node:crypto");
    const wanted = createHash("sha1").update("https://example.com/saml123456789012/MySAMLIdP").digest("base64");
    expect(keys.get("SAML:namequalifier")).toEqual([wanted]);
  });

  it("of OIDC: tags and a source identity need an action each", () => {
    const claims = {
      ...CLAIMS,
      "https://aws.amazon.com/tags": { principal_tags: { team: ["billing"] }, transitive_tag_keys: ["team"] },
      "https://aws.amazon.com/source_identity": "ana",
    };
    const { actions, context: keys, federated } = oidcTrustContext(claims, "arn:aws:iam::123456789012:role/x", "s");
    expect(federated).toBe(FEDERATED);
    expect(actions).toEqual([ACTION, "sts:TagSession", "sts:SetSourceIdentity"]);
    expect(keys.get("aws:RequestTag/team")).toEqual(["billing"]);
  });
});
