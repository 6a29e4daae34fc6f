import { describe, expect, it } from "vitest";
import type { StsRefusal } from "../../src/exchange/answer.ts";
import type { Circumstances } from "../../src/exchange/circumstances.ts";
import { AssertionExpired, judge } from "../../src/exchange/judge.ts";
import { tokenFacts } from "../../src/exchange/token-facts.ts";
import { assertionWith, ISSUER, NOW_MS, profileWith, ROLE_ARN } from "./fixtures.ts";

const DENIED = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

describe("what a refusal of STS means", () => {
  it("shows aud and sub as AWS reads them when a trust policy does not match", () => {
    const error = judge(refusal("AccessDenied", DENIED, 403), at());
    expect(error.code).toBe("STS_REFUSED");
    expect(error.exitCode).toBe(4);
    expect(error.message).toBe(
      `profile "billing": AWS refused "${ROLE_ARN}" (AccessDenied): most likely its trust policy does not match what the token says, ` +
        'idp.corp.example/realms/prod:aud = "billing-batch" (its azp: AWS reads azp before aud, and aud is "sts.amazonaws.com") ' +
        'and idp.corp.example/realms/prod:sub = "service-account"; ' +
        "or there is no role of that name (upper and lower case count) (request id 1111-2222)",
    );
    expect(error.hint).toMatch(/^aws iam get-role --role-name billing /);
  });

  it("says nothing of azp when the token has none", () => {
    const error = judge(refusal("AccessDenied", DENIED, 403), at({ azp: undefined }));
    expect(error.message).toContain(':aud = "sts.amazonaws.com" and ');
    expect(error.message).not.toContain("azp");
  });

  it("names the missing permission for session tags and for a source identity", () => {
    const nested = { "https://aws.amazon.com/tags": { principal_tags: { team: ["a"] } } };
    const flat = { "https://aws.amazon.com/tags/principal_tags/team": ["a"] };
    for (const claims of [nested, flat]) {
      expect(judge(refusal("AccessDenied", DENIED, 403), at(claims)).message).toContain(
        "it must also allow sts:TagSession",
      );
    }
    const named = { "https://aws.amazon.com/source_identity": "ana" };
    expect(judge(refusal("AccessDenied", DENIED, 403), at(named)).message).toContain(
      "also allow sts:SetSourceIdentity",
    );
    expect(judge(refusal("AccessDenied", DENIED, 403), at()).message).not.toContain("it must also");
    const told = judge(refusal("AccessDenied", "User is not authorized to perform: sts:TagSession", 403), at(nested));
    expect(told.message).toContain("must also allow sts:TagSession, since the token carries session tags");
  });

  it("shows how to create the OIDC provider that the account lacks", () => {
    const error = judge(
      refusal("InvalidIdentityToken", `No OpenIDConnect provider found in your account for ${ISSUER}`),
      at(),
    );
    expect(error.code).toBe("STS_REFUSED");
    expect(error.message).toContain(`AWS account 123456789012 has no OIDC provider for ${ISSUER}`);
    expect(error.hint).toBe(`aws iam create-open-id-connect-provider --url ${ISSUER} --client-id-list billing-batch`);
  });

  it("shows how to add an audience, the azp, to the OIDC provider", () => {
    const error = judge(refusal("InvalidIdentityToken", "Incorrect token audience"), at());
    expect(error.message).toContain('does not list the audience "billing-batch" (its azp: AWS reads azp before aud');
    expect(error.hint).toBe(
      "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn arn:aws:iam::123456789012:oidc-provider/idp.corp.example/realms/prod --client-id billing-batch",
    );
  });

  it.each([
    ["InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider,  please reference …"],
    ["IDPCommunicationError", "There was an error while communicating with the identity provider"],
  ])("says that AWS itself must reach the issuer (%s)", (code, message) => {
    const error = judge(refusal(code, message), at({}, { attempts: 4 }));
    expect(error.code).toBe("UNREACHABLE");
    expect(error.exitCode).toBe(5);
    expect(error.message).toContain(`AWS could not fetch discovery or keys from ${ISSUER}`);
    expect(error.message).toContain(", after 4 tries (request id 1111-2222)");
    expect(error.hint).toBe(`from outside your network: curl -sS ${ISSUER}/.well-known/openid-configuration`);
  });

  it("quotes STS where an invalid token has no known reason, and looks at the clock", () => {
    const error = judge(refusal("InvalidIdentityToken", "Missing a required claim: x"), at({}, { skewMs: -600_000 }));
    expect(error.message).toContain(
      "(InvalidIdentityToken: Missing a required claim: x); this machine's clock is 10 min ahead of AWS's",
    );
    expect(error.hint).toBe("set the clock right: timedatectl set-ntp true");
    expect(judge(refusal("InvalidIdentityToken", "…"), at({}, { skewMs: 5_000 })).message).not.toContain("clock");
  });

  it("is of a class of its own for an expired token, so that a new one can be fetched once", () => {
    const error = judge(refusal("ExpiredToken", "Token expired"), at({}, { skewMs: 420_000 }));
    expect(error).toBeInstanceOf(AssertionExpired);
    expect(error.code).toBe("STS_REFUSED");
    expect(error.message).toContain("its exp is 2026-07-01T12:05:00Z; this machine's clock is 7 min behind AWS's");
    expect(judge(refusal("AccessDenied", DENIED, 403), at())).not.toBeInstanceOf(AssertionExpired);
  });

  it.each([
    ["IDPRejectedClaim", 403, "rejected", "STS_REFUSED", "its identity provider rejects it"],
    ["MalformedPolicyDocument", 400, "Syntax errors in policy.", "CONFIG_INVALID", "session policy"],
    ["PackedPolicyTooLarge", 400, "Packed size 112% of", "CONFIG_INVALID", "Packed size 112%"],
    ["RegionDisabled", 403, "not activated", "CONFIG_INVALID", "not activated in eu-west-1 for account 123456789012"],
    ["Validation", 400, "1 validation error detected: Value 'x' at 'roleArn'", "CONFIG_INVALID", "at 'roleArn'"],
    ["Validation", 400, "Value '[token]' at 'webIdentityToken' failed", "ASSERTION_UNUSABLE", "no such token"],
    ["Throttling", 400, "Rate exceeded", "THROTTLED", "(Throttling: Rate exceeded)"],
    ["RequestLimitExceeded", 503, "Request limit exceeded.", "THROTTLED", "throttles"],
    ["Whatever", 429, "", "THROTTLED", "throttles"],
    ["InternalFailure", 500, "", "UNREACHABLE", "failed with HTTP 500 (InternalFailure)"],
    ["ServiceUnavailable", 503, "", "UNREACHABLE", "failed with HTTP 503"],
    ["NotFound", 404, "", "STS_INVALID_ANSWER", "a proxy or a captive portal"],
    ["SomethingNew", 400, "What it says", "STS_REFUSED", "(SomethingNew: What it says)"],
  ])("judges %s (%i: %s) as %s", (code, status, message, expected, said) => {
    const error = judge(refusal(code, message, status), at());
    expect(error.code).toBe(expected);
    expect(error.message).toContain(said);
    expect(error.message).toMatch(/ \(request id 1111-2222\)$/);
    expect(error.hint).not.toBe("");
  });

  it("calls a duration above the role's maximum a fault of the configuration", () => {
    const message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    const error = judge(refusal("Validation", message), at({}, { profile: profileWith({ durationSeconds: 7200 }) }));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.exitCode).toBe(2);
    expect(error.message).toContain(`duration_seconds 7200 is more than the MaxSessionDuration of "${ROLE_ARN}"`);
    expect(error.hint).toBe(
      "lower duration_seconds, or: aws iam update-role --role-name billing --max-session-duration 7200",
    );
  });

  it("knows the hour of role chaining", () => {
    const message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    const error = judge(refusal("Validation", message), at());
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.hint).toBe("set duration_seconds = 3600 or less");
  });

  it("says how long STS asks to wait", () => {
    const error = judge({ ...refusal("Throttling", "Rate exceeded"), retryAfterMs: 90_000 }, at());
    expect(error.message).toContain(", and asks to wait 90 s");
  });

  it("lets nothing out of a token that could drive a terminal or a shell", () => {
    const hostile = { iss: "https://idp/\u001b[2J$(id)", sub: "a'b\u202e`id`", azp: "x; rm -rf ~ '" };
    for (const message of ["No OpenIDConnect provider found in your account", "Incorrect token audience"]) {
      const error = judge(refusal("InvalidIdentityToken", message), at(hostile));
      expect(`${error.message}${error.hint}`).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
      expect(error.hint).toContain("'x; rm -rf ~ '\\'''");
    }
  });
});

describe("what an answer that is not STS's means", () => {
  const foreign = { kind: "foreign", shape: "html", status: 200 } as const;

  it("names the proxy settings for a web page", () => {
    const error = judge(foreign, at());
    expect(error.code).toBe("STS_INVALID_ANSWER");
    expect(error.message).toBe(
      'profile "billing": sts.eu-west-1.amazonaws.com answered with a web page (HTTP 200): a proxy or a captive portal stands between this machine and AWS',
    );
    expect(error.hint).toBe("check HTTPS_PROXY and NO_PROXY: curl -sS https://sts.eu-west-1.amazonaws.com/");
  });

  it("names the endpoint setting where it is a custom one", () => {
    const profile = profileWith({}, { endpointUrl: "https://sts.corp.example" });
    const error = judge(foreign, at({}, { profile, endpoint: "sts.corp.example" }));
    expect(error.hint).toContain("AWS_ENDPOINT_URL_STS");
  });

  it("says where a redirect goes", () => {
    const error = judge({ ...foreign, shape: "redirect", status: 302, location: "http://portal" }, at());
    expect(error.message).toContain("redirects (HTTP 302 to http://portal), which AWS STS never does");
  });

  it.each([
    [503, "UNREACHABLE", "failed with HTTP 503"],
    [429, "THROTTLED", "throttles (HTTP 429)"],
    [403, "STS_INVALID_ANSWER", "a web page (HTTP 403)"],
  ])("judges a page with status %i as %s", (status, code, said) => {
    const error = judge({ ...foreign, status }, at());
    expect(error.code).toBe(code);
    expect(error.message).toContain(said);
  });
});

function refusal(code: string, message: string, status = 400): StsRefusal {
  return { kind: "refusal", code, message, status, requestId: "1111-2222" };
}

function at(claims: Record<string, unknown> = {}, change: Partial<Circumstances> = {}): Circumstances {
  return {
    profile: profileWith(),
    facts: tokenFacts(assertionWith(claims)),
    endpoint: "sts.eu-west-1.amazonaws.com",
    nowMs: NOW_MS,
    attempts: 1,
    ...change,
  };
}
