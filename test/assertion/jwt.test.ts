import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { awsAudience, describeClaims, parseJwt, toOidcAssertion } from "../../src/assertion/jwt.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";

const NOW_MS = Date.UTC(2026, 6, 1, 12, 0, 0);
const NOW = NOW_MS / 1000;
const CLAIMS = { iss: "https://idp.corp.example", sub: "ana", aud: "sts.amazonaws.com", exp: NOW + 300, iat: NOW - 1 };

describe("parsing a JWT", () => {
  it("gives header and claims", () => {
    const jwt = parseJwt(new Secret(jwtOf(CLAIMS, { alg: "ES256", kid: "1" })), "the token");
    expect(jwt).toEqual({ header: { alg: "ES256", kid: "1" }, claims: CLAIMS });
  });

  it.each([
    ["a random string", "2YotnFZFEjr1zCsicMWpAA"],
    ["dots in it", "ya29.a0AfH6SMBx.rest"],
    ["padding", `${jwtOf(CLAIMS)}=`.replace(".", "=.")],
    ["two parts", jwtOf(CLAIMS).replace(/\.[^.]*$/, "")],
    ["a header that is an array", `${encode([])}.${encode(CLAIMS)}.c2ln`],
  ])("calls a token with %s opaque and says what to ask for", (_, token) => {
    const error = errorOf(() => parseJwt(token, "the access token of https://idp.example"));
    expect(error.code).toBe("ASSERTION_UNUSABLE");
    expect(error.exitCode).toBe(4);
    expect(error.message).toBe(
      "the access token of https://idp.example is opaque, not a JWT, so AWS cannot verify it: ask the provider for a JWT",
    );
    expect(error.hint).toContain('`assertion = "id_token"`');
  });

  it.each([
    ["encrypted (a JWE)", `${encode({ alg: "RSA-OAEP", enc: "A256GCM" })}.a.b.c.d`],
    ["is empty", ""],
    ["white space", `${jwtOf(CLAIMS)}\n`],
    ["20002 characters long", "a".repeat(20_002)],
    ["damaged", `${encode({ alg: "RS256" })}.${encode("text")}.c2ln`],
    ["damaged", `${encode({ alg: "RS256" })}.${Buffer.from([0x7b, 0xff, 0x7d]).toString("base64url")}.c2ln`],
    ["damaged", `${encode({ alg: "RS256" })}.${encode(CLAIMS)}.c2l+`],
    ["levels deep", `${encode({ alg: "RS256" })}.${deep(40)}.c2ln`],
    ["levels deep", `${encode({ alg: "RS256" })}.${deep(7_000)}.c2ln`],
  ])("says in one line when a token is %s", (said, token) => {
    const error = errorOf(() => parseJwt(token, "the token"));
    expect(error.code).toBe("ASSERTION_UNUSABLE");
    expect(error.message).toContain(said);
  });

  it("never crashes on hostile input and never quotes it", () => {
    const part = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json({ maxDepth: 40 }).map((json) => Buffer.from(json).toString("base64url")),
      fc.uint8Array().map((bytes) => Buffer.from(bytes).toString("base64url")),
      fc.constant(encode({ alg: "RS256" })),
    );
    const token = fc.oneof(
      fc.string({ unit: "binary", maxLength: 100 }),
      fc.array(part, { maxLength: 6 }).map((parts) => parts.join(".")),
    );
    fc.assert(
      fc.property(token, (text) => {
        try {
          toOidcAssertion(text, NOW_MS);
        } catch (error) {
          if (!(error instanceof BrokerError)) throw error;
          expect(error.code).toBe("ASSERTION_UNUSABLE");
          expect(error.cause).toBeUndefined();
          if (text.length > 40) expect(error.message + error.hint).not.toContain(text);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("gives back any claims that were put in", () => {
    const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.string()));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (claims) => {
        expect(JSON.stringify(parseJwt(jwtOf(claims), "t").claims)).toBe(JSON.stringify(claims));
      }),
    );
  });
});

describe("a token for AWS", () => {
  it("becomes an assertion", () => {
    const token = new Secret(jwtOf(CLAIMS));
    expect(toOidcAssertion(token, NOW_MS)).toEqual({
      kind: "oidc",
      token,
      issuer: CLAIMS.iss,
      audience: CLAIMS.aud,
      subject: CLAIMS.sub,
      expiresAtMs: NOW_MS + 300_000,
    });
  });

  it("has azp for its audience, before aud, as AWS reads it", () => {
    expect(toOidcAssertion(jwtOf({ ...CLAIMS, azp: "billing" }), NOW_MS).audience).toBe("billing");
    expect(awsAudience({ aud: ["x", "y"], azp: "billing" })).toEqual({ value: "billing", claim: "azp" });
    expect(awsAudience({ aud: ["x", "y"] })).toEqual({ value: "x", claim: "aud" });
    expect(awsAudience({ aud: "x", azp: null })).toEqual({ value: "x", claim: "aud" });
  });

  it.each(["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"])("may be signed with %s", (alg) => {
    expect(toOidcAssertion(jwtOf(CLAIMS, { alg }), NOW_MS).subject).toBe("ana");
  });

  it.each(["PS256", "HS256", "none", "EdDSA", "rs256", undefined, 7])("may not be signed with %s", (alg) => {
    const error = errorOf(() => toOidcAssertion(jwtOf(CLAIMS, { alg }), NOW_MS));
    expect(error.message).toContain(alg === undefined ? "no stated algorithm" : String(alg));
    expect(error.hint).toContain("RS256");
  });

  it.each([
    ["iss", { iss: undefined }],
    ["sub", { sub: null }],
    ["sub", { sub: "" }],
    ["aud", { aud: [] }],
    ["aud", { aud: undefined, azp: "billing" }],
    ["exp", { exp: undefined }],
  ])("needs %s and says so (%o)", (name, change) => {
    const error = errorOf(() => toOidcAssertion(jwtOf({ ...CLAIMS, ...change }), NOW_MS, undefined, "the id_token"));
    expect(error.message).toBe(`the id_token has no "${name}" claim, and AWS needs it`);
  });

  it("does not take claims that its object merely inherits", () => {
    expect(errorOf(() => awsAudience(JSON.parse('{"__proto__":{"aud":"x"}}'))).message).toContain('no "aud"');
  });

  it.each([
    [{ exp: NOW + 300.5 }, "whole seconds"],
    [{ exp: String(NOW + 300) }, "whole seconds"],
    [{ iat: NOW - 0.25 }, "whole seconds"],
    [{ exp: NOW_MS + 300_000 }, "milliseconds"],
    [{ exp: 1e300 }, "milliseconds"],
    [{ sub: 42 }, "not plain text"],
    [{ iss: "https://idp\u001b[2J" }, "not plain text"],
  ])("is refused with %o, since AWS takes %s", (change, said) => {
    expect(errorOf(() => toOidcAssertion(jwtOf({ ...CLAIMS, ...change }), NOW_MS)).message).toContain(said);
  });

  it("is refused once expired, with the time since and the clock", () => {
    const error = errorOf(() => toOidcAssertion(jwtOf({ ...CLAIMS, exp: NOW - 720 }), NOW_MS));
    expect(error.message).toBe(
      "the token expired 12 min ago, at 2026-07-01T11:48:00Z; this machine's clock says 2026-07-01T12:00:00Z",
    );
    expect(errorOf(() => toOidcAssertion(jwtOf({ ...CLAIMS, exp: NOW }), NOW_MS)).message).toContain("expired");
  });

  it("is judged by the servers' clock where that is known", () => {
    const token = jwtOf({ ...CLAIMS, exp: NOW - 10, iat: NOW - 310 });
    expect(toOidcAssertion(token, NOW_MS, -600_000 + 300_000).expiresAtMs).toBe(NOW_MS - 10_000);
    expect(errorOf(() => toOidcAssertion(jwtOf(CLAIMS), NOW_MS, 600_000)).message).toContain(
      "clock says 2026-07-01T12:00:00Z, 10 min behind the servers",
    );
  });

  it.each(["nbf", "iat"])("is refused before its %s, but not for a second's difference", (name) => {
    const at = (seconds: number) => () => toOidcAssertion(jwtOf({ ...CLAIMS, [name]: NOW + seconds }), NOW_MS);
    expect(at(5)().subject).toBe("ana");
    expect(errorOf(at(200)).message).toContain(`not valid yet: its "${name}" is 3 min ahead`);
  });
});

describe("showing claims", () => {
  it("is JSON that cannot drive a terminal", () => {
    const claims = { name: "\u001b[2J\u009b1m\u202eana", "\u007f": ["é"] };
    const text = describeClaims(claims);
    expect(JSON.parse(text)).toEqual(claims);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain('  "name": ');
  });
});

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function deep(levels: number): string {
  return Buffer.from(`{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`).toString("base64url");
}

function jwtOf(claims: object, header: object = { alg: "RS256" }): string {
  return `${encode(header)}.${encode(claims)}.c2lnbmF0dXJl`;
}

function errorOf(run: () => unknown): BrokerError {
  try {
    run();
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
