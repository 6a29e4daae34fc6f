/** The whole exchange over real sockets: a real provider's token, our HTTP stack, the SDK, and an STS that verifies. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { toOidcAssertion } from "../../src/assertion/jwt.ts";
import { BrokerError } from "../../src/core/errors.ts";
import type { Profile } from "../../src/core/types.ts";
import { AssertionExpired } from "../../src/exchange/judge.ts";
import type { ExchangeOptions } from "../../src/exchange/sts-call.ts";
import { exchangeWebIdentity } from "../../src/exchange/web-identity.ts";
import { clock } from "../../src/host/clock.ts";
import { crypto } from "../../src/host/crypto.ts";
import { realHttp } from "../../src/host/http/request.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { profileWith } from "./fixtures.ts";

const AUDIENCE = "sts.amazonaws.com";
const log = { enabled: false, debug: () => {}, warn: () => {} };
let world: OidcWorld;
let http: ReturnType<typeof realHttp>;

beforeAll(async () => {
  world = await startOidcWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  world.reset();
  http = realHttp({}, clock, log);
  return () => http.close();
});

describe("an exchange with the simulated STS", () => {
  it("redeems a real provider's token, in one unsigned call", async () => {
    const before = world.sts.count();
    const credentials = await exchange({ durationSeconds: 900 });
    expect(credentials.accessKeyId).toMatch(/^ASIA/);
    expect(credentials.assumedRoleArn).toBe("arn:aws:sts::123456789012:assumed-role/billing/ana@web1");
    expect(Math.abs(credentials.expiresAtMs - Date.now() - 900_000)).toBeLessThan(5_000);
    expect(world.sts.count() - before).toBe(1);
    expect(world.sts.calls.at(-1)).toMatchObject({ authorized: false, code: "OK" });
    expect(world.sts.calls.at(-1)?.userAgent).toContain("sts-broker");
  });

  it("says that a role of another case does not exist or does not trust", async () => {
    const error = await refusal({ arn: world.roleArn.replace("billing", "Billing") });
    expect(error).toMatchObject({ code: "STS_REFUSED", exitCode: 4 });
    expect(error.message).toContain("upper and lower case count");
  });

  it("shows the subject when the trust policy wants another", async () => {
    world.trust(world.allow({ StringEquals: { [`${world.issuerName}:sub`]: "somebody-else" } }));
    const error = await refusal();
    expect(error.message).toContain(`${world.issuerName}:sub = "${world.op.clients.secretPost.clientId}"`);
  });

  it("shows azp, not aud, as the audience that the provider does not list", async () => {
    world.op.token.azp = "billing-batch";
    const error = await refusal();
    expect(error.message).toContain(`"billing-batch" (its azp: AWS reads azp before aud, and aud is "${AUDIENCE}")`);
    expect(error.hint).toMatch(/^aws iam add-client-id-to-open-id-connect-provider .* --client-id billing-batch$/);
  });

  it("says that the account has no provider for the issuer", async () => {
    world.sts.account.providers.splice(0);
    expect((await refusal()).hint).toContain(`create-open-id-connect-provider --url ${world.op.issuer} `);
  });

  it("names sts:TagSession for a token with session tags", async () => {
    world.op.token.claims = { "https://aws.amazon.com/tags": { principal_tags: { team: ["billing"] } } };
    expect((await refusal()).message).toContain("sts:TagSession");
  });

  it("calls a duration above the role's a fault of the configuration", async () => {
    expect(await refusal({ durationSeconds: 10_800 })).toMatchObject({ code: "CONFIG_INVALID", exitCode: 2 });
  });

  it.each(["InvalidIdentityToken", "IDPCommunicationError"] as const)(
    "asks four times while AWS cannot reach the issuer (%s)",
    async (failureCode) => {
      world.sts.account.issuers.failureCode = failureCode;
      const token = await world.fetchToken(AUDIENCE);
      world.op.faults.always("*", { kind: "reset" });
      const before = world.sts.count();
      const error = await errorOf(exchange({}, token));
      expect(error).toMatchObject({ code: "UNREACHABLE", exitCode: 5 });
      expect(world.sts.count() - before).toBe(4);
    },
  );

  it("outlasts throttling, errors and broken connections", async () => {
    world.sts.throttle(2);
    world.sts.status(503, { times: 1 });
    world.sts.cut({ times: 1 });
    expect((await exchange()).accessKeyId).toMatch(/^ASIA/);
  });

  it("does not wait for a Retry-After past the deadline", async () => {
    world.sts.throttle(1, { retryAfterSeconds: 60 });
    const startedMs = Date.now();
    const error = await errorOf(exchange({}, undefined, 5_000));
    expect(error).toMatchObject({ code: "THROTTLED", exitCode: 5 });
    expect(error.message).toContain("asks to wait 60 s");
    expect(Date.now() - startedMs).toBeLessThan(2_000);
  });

  it("keeps its deadline when STS never answers", async () => {
    world.sts.stall();
    const startedMs = Date.now();
    const error = await errorOf(exchange({}, undefined, 700));
    expect(error).toMatchObject({ code: "TIMEOUT", exitCode: 5 });
    expect(Date.now() - startedMs).toBeLessThan(1_500);
  });

  it("takes a web page for a proxy's", async () => {
    world.sts.html();
    expect(await refusal()).toMatchObject({ code: "STS_INVALID_ANSWER", exitCode: 5 });
  });

  it("asks for a new token when STS takes this one for expired, and names the clock", async () => {
    world.sts.setDateSkewMs(1_200_000);
    const error = await refusal();
    expect(error).toBeInstanceOf(AssertionExpired);
    expect(error.message).toContain("this machine's clock is 20 min behind AWS's");
  });
});

async function exchange(role: Partial<Profile["role"]> = {}, token?: string, withinMs = 20_000) {
  const profile = profileWith({ arn: world.roleArn, ...role }, { endpointUrl: world.sts.url });
  const assertion = toOidcAssertion(token ?? (await world.fetchToken(AUDIENCE)), Date.now());
  const host: ExchangeOptions["host"] = { http, clock, crypto, log };
  return exchangeWebIdentity(profile, assertion, { host, deadlineMs: clock.monotonicMs() + withinMs });
}

function refusal(role: Partial<Profile["role"]> = {}): Promise<BrokerError> {
  return errorOf(exchange(role));
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
