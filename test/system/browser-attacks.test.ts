// What others may try while a login waits for its browser: strangers' pages, answers of other logins, a provider that means harm.

import { afterAll, beforeAll, expect, it } from "vitest";
import { type ListeningServer, listen } from "../support/listening-server.ts";
import { BROWSER_PROGRAMS, browserTest, isWaitedFor, signIn } from "./browser-test.ts";
import { STRANGER } from "./servers/chromium.ts";
import { describeSystem } from "./servers/requirements.ts";

describeSystem("a login in a real browser, under attack", BROWSER_PROGRAMS, () => {
  const browser = browserTest();
  /** The web site of a stranger. */
  let stranger: ListeningServer;
  beforeAll(async () => {
    stranger = await listen((_, response) =>
      response.setHeader("content-type", "text/html").end("<title>A stranger</title>"),
    );
  });
  afterAll(() => stranger?.close());

  it("is used once: another browser, a reload and the way back redeem nothing", async () => {
    let release = (): void => {};
    const until = new Promise<void>((resolve) => {
      release = resolve;
    });
    browser.world.op.faults.next("/token", { kind: "hold", until });
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    const redirect = page.waitForRequest((request) => request.url().startsWith(waiting.callback.href));
    await signIn(page, waiting.address);
    await waiting.login.until(/fetching the token/);
    // In the same browser Chromium would wait for the first answer itself.
    const beside = await browser.chromium.window();
    await beside.goto((await redirect).url());
    await beside.getByRole("heading", { name: "This login is over" }).waitFor();
    release();
    await browser.expectSignedIn(page, waiting);
    expect(await isWaitedFor(waiting)).toBe(false);
    expect(await page.reload().catch(String)).toMatch(/ERR_CONNECTION_REFUSED/);
    await page.goBack().catch(() => {});
    await page.goForward().catch(() => {});
    expect(browser.redeemed()).toBe(1);
  });

  it("takes no redirect of another login that a stranger's page opens", async () => {
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    for (const query of ["?code=evil&state=evil", "?code=evil", `?code=evil&state=${waiting.state}&state=evil`, ""]) {
      await page.goto(`http://${STRANGER}:${stranger.port}/`);
      const answer = page.waitForResponse((response) => response.url().startsWith(waiting.callback.href));
      await page.evaluate((url) => location.assign(url), `${waiting.callback}${query}`);
      expect((await answer).status()).toBe(400);
      await page.getByRole("heading", { name: "This is not the login that is waited for" }).waitFor();
    }
    expect(browser.redeemed()).toBe(0);
    await signIn(page, waiting.address);
    await browser.expectSignedIn(page, waiting);
  });

  it("says nothing to a stranger's page that asks, frames or embeds it, and still waits for its own", async () => {
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    await page.goto(`http://${STRANGER}:${stranger.port}/`);
    const { origin } = waiting.callback;
    const seen = await page.evaluate(PRY, `${waiting.callback}?code=evil&state=evil`);
    expect(seen).toEqual({ cors: "TypeError", posted: "TypeError", opaque: "opaque", image: "error" });
    await expect.poll(() => page.frames()[1]?.url(), { timeout: 10_000 }).toMatch(/^chrome-error:/);
    expect((await page.goto(`${origin}/favicon.ico`))?.status()).toBe(404);
    // As a name that has been led here meanwhile.
    const rebound = await page.goto(
      `http://${STRANGER}:${waiting.callback.port}/callback?code=evil&state=${waiting.state}`,
    );
    expect(rebound?.status()).toBe(400);
    const answer = await fetch(waiting.callback, { method: "OPTIONS", headers: { origin: "http://stranger.example" } });
    expect([...answer.headers.keys()].filter((name) => name.startsWith("access-control-"))).toEqual([]);
    expect(browser.redeemed()).toBe(0);
    await signIn(page, waiting.address);
    await browser.expectSignedIn(page, waiting);
  });

  it("shows what a hostile provider says as text, in the browser and on the terminal", async () => {
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    const evil = new URL(waiting.callback);
    evil.search = String(
      new URLSearchParams({
        error: "access_denied",
        error_description: `</p><script>owned=1</script><img src=x onerror=owned=1> \u001b[31m\u001b]0;owned\u0007\u009b2J\u202e`,
        state: waiting.state,
        iss: browser.world.op.issuer,
      }),
    );
    await page.goto(evil.href);
    await page.getByRole("heading", { name: "You are not signed in" }).waitFor();
    expect(await page.textContent("main")).toContain("<script>owned=1</script><img src=x onerror=owned=1>");
    expect(await page.locator("script, img").count()).toBe(0);
    expect(await page.evaluate("globalThis.owned")).toBeUndefined();
    const { status, stdout, stderr } = await waiting.login.ended;
    expect({ status, stdout }).toEqual({ status: 4, stdout: "" });
    expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(browser.redeemed()).toBe(0);
  });

  it("sends no code for which another issuer answers", async () => {
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    const query = new URLSearchParams({ code: "c", state: waiting.state, iss: "https://evil.example" });
    await page.goto(`${waiting.callback}?${query}`);
    await page.getByRole("heading", { name: "You are not signed in" }).waitFor();
    expect(await page.textContent("main")).toContain("another issuer");
    expect((await waiting.login.ended).status).toBe(5);
    expect(browser.redeemed()).toBe(0);
  });
});

/** Run in a stranger's page: everything that it may try. */
async function PRY(url: string): Promise<Record<string, string>> {
  const named = (error: unknown): string => (error as Error).name;
  const cors = await fetch(url).then(({ type }) => type, named);
  const posted = await fetch(url, { method: "POST", headers: { "x-mine": "1" } }).then(({ type }) => type, named);
  const opaque = await fetch(url, { mode: "no-cors" }).then(({ type }) => type, named);
  const image = await new Promise<string>((resolve) => {
    const element = new Image();
    element.onload = () => resolve("load");
    element.onerror = () => resolve("error");
    element.src = url;
  });
  const frame = document.createElement("iframe");
  frame.src = url;
  await new Promise((resolve) => {
    frame.onload = resolve;
    document.body.append(frame);
  });
  return { cors, posted, opaque, image };
}
