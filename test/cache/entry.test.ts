import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { credentialsCodec, decodeEntry, encodeEntry, tokenCodec } from "../../src/cache/entry.ts";
import { Secret } from "../../src/core/secret.ts";
import { entry, tokenEntry } from "./samples.ts";

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 60 }).filter((one) => !/\p{Surrogate}/u.test(one));
const time = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

describe("an entry", () => {
  it("comes back as it went, whatever its texts hold", () => {
    fc.assert(
      fc.property(
        text,
        text,
        text,
        text,
        text,
        time,
        time,
        fc.integer(),
        (a, b, c, issuer, subject, at, until, skew) => {
          const value = {
            accessKeyId: a,
            secretAccessKey: new Secret(b),
            sessionToken: new Secret(c),
            expiresAtMs: until,
            assumedRoleArn: "arn",
          };
          const there = { value, mintedAtMs: at, skewMs: skew, expiresAtMs: until, issuer, subject };
          const encoded = encodeEntry(there, credentialsCodec);
          expect(encoded).toMatch(/^[\x20-\x7e]*$/);
          const back = decodeEntry(encoded, credentialsCodec);
          expect(back).toEqual(there);
          expect([back?.value.secretAccessKey.reveal(), back?.value.sessionToken.reveal()]).toEqual([b, c]);
        },
      ),
    );
  });

  it("of a token comes back as it went", () => {
    const there = tokenEntry();
    const back = decodeEntry(encodeEntry(there, tokenCodec), tokenCodec);
    expect(back).toEqual(there);
    expect(back?.value.token.reveal()).toBe("e30.e30.sig");
  });

  it("of one kind is not taken for the other", () => {
    expect(decodeEntry(encodeEntry(entry(), credentialsCodec), tokenCodec)).toBeUndefined();
    expect(decodeEntry(encodeEntry(tokenEntry(), tokenCodec), credentialsCodec)).toBeUndefined();
  });

  const good = JSON.parse(encodeEntry(entry(), credentialsCodec)) as Record<string, unknown>;
  const value = good.value as Record<string, unknown>;
  const bad: Record<string, unknown> = {
    "of the next version": { ...good, version: 2 },
    "without a version": { ...good, version: undefined },
    "minted at no time": { ...good, mintedAtMs: "yesterday" },
    "with a fractional time": { ...good, expiresAtMs: 1.5 },
    "with a negative time": { ...good, expiresAtMs: -1 },
    "with an endless time": { ...good, expiresAtMs: 1e300 },
    "with a skew that is text": { ...good, skewMs: "1" },
    "without an issuer": { ...good, issuer: undefined },
    "without a subject": { ...good, subject: null },
    "without a value": { ...good, value: null },
    "with an empty key": { ...good, value: { ...value, accessKeyId: "" } },
    "with a number for a secret": { ...good, value: { ...value, secretAccessKey: 7 } },
    "without a session token": { ...good, value: { ...value, sessionToken: undefined } },
    "with a list for a value": { ...good, value: [] },
  };
  for (const [what, raw] of Object.entries(bad)) {
    it(`${what} is a miss`, () => expect(decodeEntry(JSON.stringify(raw), credentialsCodec)).toBeUndefined());
  }

  it("cut at any byte is a miss", () => {
    const whole = encodeEntry(entry(), credentialsCodec);
    for (let length = 0; length < whole.length; length++)
      expect(decodeEntry(whole.slice(0, length), credentialsCodec)).toBeUndefined();
  });

  it("made of garbage is a miss and never a crash", () => {
    const garbage = fc.oneof(fc.string({ unit: "binary" }), fc.json(), fc.constantFrom("null", "[]", "7", '"x"'));
    fc.assert(
      fc.property(garbage, (one) => {
        expect(decodeEntry(one, credentialsCodec)).toBeUndefined();
        expect(decodeEntry(one, tokenCodec)).toBeUndefined();
      }),
    );
  });
});
