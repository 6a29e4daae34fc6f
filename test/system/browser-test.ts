// What the tests with a real browser share: a browser, a provider and an STS that know each other, a sandbox for each test, and a login in it.

import { connect } from "node:net";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { type LoginOptions, type LoginProcess, startLogin } from "../support/login-process.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { makeSandbox, type Sandbox } from "../support/program.ts";
import { CHROMIUM_PROGRAMS, type Chromium, startChromium } from "./servers/chromium.ts";

/** For {@link describeSystem}. */
export const BROWSER_PROGRAMS = [...CHROMIUM_PROGRAMS, "setsid"];

/** A login that waits for its browser. */
export interface WaitingLogin {
  readonly login: LoginProcess;
  /** Where the browser begins. */
  readonly address: string;
  /** Where it is waited for. */
  readonly callback: URL;
  readonly state: string;
}

/** What is made anew for each test, or for all of them. */
export interface BrowserTest {
  readonly chromium: Chromium;
  readonly world: OidcWorld;
  readonly sandbox: Sandbox;
  /** Further lines of the identity. */
  configure(identity: string): void;
  start(options?: LoginOptions): LoginProcess;
  /** The address is read where a person without a desktop reads it. */
  begin(): Promise<WaitingLogin>;
  /** Requests to the token endpoint since the test began. */
  redeemed(): number;
  /** The browser says so, the login ends well, and one code was redeemed. */
  expectSignedIn(page: Page, waiting: WaitingLogin): Promise<void>;
}

/** To be called where hooks may be registered; the members are there when a test runs. */
export function browserTest(): BrowserTest {
  let chromium: Chromium;
  let world: OidcWorld;
  let sandbox: Sandbox;
  let logins: LoginProcess[] = [];
  let before = 0;

  beforeAll(async () => {
    [chromium, world] = await Promise.all([startChromium(), startOidcWorld()]);
    const { clientId } = world.op.clients.people;
    world.registerAudiences(clientId);
    world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: clientId } }));
  });
  afterAll(() => Promise.all([chromium?.stop(), world?.close()]));
  beforeEach(() => {
    sandbox = makeSandbox();
    configure("");
    before = world.op.count("/token");
  });
  afterEach(async () => {
    world.op.faults.clear();
    for (const login of logins) login.signal("SIGKILL");
    await Promise.all(logins.map(({ ended }) => ended));
    logins = [];
    await chromium.closeWindows();
    sandbox.remove();
  });

  function configure(identity: string): void {
    sandbox.configure(`
[identity.corp]
type = "oidc-browser"
issuer = "${world.op.issuer}"
client_id = "${world.op.clients.people.clientId}"
device_fallback = false
${identity}
[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
store = "file"
`);
  }

  function start(options?: LoginOptions): LoginProcess {
    const login = startLogin(sandbox, options);
    logins.push(login);
    return login;
  }

  const redeemed = (): number => world.op.count("/token") - before;

  return {
    get chromium() {
      return chromium;
    },
    get world() {
      return world;
    },
    get sandbox() {
      return sandbox;
    },
    configure,
    start,
    async begin() {
      const login = start({ args: ["--plain"] });
      const [, address = ""] = await login.until(/Open this page in your browser:\n(\S+)\n/);
      await login.until(/waiting for you to sign in/);
      const { searchParams } = new URL(address);
      const callback = new URL(searchParams.get("redirect_uri") ?? "");
      return { login, address, callback, state: searchParams.get("state") ?? "" };
    },
    redeemed,
    async expectSignedIn(page, { login }) {
      await page.getByRole("heading", { name: "You are signed in" }).waitFor();
      const { status, stdout, stderr } = await login.ended;
      expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: "" });
      expect(stderr).toMatch(/Logged in as ana at 127\.0\.0\.1:\d+\n {2}role /);
      expect(redeemed()).toBe(1);
    },
  };
}

/** Name, password and consent, at the provider's pages. */
export async function signIn(page: Page, address: string): Promise<void> {
  await page.goto(address);
  await page.getByPlaceholder("Enter any login").fill("ana");
  await page.getByPlaceholder("and password").fill("s3cret-canary");
  await page.getByRole("button", { name: "Sign-in" }).click();
  await page.getByRole("button", { name: "Continue" }).click({ noWaitAfter: true });
}

/** Whether anybody listens where the browser would come back to. */
export function isWaitedFor({ callback: { port } }: WaitingLogin): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port: Number(port) });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
