// A person types a device code into a real browser, as on their own laptop, while the login waits on a machine without one.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, type TestContext } from "vitest";
import { startLogin } from "../support/login-process.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { makeSandbox, type RunResult, type Sandbox } from "../support/program.ts";
import { CHROMIUM_PROGRAMS, type Chromium, startChromium } from "./servers/chromium.ts";
import { describeSystem } from "./servers/requirements.ts";

describeSystem("a device code in a real browser", [...CHROMIUM_PROGRAMS, "setsid"], () => {
  let chromium: Chromium;
  let world: OidcWorld;
  beforeAll(async () => {
    [chromium, world] = await Promise.all([startChromium(), startOidcWorld()]);
    const { clientId } = world.op.clients.people;
    world.registerAudiences(clientId);
    world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: clientId } }));
  });
  afterAll(() => Promise.all([chromium?.stop(), world?.close()]));

  interface Begun {
    readonly sandbox: Sandbox;
    readonly ended: Promise<RunResult>;
    /** Where the code is typed. */
    readonly page: Page;
    readonly code: string;
  }

  /** A login that waits. The provider is asked every five seconds, so these tests wait for it together. */
  async function begin({ onTestFinished }: TestContext, ssh?: "over SSH"): Promise<Begun> {
    const sandbox = makeSandbox();
    sandbox.configure(`
[identity.corp]
type = "${ssh === undefined ? "oidc-device" : "oidc-browser"}"
issuer = "${world.op.issuer}"
client_id = "${world.op.clients.people.clientId}"
[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
store = "file"
`);
    const login = startLogin(
      sandbox,
      ssh === undefined ? {} : { env: { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22" } },
    );
    onTestFinished(async () => {
      login.signal("SIGKILL");
      await login.ended;
      sandbox.remove();
    });
    const [, address = "", code = ""] = await login.until(
      /On any device, open (\S+)\nand enter the code ([A-Z]{4}-[A-Z]{4})\n/,
    );
    const page = await chromium.window();
    await page.goto(address);
    return { sandbox, ended: login.ended, page, code };
  }

  async function type(page: Page, code: string): Promise<void> {
    await page.getByPlaceholder("Enter code").fill(code);
    await page.getByRole("button", { name: "Continue" }).click();
  }

  async function signIn(page: Page): Promise<void> {
    await page.getByPlaceholder("Enter any login").fill("ana");
    await page.getByPlaceholder("and password").fill("s3cret-canary");
    await page.getByRole("button", { name: "Sign-in" }).click();
    await page.getByRole("button", { name: "Continue" }).click();
  }

  async function expectCredentials({ sandbox, ended }: Begun): Promise<void> {
    const { status, stdout, stderr } = await ended;
    expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(/Logged in as ana at /);
    expect((await sandbox.run(["credential-process", "--profile", "billing"])).status).toBe(0);
  }

  it.concurrent("is typed, at first wrongly, confirmed, and gives credentials", async (test) => {
    const begun = await begin(test);
    const { page, code } = begun;
    await type(page, "BCDF-GHJK");
    await page.getByText("The code was not taken (NotFoundError)").waitFor();
    await type(page, code.toLowerCase());
    await page.getByRole("button", { name: "Continue" }).click();
    await signIn(page);
    await page.getByText("You are signed in").waitFor();
    await expectCredentials(begun);
  });

  it.concurrent("takes the place of a browser over SSH", async (test) => {
    const begun = await begin(test, "over SSH");
    const { page, code } = begun;
    await type(page, code);
    await page.getByRole("button", { name: "Continue" }).click();
    await signIn(page);
    await page.getByText("You are signed in").waitFor();
    await expectCredentials(begun);
  });

  it.concurrent("is denied by the person: exit code 4, one line, nothing kept", async (test) => {
    const { sandbox, ended, page, code } = await begin(test);
    await type(page, code);
    await page.getByRole("button", { name: "Abort" }).click();
    await page.getByText("The code was not taken (AbortedError)").waitFor();
    const { status, stdout, stderr } = await ended;
    expect({ status, stdout }, stderr).toEqual({ status: 4, stdout: "" });
    expect(stderr.match(/^sts-broker: .*$/gm)).toEqual([expect.stringMatching(/access_denied/)]);
    expect((await sandbox.run(["credential-process", "--profile", "billing"])).status).toBe(3);
  });

  it("ends before it is typed: exit code 3 and the command, and the page takes it no more", async (test) => {
    world.op.people.deviceCodeSeconds = 2;
    const { ended, page, code } = await begin(test);
    const { status, stdout, stderr } = await ended;
    expect({ status, stdout }, stderr).toEqual({ status: 3, stdout: "" });
    expect(stderr).toMatch(/the code of \S+ ended before .*\n {2}hint: sts-broker login --profile billing\n$/);
    await type(page, code);
    await page.getByText(/The code was not taken \((ExpiredError|NotFoundError)\)/).waitFor();
  });
});
