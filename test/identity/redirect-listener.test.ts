import { describe, expect, it } from "vitest";
import { listenForRedirect } from "../../src/identity/lib/redirect-listener.ts";
import { redirectPage } from "../../src/identity/lib/redirect-page.ts";
import { fakeHost } from "../support/fake-host.ts";

const URI = "http://127.0.0.1/callback";

async function listening(redirectUri = URI) {
  const host = fakeHost();
  const listener = await listenForRedirect(host, redirectUri);
  return { host, listener, hit: host.listeners.hit.bind(host.listeners) };
}

describe("the listener for the redirect", () => {
  it("takes the one with the right state, and shows its browser what became of it", async () => {
    const { listener, hit } = await listening();
    expect(listener.redirectUri).toBe(`http://127.0.0.1:${listener.port}/callback`);
    const arrival = listener.redirected("S1");
    const page = hit("/callback?code=abc&state=S1");
    const { url, welcome } = await arrival;
    expect(url.href).toBe(`${listener.redirectUri}?code=abc&state=S1`);
    welcome();
    expect(await page).toMatchObject({ status: 200, body: expect.stringContaining("You are signed in") });
  });

  it("takes exactly one: a second one finds the login over", async () => {
    const { listener, hit } = await listening();
    const arrival = listener.redirected("S1");
    const first = hit("/callback?code=abc&state=S1");
    expect(await hit("/callback?code=abc&state=S1")).toMatchObject({ status: 410 });
    (await arrival).welcome();
    expect((await first).status).toBe(200);
    expect((await hit("/callback?code=abc&state=S1")).body).toContain("This login is over");
  });

  it.each([
    ["no state", "/callback?code=abc"],
    ["another login's state", "/callback?code=abc&state=S2"],
    ["two states", "/callback?code=abc&state=S1&state=S2"],
    ["the right state doubled", "/callback?code=abc&state=S1&state=S1"],
    ["a state that only begins right", "/callback?code=abc&state=S11"],
  ])("says so to a redirect with %s, and goes on waiting", async (_, target) => {
    const { listener, hit } = await listening();
    let taken = false;
    const arrival = listener.redirected("S1").then((redirected) => {
      taken = true;
      return redirected;
    });
    const page = await hit(target);
    expect(page).toMatchObject({ status: 400, body: expect.stringContaining("not the login that is waited for") });
    expect(taken).toBe(false);
    const right = hit("/callback?code=abc&state=S1");
    (await arrival).welcome();
    expect((await right).status).toBe(200);
  });

  it.each([
    ["a favicon", "/favicon.ico", "GET", "", 404],
    ["a look-alike path", "/callback/?code=abc&state=S1", "GET", "", 404],
    ["a POST", "/callback?code=abc&state=S1", "POST", "", 405],
    ["a HEAD", "/callback?code=abc&state=S1", "HEAD", "", 200],
    ["a name that leads here", "/callback?code=abc&state=S1", "GET", "attacker.example:40001", 400],
    [
      "localhost, which is not what the provider was told",
      "/callback?code=abc&state=S1",
      "GET",
      "localhost:40001",
      400,
    ],
    ["the address without its port", "/callback?code=abc&state=S1", "GET", "127.0.0.1", 400],
    ["no Host at all", "/callback?code=abc&state=S1", "GET", " ", 400],
    ["a proxy's absolute target", "http://127.0.0.1:40001/callback?code=abc&state=S1", "GET", "", 400],
    ["another host in the path", "//attacker.example/callback?code=abc&state=S1", "GET", "", 400],
  ])("is not ended by %s", async (_, target, method, host, status) => {
    const { listener, hit } = await listening();
    const arrival = listener.redirected("S1");
    expect((await hit(target, { method, host })).status).toBe(status);
    const right = hit("/callback?code=abc&state=S1");
    (await arrival).welcome();
    expect((await right).status).toBe(200);
  });

  it("answers 410 before a login waits for it", async () => {
    const { hit } = await listening();
    expect((await hit("/callback?code=abc&state=S1")).status).toBe(410);
  });

  it("listens on the port that the redirect URI names, and says whose fault a taken one is", async () => {
    const { listener, host } = await listening("http://localhost:8400/aws");
    expect([listener.redirectUri, host.listeners.places]).toEqual(["http://localhost:8400/aws", ["127.0.0.1:8400"]]);
    await expect(listenForRedirect(host, "http://127.0.0.1:8400/callback")).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: "the redirect cannot be listened for on 127.0.0.1:8400 (EADDRINUSE)",
    });
    await listener.close();
    expect(host.listeners.places).toEqual([]);
  });

  it("listens on IPv6 where the redirect URI says so", async () => {
    const { listener, host } = await listening("http://[::1]:8401/callback");
    expect(host.listeners.places).toEqual(["[::1]:8401"]);
    expect(listener.redirectUri).toBe("http://[::1]:8401/callback");
  });
});

describe("the page that the browser ends on", () => {
  const page = redirectPage({ status: 403, tone: "bad", title: "No", text: `<img src=x onerror="alert('1')">&` });

  it("escapes what the provider said", () => {
    expect(page.body).toContain("&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;");
    expect(page.body).not.toContain("<img");
  });

  it("loads, runs, keeps and tells nothing", () => {
    expect(page.headers).toMatchObject({
      "content-security-policy": expect.stringMatching(/^default-src 'none'; style-src 'unsafe-inline';/),
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    expect(page.body).not.toMatch(/<script|https?:|url\(|@import|<link|<img/);
  });

  it("suits dark rooms, and says that it may be closed", () => {
    expect(page.body).toContain("prefers-color-scheme: dark");
    expect(page.body).toContain("You may close this tab");
  });
});
