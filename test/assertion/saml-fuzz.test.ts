import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { toSamlAssertion } from "../../src/assertion/saml.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { createSamlIssuer, type SamlIssuer } from "../support/saml-issuer.ts";
import { base64, responseXml } from "../support/saml-response.ts";

let issuer: SamlIssuer;
let xml: string;
const NOW_MS = Date.UTC(2026, 6, 1, 12, 0, 0);
const GRANT = "arn:aws:iam::123456789012:role/ci/billing";

beforeAll(async () => {
  issuer = await createSamlIssuer();
  xml = responseXml(issuer, { nowMs: NOW_MS, signed: "both" });
});

/** A refusal of ours, or what it took. */
async function outcome(response: string, metadata?: string): Promise<string> {
  try {
    const proof = { response: new Secret(response), name: "the response" };
    const { grants } = await toSamlAssertion(metadata === undefined ? proof : { ...proof, metadata }, NOW_MS);
    return grants.map(({ roleArn }) => roleArn).join();
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    return "refused";
  }
}

it("a signed response with anything done to it is refused, or says what it said before", async () => {
  const edit = fc.record({
    at: fc.nat(),
    length: fc.nat({ max: 200 }),
    put: fc.oneof(
      fc.string({ maxLength: 20 }),
      fc.constantFrom("<!-- -->", "<x>", "</saml:Assertion>", "&#13;", ' ID="_assertion"', "<saml:Assertion/>"),
    ),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      let changed = xml;
      for (const { at, length, put } of edits) {
        const start = at % changed.length;
        changed = changed.slice(0, start) + put + changed.slice(start + length);
      }
      expect(["refused", GRANT]).toContain(await outcome(base64(changed), issuer.metadata()));
    }),
    { numRuns: 400 },
  );
});

it("bits that fell over in the base64 crash nothing", async () => {
  const text = base64(xml);
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 3 }), async (at, put) => {
      await outcome(text.slice(0, at) + put + text.slice(at + put.length));
    }),
    { numRuns: 400 },
  );
});

it("text of any kind is refused", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 300 }), async (text) => {
      expect(await outcome(text)).toBe("refused");
      expect(await outcome(base64(text), issuer.metadata())).toBe("refused");
    }),
    { numRuns: 300 },
  );
});

it("metadata of any kind crashes nothing", async () => {
  const metadata = issuer.metadata();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(metadata.length - 1),
      fc.nat({ max: 60 }),
      fc.string({ maxLength: 8 }),
      async (at, length, put) => {
        expect(["refused", GRANT]).toContain(
          await outcome(base64(xml), metadata.slice(0, at) + put + metadata.slice(at + length)),
        );
      },
    ),
    { numRuns: 300 },
  );
});
