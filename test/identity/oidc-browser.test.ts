import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { TomlTable } from "../../src/core/types.ts";
import type { LoopbackAnswer } from "../../src/host/host.ts";
import type { Presenter } from "../../src/identity/presenter.ts";
import { identitySource } from "../../src/identity/registry.ts";
import type { OidcProof } from "../../src/identity/source.ts";
import { type FakeHost, type FakeHostOptions, fakeMachine, json } from "../support/fake-host.ts";
import { fakeProvider, IDENTITY, ISSUER } from "../support/fake-provider.ts";
import { testPresenter } from "../support/presenter.ts";
import { claims } from "./helpers.ts";

const DEVICE = { device_authorization_endpoint: `${ISSUER}/device` };
const SSH = { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22" };

function world(metadata: Record<string, unknown> = {}, options: FakeHostOptions = {}) {
  const host = fakeMachine(Date.now()).host(options);
  return { host, provider: fakeProvider(host, metadata) };
}

function acquire(
  host: FakeHost,
  presenter: Presenter | undefined,
  table: TomlTable = {},
  signal = new AbortController().signal,
): Promise<OidcProof> {
  const source = identitySource("oidc-browser");
  const context = { host, signal, presenter, loginHint: "sts-broker login --profile billing" };
  return source?.acquire(source.parse({ ...IDENTITY, ...table }), context) as Promise<OidcProof>;
}

/** A browser that comes back with what the test makes of the request; the last page is kept. */
function comingBack(host: FakeHost, answer: (asked: URLSearchParams) => Record<string, string>) {
  const seen: { asked: URLSearchParams; page: Promise<LoopbackAnswer> | undefined } = {
    asked: new URLSearchParams(),
    page: undefined,
  };
  const presenter = testPresenter({
    openPage: (url) => {
      seen.asked = new URL(url).searchParams;
      const redirect = new URL(seen.asked.get("redirect_uri") ?? "");
      redirect.search = new URLSearchParams(answer(seen.asked)).toString();
      seen.page = host.listeners.hit(redirect.pathname + redirect.search);
      return "opened";
    },
  });
  return Object.assign(seen, { presenter });
}

const good = (asked: URLSearchParams): Record<string, string> => ({ code: "abc", state: asked.get("state") ?? "" });

describe("a login in the browser", () => {
  it("sends state, nonce and an S256 challenge, and redeems the code with their verifier", async () => {
    const { host, provider } = world();
    const browser = comingBack(host, good);
    provider.onToken(() => provider.tokens({ nonce: browser.asked.get("nonce") }));
    const proof = await acquire(host, browser.presenter);
    const { asked } = browser;
    expect(Object.fromEntries(asked)).toMatchObject({
      response_type: "code",
      client_id: "people",
      scope: "openid",
      code_challenge_method: "S256",
    });
    expect(asked.get("redirect_uri")).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    expect((asked.get("state") ?? "").length).toBeGreaterThanOrEqual(32);
    const [form] = provider.redeemed;
    const verifier = form?.get("code_verifier") ?? "";
    expect(createHash("sha256").update(verifier).digest("base64url")).toBe(asked.get("code_challenge"));
    expect(form?.get("redirect_uri")).toBe(asked.get("redirect_uri"));
    expect(claims(proof.token)).toMatchObject({ sub: "ana" });
    expect(proof.refreshToken?.reveal()).toBe("R1");
    expect(await browser.page).toMatchObject({ status: 200 });
    expect(host.listeners.places).toEqual([]);
  });

  it("starts no token request for another login's state, and waits on", async () => {
    const { host, provider } = world();
    const browser = comingBack(host, () => ({ code: "stolen", state: "somebody-else" }));
    const ends = new AbortController();
    const work = acquire(host, browser.presenter, {}, ends.signal);
    await expect.poll(() => browser.page).toBeDefined();
    expect((await browser.page)?.body).toContain("not the login that is waited for");
    expect(provider.redeemed).toEqual([]);
    ends.abort();
    await expect(work).rejects.toMatchObject({ code: "TIMEOUT" });
    expect(host.listeners.places).toEqual([]);
  });

  it.each([
    ["an id_token for another nonce", { nonce: "another" }, {}, "IDP_INVALID_ANSWER"],
    ["an id_token without the nonce", {}, {}, "IDP_INVALID_ANSWER"],
    ["an id_token of another issuer", { iss: "https://evil.example" }, {}, "IDP_INVALID_ANSWER"],
    ["an id_token for another client", { aud: "another" }, {}, "IDP_INVALID_ANSWER"],
    ["no id_token", {}, { id_token: undefined }, "IDP_INVALID_ANSWER"],
  ])("refuses %s, in the browser too", async (name, wrong, members, code) => {
    const { host, provider } = world();
    const browser = comingBack(host, good);
    const right = name.includes("nonce") ? {} : { nonce: "" };
    provider.onToken(() =>
      provider.tokens(
        { ...(right.nonce === undefined ? {} : { nonce: browser.asked.get("nonce") }), ...wrong },
        members,
      ),
    );
    await expect(acquire(host, browser.presenter)).rejects.toMatchObject({ code });
    expect((await browser.page)?.status).toBe(403);
  });

  it("sends no code that another issuer answers for (RFC 9207)", async () => {
    const { host, provider } = world({ authorization_response_iss_parameter_supported: true });
    const browser = comingBack(host, (asked) => ({ ...good(asked), iss: "https://evil.example" }));
    await expect(acquire(host, browser.presenter)).rejects.toMatchObject({
      code: "IDP_INVALID_ANSWER",
      message: expect.stringContaining("another issuer (iss)"),
    });
    expect(provider.redeemed).toEqual([]);
  });

  it("tells a denial by the provider's words, and no escape sequence leaves", async () => {
    const { host, provider } = world();
    const browser = comingBack(host, (asked) => ({
      error: "access_denied",
      error_description: "\u001b]0;pwned\u0007not <b>you</b>",
      state: asked.get("state") ?? "",
    }));
    const error = await acquire(host, browser.presenter).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "IDP_REFUSED", exitCode: 4 });
    expect(error.message).toMatch(/not <b>you<\/b>/);
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
    const page = await browser.page;
    expect(page?.body).toContain("not &lt;b&gt;you&lt;/b&gt;");
    expect(page?.body).not.toMatch(/[\u0000-\u0008\u001b]/);
    expect(provider.redeemed).toEqual([]);
  });

  it("says whose fault it is when the provider takes the verifier for another's", async () => {
    const { host, provider } = world();
    const browser = comingBack(host, good);
    provider.onToken(() => json({ error: "invalid_grant", error_description: "PKCE verification failed" }, 400));
    await expect(acquire(host, browser.presenter)).rejects.toMatchObject({
      code: "IDP_REFUSED",
      message: expect.stringContaining("PKCE verification failed"),
    });
  });

  it("gives the launcher an address that leads to the provider once, and ends when it is asked for again", async () => {
    const { host, provider } = world();
    const given: { url: string; start: string }[] = [];
    const presenter = testPresenter({
      openPage: (url, start = "") => {
        given.push({ url, start });
        return "opened";
      },
    });
    const work = acquire(host, presenter);
    const failed = expect(work).rejects.toMatchObject({
      code: "LOGIN_REQUIRED",
      message: expect.stringContaining("somebody else opened this login's page"),
    });
    await expect.poll(() => presenter.lines.at(-1)).toMatch(/waiting/);
    const [{ url, start } = { url: "", start: "" }] = given;
    expect(start).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}$/);
    const { pathname } = new URL(start);
    expect((await host.listeners.hit(pathname, { host: "evil.example" })).status).toBe(400);
    expect((await host.listeners.hit(pathname, { method: "HEAD" })).status).toBe(404);
    expect(await host.listeners.hit(pathname)).toEqual({
      status: 303,
      headers: { location: url, "cache-control": "no-store", "referrer-policy": "no-referrer" },
      body: "",
    });
    expect((await host.listeners.hit(pathname)).status).toBe(410);
    await failed;
    expect(provider.redeemed).toEqual([]);
    expect(host.listeners.places).toEqual([]);
  });

  it("does not hand on a code that the provider quotes, on the page either", async () => {
    const { host, provider } = world();
    const browser = comingBack(host, (asked) => ({ ...good(asked), code: "ac/9+d4 e2" }));
    provider.onToken(() =>
      json({ error: "invalid_grant", error_description: "no code ac/9+d4 e2 (ac%2F9%2Bd4%20e2)" }, 400),
    );
    const error = await acquire(host, browser.presenter).catch((thrown) => thrown);
    expect(error.message).toContain("no code [secret] ([secret])");
    expect((await browser.page)?.body).not.toMatch(/d4/);
  });

  it("ends when the person has not come back in time, and listens no more", async () => {
    const { host } = world();
    const ends = new AbortController();
    const work = acquire(host, testPresenter({ openPage: () => "opened" }), {}, ends.signal);
    await expect.poll(() => host.listeners.places.length).toBe(1);
    ends.abort();
    await expect(work).rejects.toMatchObject({
      code: "TIMEOUT",
      message: "nobody came back from idp.corp.example in time",
    });
    expect(host.listeners.places).toEqual([]);
  });

  it("uses the redirect URI that is registered", async () => {
    const { host, provider } = world();
    const browser = comingBack(host, (asked) => good(asked));
    provider.onToken(() => provider.tokens({ nonce: browser.asked.get("nonce") }));
    const hit = host.listeners.hit.bind(host.listeners);
    host.listeners.hit = (target) => hit(target, { host: "localhost:8400" });
    await acquire(host, browser.presenter, { redirect_uri: "http://localhost:8400/aws" });
    expect(browser.asked.get("redirect_uri")).toBe("http://localhost:8400/aws");
  });

  it.each([
    "https://127.0.0.1/callback",
    "http://192.0.2.1/callback",
    "http://127.0.0.2/callback",
    "http://127.0.0.1/callback?x=1",
  ])("does not listen for %s", (redirect_uri) => {
    const source = identitySource("oidc-browser");
    expect(() => source?.parse({ ...IDENTITY, redirect_uri })).toThrow("redirect_uri has to lead to this machine");
  });
});

describe("a login in the browser where there is none", () => {
  const deviceRoutes = (host: FakeHost): void =>
    host.routes.on("POST", `${ISSUER}/device`, () =>
      json({ device_code: "D", user_code: "WDJB-MJHT", verification_uri: `${ISSUER}/d`, expires_in: 300, interval: 1 }),
    );

  it.each([
    ["over SSH", { env: SSH }, "opened"],
    ["where no browser can be opened", {}, "shown"],
  ] as const)("becomes a code %s when the provider offers it", async (_, options, shown) => {
    const { host } = world(DEVICE, options);
    deviceRoutes(host);
    const presenter = testPresenter({ openPage: () => shown });
    const proof = await host.clock.run(acquire(host, presenter));
    expect(claims(proof.token)).toMatchObject({ sub: "ana" });
    expect(presenter.codes.map(({ userCode }) => userCode)).toEqual(["WDJB-MJHT"]);
    expect(presenter.pages).toHaveLength(shown === "shown" ? 1 : 0);
    expect(host.listeners.places).toEqual([]);
  });

  it.each([
    ["the provider offers none", {}, {}],
    ["the configuration forbids it", DEVICE, { device_fallback: false }],
  ])("shows the address and how to forward the port when %s", async (_, metadata, table) => {
    const { host, provider } = world(metadata, { env: SSH });
    const browser = comingBack(host, good);
    provider.onToken(() => provider.tokens({ nonce: browser.asked.get("nonce") }));
    await acquire(host, browser.presenter, table);
    const port = new URL(browser.asked.get("redirect_uri") ?? "").port;
    expect(browser.presenter.lines.join("\n")).toContain(`ssh -L ${port}:127.0.0.1:${port} web1.corp.example`);
  });

  it("opens the browser of a forwarded display", async () => {
    const { host, provider } = world(DEVICE, { env: { ...SSH, DISPLAY: "localhost:10.0" } });
    const browser = comingBack(host, good);
    provider.onToken(() => provider.tokens({ nonce: browser.asked.get("nonce") }));
    await acquire(host, browser.presenter);
    expect(browser.presenter.pages).toHaveLength(1);
  });
});

describe("without a person", () => {
  it("says that somebody has to log in, and how, without asking the provider", async () => {
    const { host } = world();
    await expect(acquire(host, undefined)).rejects.toMatchObject({
      code: "LOGIN_REQUIRED",
      exitCode: 3,
      message: "nobody is logged in at https://idp.corp.example",
      hint: "sts-broker login --profile billing",
    });
    expect(host.routes.requests).toEqual([]);
  });
});
