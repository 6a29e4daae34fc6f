// A person logs in with a real browser: the built executable opens it, as a desktop would, and the browser brings the code back to it.

import type { Request } from "playwright-core";
import { expect, it } from "vitest";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
import { fakeLauncher } from "../support/login-process.ts";
import { BROWSER_PROGRAMS, browserTest, isWaitedFor, signIn } from "./browser-test.ts";
import { describeSystem } from "./servers/requirements.ts";

const REFRESH = 'parameters = { prompt = "consent" }\nrefresh_token_store = "file"';

describeSystem("a login in a real browser", BROWSER_PROGRAMS, () => {
  const browser = browserTest();

  it("is opened by the desktop's launcher, and ends in credentials that every process finds", async () => {
    const desktop = fakeLauncher(browser.sandbox, "xdg-open");
    const env = { DISPLAY: ":99", PATH: `${desktop.directory}:${browser.sandbox.env.PATH}` };
    const started = browser.start({ env });
    const address = await desktop.opened();
    // Everybody on the machine may read the launcher's command line.
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}$/);
    await started.until(/Your browser was asked to open this page:\n/);
    const page = await browser.chromium.window();
    await signIn(page, address);
    await page.getByRole("heading", { name: "You are signed in" }).waitFor();
    expect(await started.ended).toMatchObject({ status: 0, stdout: "" });
    const calls = browser.world.sts.count("AssumeRoleWithWebIdentity");
    const { status, stdout } = await browser.sandbox.run(["credential-process", "--profile", "billing"]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ Version: 1, AccessKeyId: expect.stringMatching(/^ASIA/) });
    expect(browser.world.sts.count("AssumeRoleWithWebIdentity")).toBe(calls);
    expect(browser.redeemed()).toBe(1);
  });

  it("is opened by the program that BROWSER names", async () => {
    const mine = fakeLauncher(browser.sandbox, "my-browser");
    const started = browser.start({ env: { BROWSER: `${mine.directory}/my-browser --new-tab` } });
    const [option, address = ""] = (await mine.opened()).split("\n");
    expect(option).toBe("--new-tab");
    const page = await browser.chromium.window();
    await signIn(page, address);
    await page.getByRole("heading", { name: "You are signed in" }).waitFor();
    expect(await started.ended).toMatchObject({ status: 0 });
  });

  it("is renewed by its refresh token without anybody, once for several processes", async () => {
    browser.configure(REFRESH);
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    await signIn(page, waiting.address);
    await browser.expectSignedIn(page, waiting);
    await browser.chromium.closeWindows();
    ageEntry(entryFile(browser.sandbox.cacheDirectory, "credentials"), -1_000);
    const runs = await Promise.all(
      Array.from({ length: 5 }, () => browser.sandbox.run(["credential-process", "--profile", "billing"])),
    );
    expect(runs.map(({ status, stderr }) => ({ status, stderr }))).toEqual(Array(5).fill({ status: 0, stderr: "" }));
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(1);
    expect(browser.redeemed()).toBe(2);
  });

  it("is over when the person cancels, with the provider's words here and there", async () => {
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    await page.goto(waiting.address);
    await page.getByRole("link", { name: "Cancel" }).click();
    await page.getByRole("heading", { name: "You are not signed in" }).waitFor();
    expect(await page.textContent("main")).toContain("End-User aborted interaction");
    const { status, stdout, stderr } = await waiting.login.ended;
    expect({ status, stdout }).toEqual({ status: 4, stdout: "" });
    expect(stderr.match(/^sts-broker: .*$/gm)).toEqual([expect.stringMatching(/access_denied.*End-User aborted/)]);
    expect(browser.redeemed()).toBe(0);
    expect(await isWaitedFor(waiting)).toBe(false);
  });

  it("waits on when the tab is closed, until somebody comes back after all", async () => {
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    await page.goto(waiting.address);
    await page.getByPlaceholder("Enter any login").fill("ana");
    await page.close();
    const another = await browser.chromium.window();
    await signIn(another, waiting.address);
    await browser.expectSignedIn(another, waiting);
    expect(await isWaitedFor(waiting)).toBe(false);
  });

  it("is left by Ctrl-C while the browser still shows the form, and nobody listens for it any more", async () => {
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    await page.goto(waiting.address);
    expect(await isWaitedFor(waiting)).toBe(true);
    waiting.login.signal("SIGINT");
    const { status, signal, stdout, stderr } = await waiting.login.ended;
    expect({ status, signal, stdout }).toEqual({ status: undefined, signal: "SIGINT", stdout: "" });
    expect(stderr).not.toMatch(/^sts-broker: |^ +at /m);
    expect(await isWaitedFor(waiting)).toBe(false);
    // What the person does now leads nowhere, and nobody else answers there.
    await page.getByPlaceholder("Enter any login").fill("ana");
    await page.getByPlaceholder("and password").fill("s3cret-canary");
    await page.getByRole("button", { name: "Sign-in" }).click();
    const failed = page.waitForEvent("requestfailed", (request) => request.url().startsWith(waiting.callback.href));
    await page.getByRole("button", { name: "Continue" }).click();
    expect((await failed).failure()?.errorText).toBe("net::ERR_CONNECTION_REFUSED");
    expect(browser.redeemed()).toBe(0);
  });

  it.each(["light", "dark"] as const)(
    "ends on a page that can be read in a %s room, and on a phone",
    async (scheme) => {
      const waiting = await browser.begin();
      const page = await browser.chromium.window({ colorScheme: scheme, viewport: { width: 320, height: 560 } });
      await signIn(page, waiting.address);
      await browser.expectSignedIn(page, waiting);
      const seen = await page.evaluate(LOOK);
      expect(seen.isDark).toBe(scheme === "dark");
      expect(seen.overflows).toBe(false);
      expect(Math.min(...seen.contrasts)).toBeGreaterThan(4.5);
    },
  );

  it("ends on a page that loads nothing and runs nothing", async () => {
    const waiting = await browser.begin();
    const page = await browser.chromium.window();
    const asked: Request[] = [];
    page.on("request", (request) => asked.push(request));
    await signIn(page, waiting.address);
    await browser.expectSignedIn(page, waiting);
    expect(new URL(asked.at(-1)?.url() ?? "").pathname).toBe("/callback");
    const refused = await page.evaluate(INJECT);
    expect(refused.sort()).toEqual(["img-src", "script-src-attr", "script-src-elem"]);
    expect(await page.evaluate("globalThis.owned")).toBeUndefined();
    expect(new URL(asked.at(-1)?.url() ?? "").pathname).toBe("/callback");
  });
});

/** Run in the page: how it looks to whom it is shown to. @see WCAG 2.2, contrast ratio */
function LOOK(): { isDark: boolean; overflows: boolean; contrasts: number[] } {
  const luminance = (colour: string): number => {
    const [r = 0, g = 0, b = 0] = (colour.match(/[\d.]+/g) ?? []).map((one) => {
      const part = Number(one) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const style = (selector: string): CSSStyleDeclaration =>
    getComputedStyle(document.querySelector(selector) as Element);
  const card = luminance(style("main").backgroundColor);
  const contrasts = ["h1", "p", ".soft", ".mark", "footer"].map((selector) => {
    const text = luminance(style(selector).color);
    return (Math.max(card, text) + 0.05) / (Math.min(card, text) + 0.05);
  });
  const { scrollWidth, clientWidth } = document.documentElement;
  return { isDark: luminance(style("body").backgroundColor) < 0.2, overflows: scrollWidth > clientWidth, contrasts };
}

/** Run in the page: puts in what an attacker would, and gives the directives that refused it. */
function INJECT(): Promise<string[]> {
  const refused: string[] = [];
  return new Promise((resolve) => {
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
      refused.push(effectiveDirective);
      if (refused.length === 3) resolve(refused);
    });
    const script = document.createElement("script");
    script.textContent = "owned = 1";
    document.body.append(script);
    const image = document.createElement("img");
    image.src = "/favicon.ico";
    document.body.append(image);
    const button = document.createElement("button");
    button.setAttribute("onclick", "owned = 1");
    document.body.append(button);
    button.click();
  });
}
