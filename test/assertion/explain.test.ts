/** Whatever a token or a response says, explain says something, and never better than the exchange would fare. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { explainOidc } from "../../src/assertion/explain-oidc.ts";
import { explainSaml } from "../../src/assertion/explain-saml.ts";
import { toOidcAssertion } from "../../src/assertion/jwt.ts";
import { toSamlAssertion } from "../../src/assertion/saml.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { jwtOf, NOW_MS, profileWith } from "../exchange/fixtures.ts";
import { createSamlIssuer, type SamlIssuer } from "../support/saml-issuer.ts";
import { base64, responseXml } from "../support/saml-response.ts";

const now = { nowMs: NOW_MS, skewMs: undefined };
const trustPolicy = {
  Statement: { Effect: "Allow", Principal: "*", Action: "sts:*", Condition: { StringLike: { "SAML:sub": "*" } } },
};
const options = { profile: profileWith(), now, trustPolicy };
const SECONDS = NOW_MS / 1000;

function isRefused(error: unknown): boolean {
  if (!(error instanceof BrokerError)) throw error;
  return true;
}

describe("explain", () => {
  it("says no to every token that the exchange refuses", () => {
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(
        { toString: 1, valueOf: 1 },
        { toJSON: 1 },
        null,
        "",
        "\u001b[2J",
        -1,
        1.5,
        1e15,
        SECONDS,
        SECONDS + 300,
      ),
    );
    const good = { iss: "https://idp.corp.com", sub: "s", aud: "a", iat: SECONDS, exp: SECONDS + 300 };
    const name = fc.constantFrom(
      "iss",
      "sub",
      "aud",
      "azp",
      "iat",
      "exp",
      "nbf",
      "amr",
      "email",
      "https://aws.amazon.com/tags",
      "__proto__",
      "constructor",
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(name, odd), { maxLength: 4 }), fc.option(odd), (changes, alg) => {
        const claims = Object.fromEntries([...Object.entries(good), ...changes]);
        const token = jwtOf(claims, { alg: alg ?? "RS256", kid: "k" });
        let refused = false;
        try {
          toOidcAssertion(token, NOW_MS);
        } catch (error) {
          refused = isRefused(error);
        }
        const { findings } = explainOidc(new Secret(token), options);
        if (refused) expect(findings.some(({ verdict }) => verdict === "no")).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("says no to any text that is no token", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const { findings } = explainOidc(new Secret(text), options);
        expect(findings.some(({ verdict }) => verdict === "no")).toBe(true);
      }),
    );
  });

  it("reckons with the servers' clock, and says so", () => {
    const token = new Secret(
      jwtOf({ iss: "https://idp.corp.com", sub: "s", aud: "a", iat: SECONDS, exp: SECONDS + 300 }),
    );
    const { findings } = explainOidc(token, { profile: profileWith(), now: { nowMs: NOW_MS, skewMs: 600_000 } });
    expect(findings.find(({ point }) => point === "clock")?.detail).toContain("10 min behind");
    expect(findings.find(({ point }) => point === "expiry")).toMatchObject({ verdict: "no" });
  });

  describe("of SAML", () => {
    let issuer: SamlIssuer;
    beforeAll(async () => {
      issuer = await createSamlIssuer();
    });

    it("says no to every response that the exchange refuses", async () => {
      const xml = responseXml(issuer, { nowMs: NOW_MS, signed: "both" });
      const metadata = issuer.metadata();
      await fc.assert(
        fc.asyncProperty(
          fc.nat(xml.length - 1),
          fc.nat({ max: 120 }),
          fc.string({ maxLength: 4 }),
          async (at, length, put) => {
            const changed = xml.slice(0, at) + put + xml.slice(at + length);
            const proof = { response: new Secret(base64(changed)), name: "x", metadata };
            const refused = await toSamlAssertion(proof, NOW_MS).then(() => false, isRefused);
            const { findings } = await explainSaml(proof, options);
            if (refused) expect(findings.some(({ verdict }) => verdict === "no")).toBe(true);
          },
        ),
        { numRuns: 200 },
      );
    });

    it("ends the length with SessionNotOnOrAfter", async () => {
      const explained = async (sessionNotOnOrAfterMs: number) => {
        const response = new Secret(base64(responseXml(issuer, { nowMs: NOW_MS, sessionNotOnOrAfterMs })));
        const { findings } = await explainSaml({ response, name: "x" }, { profile: profileWith(), now });
        return findings.find(({ point }) => point === "length");
      };
      expect(await explained(NOW_MS + 1_800_000)).toMatchObject({
        verdict: "unknown",
        detail: expect.stringContaining(": 1800 s;"),
      });
      expect(await explained(NOW_MS - 1_000)).toMatchObject({ verdict: "no" });
    });

    it("sees a role of another partition than the Recipient's", async () => {
      const gov = "arn:aws-us-gov:iam::123456789012";
      const roles = [`${gov}:role/x,${gov}:saml-provider/corp`];
      const response = new Secret(base64(responseXml(issuer, { nowMs: NOW_MS, roles })));
      const profile = profileWith({ arn: `${gov}:role/x` }, { region: "us-gov-west-1" });
      const { findings } = await explainSaml({ response, name: "x" }, { profile, now });
      expect(findings.find(({ point }) => point === "partition")).toMatchObject({ verdict: "no" });
    });
  });
});
