import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { oidcTrustPlan } from "../../src/trust/oidc.ts";
import { failure } from "../config/helpers.ts";
import { jwtOf, profileWith } from "../exchange/fixtures.ts";
import { CLAIMS, judged, nasty, planOf, ROLE } from "./helpers.ts";

const NAME = "idp.corp.com/realms/prod";

describe("the trust that a token needs", () => {
  it("names provider, audience and subject, and nothing more", () => {
    expect(planOf({}).policy).toEqual({
      Version: "2012-10-17",
      Statement: [
        {
          Effect: "Allow",
          Principal: { Federated: `arn:aws:iam::123456789012:oidc-provider/${NAME}` },
          Action: "sts:AssumeRoleWithWebIdentity",
          Condition: { StringEquals: { [`${NAME}:aud`]: "sts.amazonaws.com", [`${NAME}:sub`]: "0f6a2c1e" } },
        },
      ],
    });
    expect(planOf({}).warnings).toEqual([]);
  });

  it("goes by azp where the token has one, and by aud besides", () => {
    const plan = planOf({ azp: "billing-batch" });
    expect(plan.provider).toMatchObject({ clientId: "billing-batch" });
    expect(plan.policy.Statement[0].Condition.StringEquals).toEqual({
      [`${NAME}:aud`]: "billing-batch",
      [`${NAME}:oaud`]: "sts.amazonaws.com",
      [`${NAME}:sub`]: "0f6a2c1e",
    });
  });

  it("asks for a second factor that was used, and for no other method", () => {
    expect(planOf({ amr: ["pwd", "mfa"] }).policy.Statement[0].Condition["ForAnyValue:StringEquals"]).toEqual({
      [`${NAME}:amr`]: "mfa",
    });
    expect(Object.keys(planOf({ amr: ["pwd"] }).policy.Statement[0].Condition)).toEqual(["StringEquals"]);
  });

  it("allows tags and a source identity only where the token carries them", () => {
    const claims = {
      "https://aws.amazon.com/tags": { principal_tags: { team: ["billing"] } },
      "https://aws.amazon.com/source_identity": "svc",
    };
    const { policy } = planOf(claims);
    expect(policy.Statement[0].Action).toEqual([
      "sts:AssumeRoleWithWebIdentity",
      "sts:TagSession",
      "sts:SetSourceIdentity",
    ]);
    expect(judged(policy, claims)).toEqual(["allowed", "allowed", "allowed"]);
  });

  it.each([
    ["aws-cn", "arn:aws-cn:iam::123456789012:role/billing"],
    ["aws-us-gov", "arn:aws-us-gov:iam::123456789012:role/billing"],
  ])("stays in the partition %s of the role", (partition, arn) => {
    const { policy, provider } = planOf({}, undefined, arn);
    expect(provider.arn).toBe(`arn:${partition}:iam::123456789012:oidc-provider/${NAME}`);
    expect(judged(policy, {}, arn)).toEqual(["allowed"]);
  });

  it("keeps the slash at the end of an issuer, which is part of the provider's name", () => {
    const iss = "https://corp.eu.auth0.com/";
    const { policy, provider } = planOf({ iss });
    expect(provider.arn).toMatch(/:oidc-provider\/corp\.eu\.auth0\.com\/$/);
    expect(policy.Statement[0].Condition.StringEquals).toHaveProperty(["corp.eu.auth0.com/:aud"]);
    expect(judged(policy, { iss })).toEqual(["allowed"]);
  });

  it("lets this token in and no other subject or audience, whatever they are made of", () => {
    fc.assert(
      fc.property(nasty(), nasty(), nasty(), fc.boolean(), (sub, aud, other, hasAzp) => {
        const claims = hasAzp ? { sub, azp: aud } : { sub, aud };
        const { policy } = planOf(claims);
        expect(judged(JSON.parse(JSON.stringify(policy)), claims)).toEqual(["allowed"]);
        if (other !== sub) expect(judged(policy, { ...claims, sub: other })).toEqual(["refused"]);
        if (other !== aud)
          expect(judged(policy, hasAzp ? { sub, azp: other } : { sub, aud: other })).toEqual(["refused"]);
      }),
      { numRuns: 300 },
    );
  });

  it("means a subject by its letters, not by what IAM would fill in", () => {
    const sub = ["$", "{aws:username}"].join("");
    const { policy } = planOf({ sub });
    expect(policy.Statement[0].Condition.StringEquals?.[`${NAME}:sub`]).toBe(["$", "{$}{aws:username}"].join(""));
    expect(judged(policy, { sub })).toEqual(["allowed"]);
  });

  it.each([
    ["has none", { sub: undefined }, "the token has no sub"],
    ["holds its jti", { sub: "run-8f2c61d0", jti: "8f2c61d0" }, "holds the token's jti"],
    ["names a branch", { sub: "repo:corp/app:ref:refs/heads/main" }, "one run or branch"],
    ["is a mail address", { sub: "ana@corp.example" }, "mail address"],
  ])("warns of a subject that %s", (_, claims, said) => {
    const { warnings, policy } = planOf(claims);
    expect(warnings).toEqual([expect.stringContaining(said)]);
    expect(JSON.stringify(policy)).not.toContain("*");
  });

  it("warns of an issuer that AWS cannot reach", () => {
    const { warnings } = planOf({ iss: "http://127.0.0.1:1234" });
    expect(warnings.join()).toContain("is not https");
  });

  it.each([
    ["an opaque token", "f3a9c1", "ASSERTION_UNUSABLE"],
    ["no issuer", jwtOf({ ...CLAIMS, iss: undefined }), "ASSERTION_UNUSABLE"],
    ["no audience", jwtOf({ ...CLAIMS, aud: undefined }), "ASSERTION_UNUSABLE"],
    ["an issuer with an escape sequence", jwtOf({ ...CLAIMS, iss: "https://x/\u001b[2J" }), "ASSERTION_UNUSABLE"],
    ["an issuer that is no address", jwtOf({ ...CLAIMS, iss: "https://é x" }), "ASSERTION_UNUSABLE"],
    [
      "half a character",
      jwtOf(CLAIMS).replace(
        /\..*\./,
        () => `.${Buffer.from(JSON.stringify(CLAIMS).replace("0f6a2c1e", "\\ud800")).toString("base64url")}.`,
      ),
      "ASSERTION_UNUSABLE",
    ],
  ])("cannot be said of %s", async (_, token, code) => {
    const error = await failure(() => oidcTrustPlan(new Secret(token), profileWith({ arn: ROLE })));
    expect(error.code).toBe(code);
    expect(error.message).not.toMatch(/[^\P{Cc}]/u);
  });
});
