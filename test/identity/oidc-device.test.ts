import { describe, expect, it } from "vitest";
import { identitySource } from "../../src/identity/registry.ts";
import type { OidcProof } from "../../src/identity/source.ts";
import { type FakeHost, fakeMachine, json } from "../support/fake-host.ts";
import { fakeProvider, IDENTITY, ISSUER } from "../support/fake-provider.ts";
import { type TestPresenter, testPresenter } from "../support/presenter.ts";
import { claims } from "./helpers.ts";

const S = 1000;
const pending = (error = "authorization_pending") => json({ error }, 400);

function world(begun: Record<string, unknown> = {}) {
  const host = fakeMachine(Date.now()).host();
  const provider = fakeProvider(host, { device_authorization_endpoint: `${ISSUER}/device` });
  host.routes.on("POST", `${ISSUER}/device`, () =>
    json({
      device_code: "D",
      user_code: "WDJB-MJHT",
      verification_uri: "https://idp.corp.example/device",
      expires_in: 300,
      ...begun,
    }),
  );
  /** When the token endpoint was asked, in seconds from the start. */
  const askedAt: number[] = [];
  const startMs = host.clock.monotonicMs();
  const answers = (...all: (() => ReturnType<typeof json>)[]): void =>
    provider.onToken(() => {
      askedAt.push(Math.round((host.clock.monotonicMs() - startMs) / S));
      return (all.shift() ?? (() => provider.tokens()))();
    });
  answers();
  return { host, provider, askedAt, answers };
}

function acquire(
  host: FakeHost,
  presenter: TestPresenter = testPresenter(),
  signal = new AbortController().signal,
): Promise<OidcProof> {
  const source = identitySource("oidc-device");
  const context = { host, signal, presenter, loginHint: "sts-broker login --profile billing" };
  return host.clock.run(source?.acquire(source.parse({ ...IDENTITY }), context) as Promise<OidcProof>);
}

describe("a login with a code", () => {
  it("shows the code, its address and its end, and asks every five seconds", async () => {
    const { host, answers, askedAt } = world({
      verification_uri_complete: "https://idp.corp.example/device?code=WDJB-MJHT",
    });
    answers(pending, pending);
    const presenter = testPresenter();
    const shownMs = host.clock.nowMs();
    const proof = await acquire(host, presenter);
    expect(presenter.codes).toEqual([
      {
        userCode: "WDJB-MJHT",
        verificationUrl: "https://idp.corp.example/device",
        completeUrl: "https://idp.corp.example/device?code=WDJB-MJHT",
        expiresAtMs: shownMs + 300 * S,
      },
    ]);
    expect(askedAt).toEqual([5, 10, 15]);
    expect(claims(proof.token)).toMatchObject({ sub: "ana" });
    expect(proof.refreshToken?.reveal()).toBe("R3");
  });

  it.each([0.001, 0.5])("asks no more than once a second, though the interval is %d", async (interval) => {
    const { host, answers, askedAt } = world({ interval });
    answers(pending, pending);
    await acquire(host);
    expect(askedAt).toEqual([1, 2, 3]);
  });

  it("waits half an hour at most, however long the code is said to live", async () => {
    const { host, answers } = world({ expires_in: 1e300, interval: 60 });
    answers(...Array.from({ length: 40 }, () => pending));
    const presenter = testPresenter();
    const startMs = host.clock.nowMs();
    await expect(acquire(host, presenter)).rejects.toMatchObject({ code: "LOGIN_REQUIRED" });
    expect(presenter.codes.map(({ expiresAtMs }) => expiresAtMs)).toEqual([startMs + 1800 * S]);
  });

  it("does not hand on a device code that the provider quotes", async () => {
    const { host, answers } = world({ device_code: "dc-6f1e0b" });
    answers(() => json({ error: "invalid_request", error_description: `${"x".repeat(190)} dc-6f1e0b` }, 400));
    const error = await acquire(host).catch((thrown) => thrown);
    expect(error.message).toContain("xxx [secret]");
    expect(error.message).not.toContain("dc-6");
  });

  it("asks at the provider's own interval", async () => {
    const { host, answers, askedAt } = world({ interval: 2 });
    answers(pending);
    await acquire(host);
    expect(askedAt).toEqual([2, 4]);
  });

  it("slows down for good when it is told to", async () => {
    const { host, answers, askedAt } = world();
    answers(
      pending,
      () => pending("slow_down"),
      pending,
      () => pending("slow_down"),
      pending,
    );
    await acquire(host);
    expect(askedAt).toEqual([5, 10, 20, 30, 45, 60]);
  });

  it("goes on after the provider did not answer for a moment, less often", async () => {
    const { host, answers, askedAt } = world();
    answers(() => json({}, 500), pending);
    await acquire(host);
    expect(askedAt).toEqual([5, 15, 25]);
  });

  it.each([
    ["the provider says so", [() => pending("expired_token")], 300],
    ["its own time is over", [], 4],
  ])("is over when the code has ended: %s", async (_, all, expires_in) => {
    const { host, answers } = world({ expires_in });
    answers(...all);
    await expect(acquire(host)).rejects.toMatchObject({
      code: "LOGIN_REQUIRED",
      message: "the code of https://idp.corp.example ended before anybody had typed it",
      hint: "sts-broker login --profile billing",
    });
  });

  it("is refused when the person says no", async () => {
    const { host, answers } = world();
    answers(pending, () => json({ error: "access_denied", error_description: "no \u001b[31mway" }, 400));
    const error = await acquire(host).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "IDP_REFUSED", exitCode: 4 });
    expect(error.message).toContain("no [31mway");
  });

  it("ends at once when it is interrupted", async () => {
    const { host, provider } = world();
    const ends = new AbortController();
    const presenter = testPresenter({ showCode: () => ends.abort() });
    await expect(acquire(host, presenter, ends.signal)).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(provider.redeemed).toEqual([]);
  });

  it.each([
    "http://idp.corp.example/device",
    "javascript:alert(1)",
    "file:///etc/passwd",
    "https://ana:secret@idp.corp.example/",
    "not a URL",
  ])("sends nobody to %s", async (verification_uri) => {
    const { host } = world({ verification_uri });
    const presenter = testPresenter();
    await expect(acquire(host, presenter)).rejects.toMatchObject({ code: "IDP_INVALID_ANSWER" });
    expect(presenter.codes).toEqual([]);
  });

  it("refuses an unsafe address with the code in it, too", async () => {
    const { host } = world({ verification_uri_complete: "http://evil.example/?code=WDJB-MJHT" });
    await expect(acquire(host)).rejects.toMatchObject({ code: "IDP_INVALID_ANSWER" });
  });

  it("names the other way where the provider has no codes", async () => {
    const host = fakeMachine(Date.now()).host();
    fakeProvider(host);
    await expect(acquire(host)).rejects.toMatchObject({
      code: "IDP_REFUSED",
      hint: expect.stringContaining("oidc-browser"),
    });
  });
});
