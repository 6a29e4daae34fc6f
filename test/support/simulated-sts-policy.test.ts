import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkTrustPolicy, isTrusted, type TrustStatement } from "./simulated-sts/policy.ts";

const ARN = "arn:aws:iam::123456789012:oidc-provider/idp.example";

function trusts(
  Condition: NonNullable<TrustStatement["Condition"]>,
  context: Record<string, string[]>,
  statement: Partial<TrustStatement> = {},
): boolean {
  const Statement = [
    { Effect: "Allow", Principal: { Federated: ARN }, Action: "sts:*", Condition, ...statement } as TrustStatement,
  ];
  return isTrusted(
    { Version: "2012-10-17", Statement },
    { kind: "Federated", principals: [ARN], action: "sts:AssumeRoleWithWebIdentity", context },
  );
}

describe("the evaluator of trust policies", () => {
  it("compares condition keys without case and values with case", () => {
    expect(trusts({ StringEquals: { "IDP.example:SUB": "me" } }, { "idp.example:sub": ["me"] })).toBe(true);
    expect(trusts({ StringEquals: { "idp.example:sub": "Me" } }, { "idp.example:sub": ["me"] })).toBe(false);
    expect(trusts({ StringEqualsIgnoreCase: { "idp.example:sub": "Me" } }, { "idp.example:sub": ["me"] })).toBe(true);
  });

  it("reads the variables that stand for a character, and knows no other", () => {
    const like = (name: string): string => ["$", `{${name}}`].join("");
    expect(trusts({ StringEquals: { k: `${like("$")}{a}` } }, { k: [like("a")] })).toBe(true);
    expect(() => trusts({ StringEquals: { k: like("aws:username") } }, { k: ["x"] })).toThrow(/aws:username/);
  });

  it("takes an absent key for a refusal, unless the operator is negated or IfExists", () => {
    expect(trusts({ StringEquals: { k: "v" } }, {})).toBe(false);
    expect(trusts({ "ForAnyValue:StringEquals": { k: "v" } }, {})).toBe(false);
    expect(trusts({ StringEqualsIfExists: { k: "v" } }, {})).toBe(true);
    expect(trusts({ StringNotEquals: { k: "v" } }, {})).toBe(true);
  });

  it("wants every operator and every key, and any of a key's values", () => {
    const context = { a: ["1"], b: ["2"] };
    expect(trusts({ StringEquals: { a: ["0", "1"], b: "2" } }, context)).toBe(true);
    expect(trusts({ StringEquals: { a: "1" }, StringLike: { b: "3*" } }, context)).toBe(false);
    expect(trusts({ "ForAnyValue:StringLike": { a: "x?" } }, { a: ["b", "xy"] })).toBe(true);
    expect(trusts({ StringNotEquals: { a: ["1", "2"] } }, { a: ["2"] })).toBe(false);
  });

  it("wants the principal and the action to match, and has no wildcard in a principal", () => {
    expect(trusts({}, {}, { Action: "sts:AssumeRole" })).toBe(false);
    expect(trusts({}, {}, { Principal: { Federated: "arn:aws:iam::123456789012:oidc-provider/*" } })).toBe(false);
    expect(trusts({}, {}, { Principal: { AWS: ARN } })).toBe(false);
    expect(trusts({}, {}, { Principal: "*" })).toBe(true);
    expect(trusts({}, {}, { Effect: "Deny" })).toBe(false);
  });

  it("reads a pattern's other characters literally", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (value, other) => {
        const pattern = value.replace(/[*?]/g, "");
        expect(trusts({ StringLike: { k: pattern } }, { k: [pattern] })).toBe(true);
        expect(trusts({ StringLike: { k: `${pattern}*` } }, { k: [pattern + other] })).toBe(true);
        expect(trusts({ StringLike: { k: pattern } }, { k: [`${pattern}x`] })).toBe(false);
      }),
    );
  });

  it("throws on an operator that it does not know", () => {
    const Statement = [{ Effect: "Allow", Principal: "*", Action: "*", Condition: { Bool: { k: "true" } } }] as const;
    expect(() => checkTrustPolicy({ Version: "2012-10-17", Statement })).toThrow("Bool");
  });
});
