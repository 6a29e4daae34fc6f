import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import type { StsSettings } from "../../src/core/types.ts";
import { AssertionExpired } from "../../src/exchange/judge.ts";
import { loadExchange } from "../../src/exchange/registry.ts";
import { stsEndpoint } from "../../src/exchange/sts-endpoint.ts";
import { exchangeWebIdentity } from "../../src/exchange/web-identity.ts";
import type { HttpResponse } from "../../src/host/host.ts";
import { answer, assertionWith, fakeHost, granted, NOW_MS, profileWith, ROLE_ARN, refused } from "./fixtures.ts";

const DEADLINE_MS = 45_000;

describe("exchanging a token at STS", () => {
  it("gives AWS's credentials with AWS's own expiry", async () => {
    const host = fakeHost([granted()]);
    const credentials = await exchangeWebIdentity(profileWith(), assertionWith(), { host, deadlineMs: DEADLINE_MS });
    expect(credentials).toMatchObject({
      accessKeyId: "ASIAEXAMPLEEXAMPLE12",
      expiresAtMs: NOW_MS + 3_600_000,
      assumedRoleArn: "arn:aws:sts::123456789012:assumed-role/billing/ana@web1",
    });
    expect(credentials.secretAccessKey.reveal()).toBe("secret/key+of=40");
    expect(credentials.sessionToken.reveal()).toBe("IQoJ/session+token==");
  });

  it("posts one unsigned form to the regional endpoint, on AWS's trust", async () => {
    const { request, form } = await sentFor(profileWith());
    expect(request).toMatchObject({
      method: "POST",
      url: "https://sts.eu-west-1.amazonaws.com/",
      tls: { peer: "aws" },
      timeoutMs: 10_000,
    });
    expect(form).toEqual({
      Action: "AssumeRoleWithWebIdentity",
      Version: "2011-06-15",
      RoleArn: ROLE_ARN,
      RoleSessionName: "ana@web1",
      WebIdentityToken: assertionWith().token.reveal(),
    });
    expect(Object.keys(request.headers ?? {})).not.toContain("authorization");
    expect(request.headers).toMatchObject({
      "content-type": "application/x-www-form-urlencoded",
      "user-agent": expect.stringContaining("sts-broker"),
    });
  });

  it("passes on duration, session policies and the provider id", async () => {
    const { form } = await sentFor(
      profileWith({
        durationSeconds: 900,
        policy: '{"Version":"2012-10-17","Statement":[]}',
        policyArns: ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"],
        providerId: "www.amazon.com",
      }),
    );
    expect(form).toMatchObject({
      DurationSeconds: "900",
      Policy: '{"Version":"2012-10-17","Statement":[]}',
      "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A",
      "PolicyArns.member.2.arn": "arn:aws:iam::aws:policy/B",
      ProviderId: "www.amazon.com",
    });
  });

  it("is what the registry gives for an OIDC assertion", async () => {
    expect(await loadExchange("oidc")).toBe(exchangeWebIdentity);
  });
});

describe("the endpoint asked", () => {
  it.each<[string, Partial<StsSettings>]>([
    ["sts.eu-west-1.amazonaws.com", { region: "eu-west-1" }],
    ["sts.us-east-1.amazonaws.com", { region: "us-east-1" }],
    ["sts-fips.us-east-1.amazonaws.com", { region: "us-east-1", useFips: true }],
    ["sts.eu-west-1.api.aws", { region: "eu-west-1", useDualstack: true }],
    ["sts-fips.us-west-2.api.aws", { region: "us-west-2", useFips: true, useDualstack: true }],
    ["sts.cn-north-1.amazonaws.com.cn", { region: "cn-north-1" }],
    ["sts.cn-northwest-1.api.amazonwebservices.com.cn", { region: "cn-northwest-1", useDualstack: true }],
    ["sts.us-gov-west-1.amazonaws.com", { region: "us-gov-west-1" }],
    ["sts.us-gov-west-1.amazonaws.com", { region: "us-gov-west-1", useFips: true }],
    ["sts.us-iso-east-1.c2s.ic.gov", { region: "us-iso-east-1" }],
    ["sts.us-isob-east-1.sc2s.sgov.gov", { region: "us-isob-east-1" }],
    ["sts.corp.example", { endpointUrl: "https://sts.corp.example/" }],
    ["127.0.0.1:4566", { endpointUrl: "http://127.0.0.1:4566" }],
    ["[::1]:4566", { endpointUrl: "http://[::1]:4566" }],
    ["localhost:4566", { endpointUrl: "http://localhost:4566/" }],
  ])("is %s for %o", async (expected, sts) => {
    const profile = profileWith({}, sts);
    expect(stsEndpoint(profile.sts).host).toBe(expected);
    const { request } = await sentFor(profile);
    expect(new URL(request.url).host).toBe(expected);
  });

  it("keeps a custom endpoint's path", async () => {
    const { request } = await sentFor(profileWith({}, { endpointUrl: "https://gate.corp.example/aws/sts" }));
    expect(request.url).toBe("https://gate.corp.example/aws/sts/");
  });

  it.each<[string, Partial<StsSettings>]>([
    ["plain http beyond this machine", { endpointUrl: "http://sts.corp.example" }],
    ["another scheme", { endpointUrl: "ftp://127.0.0.1" }],
    ["no URL", { endpointUrl: "sts.corp.example" }],
    ["a password", { endpointUrl: "https://user:hunter2@sts.corp.example" }],
    ["a query", { endpointUrl: "https://sts.corp.example/?x" }],
    ["FIPS beside it", { endpointUrl: "https://sts.corp.example", useFips: true }],
    ["dual-stack beside it", { endpointUrl: "https://sts.corp.example", useDualstack: true }],
    ["a region that is another host", { region: "evil.example/" }],
    ["a region that is a wildcard", { region: "*" }],
    ["no region", { region: "" }],
  ])("is refused as configuration with %s", async (_, sts) => {
    const host = fakeHost([granted()]);
    const error = await errorOf(exchangeWebIdentity(profileWith({}, sts), assertionWith(), { host, deadlineMs: 1000 }));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).not.toContain("hunter2");
    expect(host.requests).toHaveLength(0);
  });
});

describe("STS's table of answers", () => {
  it.each<[string, number, string, string, number]>([
    ["IDPCommunicationError", 400, "could not reach", "UNREACHABLE", 4],
    ["InvalidIdentityToken", 400, "Couldn't retrieve verification key from your identity provider", "UNREACHABLE", 4],
    ["InvalidIdentityToken", 400, "No OpenIDConnect provider found in your account for x", "STS_REFUSED", 1],
    ["InvalidIdentityToken", 400, "Incorrect token audience", "STS_REFUSED", 1],
    ["ExpiredTokenException", 400, "Token must be redeemed", "STS_REFUSED", 1],
    ["IDPRejectedClaim", 403, "rejected", "STS_REFUSED", 1],
    ["AccessDenied", 403, "Not authorized to perform sts:AssumeRoleWithWebIdentity", "STS_REFUSED", 1],
    ["PackedPolicyTooLarge", 400, "too large", "CONFIG_INVALID", 1],
    ["MalformedPolicyDocument", 400, "bad", "CONFIG_INVALID", 1],
    ["RegionDisabledException", 403, "disabled", "CONFIG_INVALID", 1],
    ["ValidationError", 400, "exceeds the MaxSessionDuration set for this role", "CONFIG_INVALID", 1],
    ["Throttling", 400, "Rate exceeded", "THROTTLED", 6],
    ["ThrottlingException", 400, "Rate exceeded", "THROTTLED", 6],
    ["RequestLimitExceeded", 503, "slow down", "THROTTLED", 6],
    ["TooMany", 429, "slow down", "THROTTLED", 6],
    ["InternalFailure", 500, "oops", "UNREACHABLE", 5],
    ["BadGateway", 502, "oops", "UNREACHABLE", 5],
    ["ServiceUnavailable", 503, "oops", "UNREACHABLE", 5],
    ["GatewayTimeout", 504, "oops", "UNREACHABLE", 5],
    ["SomethingNew", 418, "teapot", "STS_REFUSED", 1],
  ])("%s (%i, %s) is %s after %i calls, with AWS's request id", async (code, status, message, expected, calls) => {
    const host = fakeHost([refused(status, code, message)]);
    const error = await errorOf(exchangeWebIdentity(profileWith(), assertionWith(), { host, deadlineMs: DEADLINE_MS }));
    expect(error.code).toBe(expected);
    expect(error.message).toMatch(/ \(request id 11112222-3333\)$/);
    expect(host.requests).toHaveLength(calls);
    expect(error instanceof AssertionExpired).toBe(code === "ExpiredTokenException");
  });

  it("finds the request id in the document when a proxy took the header", async () => {
    const response = refused(403, "AccessDenied", "no");
    const { "x-amzn-requestid": _, ...headers } = response.headers;
    const error = await errorFor({ ...response, headers });
    expect(error.message).toContain("(request id 11112222-3333)");
  });

  it("honours Retry-After, in seconds and as a date", async () => {
    for (const value of ["3", new Date(NOW_MS + 3_000).toUTCString()]) {
      const host = fakeHost([refused(503, "Throttling", "slow", { "retry-after": value }), granted()], { random: 0 });
      await exchangeWebIdentity(profileWith(), assertionWith(), { host, deadlineMs: DEADLINE_MS });
      expect(host.pausesMs).toEqual([3_000]);
    }
  });

  it("never quotes the token, even where STS does", async () => {
    const assertion = assertionWith();
    const token = assertion.token.reveal();
    for (const quote of [token, token.split(".")[1], `x${"Zm9v".repeat(40)}x`, token.slice(0, 60)]) {
      const host = fakeHost([refused(400, "ValidationError", `Value '${quote}' at 'webIdentityToken' failed`)]);
      const error = await errorOf(exchangeWebIdentity(profileWith(), assertion, { host, deadlineMs: DEADLINE_MS }));
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(String(quote));
      expect(host.debugged.join()).not.toContain(String(quote));
    }
  });

  it("escapes what STS says", async () => {
    const error = await errorFor(refused(400, "Odd&#27;[31m", "line&#10;two &#155;1m"));
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });
});

describe("an answer that is not STS's", () => {
  const BOMB = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa">]><ErrorResponse/>';
  const DEEP = `${"<a>".repeat(50_000)}${"</a>".repeat(50_000)}`;

  it.each<[string, HttpResponse, string]>([
    [
      "a captive portal's page",
      answer(200, "<!DOCTYPE html><html><body>Sign in", { "content-type": "text/html" }),
      "web page",
    ],
    ["XHTML", answer(200, '<?xml version="1.0"?>\n<html xmlns="x"></html>'), "web page"],
    ["a redirect", answer(302, "", { location: "https://portal.example/login?token=x" }), "to https://portal.example)"],
    ["nothing", answer(200, ""), "nothing"],
    ["JSON", answer(403, '{"message":"Forbidden"}'), "other than STS's XML"],
    ["an entity bomb", answer(400, BOMB), "other than STS's XML"],
    ["bottomless XML", answer(200, DEEP), "cannot be read"],
    ["bottomless XML for an error", answer(400, DEEP), "cannot be read"],
    ["half an answer", answer(200, "<AssumeRoleWithWebIdentityResponse><Assume"), "cannot be read"],
    ["XML of somebody else", answer(400, "<fault><reason>no</reason></fault>"), "cannot be read"],
  ])("is told in one line: %s", async (_, response, said) => {
    const error = await errorFor(response);
    expect(error.code).toBe("STS_INVALID_ANSWER");
    expect(error.message).toContain(said);
    expect(error.message).not.toContain("token=");
    expect(error.hint).toContain("HTTPS_PROXY");
  });

  it("is AWS's fault, not the IdP's, when the HTTP stack refuses it", async () => {
    const error = await errorFor(new BrokerError("IDP_INVALID_ANSWER", "the answer is too large"));
    expect(error.code).toBe("STS_INVALID_ANSWER");
  });

  it("hands on what the HTTP stack says about the network, after three tries", async () => {
    const host = fakeHost([new BrokerError("UNREACHABLE", "sts refuses connections")]);
    const error = await errorOf(exchangeWebIdentity(profileWith(), assertionWith(), { host, deadlineMs: DEADLINE_MS }));
    expect(error.message).toBe("sts refuses connections");
    expect(host.requests).toHaveLength(3);
  });

  it("leaves a bug of ours a bug", async () => {
    const host = fakeHost([new TypeError("x is not a function")]);
    await expect(
      exchangeWebIdentity(profileWith(), assertionWith(), { host, deadlineMs: DEADLINE_MS }),
    ).rejects.toThrow(TypeError);
  });
});

describe("credentials from STS", () => {
  it.each<[string, Parameters<typeof granted>[0]]>([
    ["no AccessKeyId", { AccessKeyId: "" }],
    ["no SecretAccessKey", { SecretAccessKey: "" }],
    ["no SessionToken", { SessionToken: "" }],
    ["no Expiration", { Expiration: "" }],
    ["no AssumedRoleUser Arn", { Arn: "" }],
    ["an unusable AccessKeyId", { AccessKeyId: "ASIA&#10;export X=1" }],
    ["an unusable SecretAccessKey", { SecretAccessKey: "a&#0;b" }],
    ["an unusable SessionToken", { SessionToken: "a b" }],
    ["an unusable AssumedRoleUser Arn", { Arn: "arn:&#27;[2J" }],
    ["cannot be right", { Expiration: "2026-07-01T11:00:00Z" }],
    ["cannot be right", { Expiration: "2036-07-01T12:00:00Z" }],
  ])("are refused when there is %s (%o)", async (said, fields) => {
    const error = await errorFor(granted(fields));
    expect(error.code).toBe("STS_INVALID_ANSWER");
    expect(error.message).toContain(said);
    expect(error.message).not.toContain("export");
  });

  it.each(["soon", "9e99"])("are refused when they expire %s", async (Expiration) => {
    expect((await errorFor(granted({ Expiration }))).code).toBe("STS_INVALID_ANSWER");
  });

  it("are judged by AWS's clock, and the machine's is named when tools would take them for expired", async () => {
    const behind = fakeHost([granted({ Expiration: "2026-07-01T12:30:00Z" })], { skewMs: 600_000 });
    const options = { host: behind, deadlineMs: DEADLINE_MS };
    expect((await exchangeWebIdentity(profileWith(), assertionWith(), options)).expiresAtMs).toBe(NOW_MS + 1_800_000);

    const ahead = fakeHost([granted({ Expiration: "2026-07-01T11:30:00Z" })], { skewMs: -5_400_000 });
    const error = await errorOf(
      exchangeWebIdentity(profileWith(), assertionWith(), { host: ahead, deadlineMs: DEADLINE_MS }),
    );
    expect(error.message).toContain("this machine's clock is 90 min ahead of AWS's");
  });

  it("may have a session token of any length", async () => {
    const SessionToken = "T".repeat(12_000);
    const host = fakeHost([granted({ SessionToken })]);
    const credentials = await exchangeWebIdentity(profileWith(), assertionWith(), { host, deadlineMs: DEADLINE_MS });
    expect(credentials.sessionToken.reveal()).toHaveLength(12_000);
  });
});

async function sentFor(profile: ReturnType<typeof profileWith>) {
  const host = fakeHost([granted()]);
  await exchangeWebIdentity(profile, assertionWith(), { host, deadlineMs: DEADLINE_MS });
  const [request] = host.requests;
  if (request === undefined) throw new Error("nothing was sent");
  return { request, form: Object.fromEntries(new URLSearchParams(String(request.body))) };
}

function errorFor(play: HttpResponse | Error): Promise<BrokerError> {
  const host = fakeHost([play]);
  return errorOf(exchangeWebIdentity(profileWith(), assertionWith(), { host, deadlineMs: DEADLINE_MS }));
}

async function errorOf(run: Promise<unknown>): Promise<BrokerError> {
  try {
    await run;
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
