// A person at LemonLDAP::NG's own form in a real browser: another product's pages, cookies, consent and redirect.

import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type LoginProcess, startLogin } from "../support/login-process.ts";
import { makeSandbox, type Sandbox } from "../support/program.ts";
import { type SimulatedSts, startSimulatedSts } from "../support/simulated-sts/server.ts";
import { CHROMIUM_PROGRAMS, type Chromium, startChromium } from "./servers/chromium.ts";
import { LEMONLDAP_PROGRAMS, LEMONLDAP_USER, type Lemonldap, startLemonldap } from "./servers/lemonldap.ts";
import { freePorts } from "./servers/process.ts";
import { describeSystem } from "./servers/requirements.ts";

const ROLE = "arn:aws:iam::123456789012:role/people";
const CLIENT = { clientId: "sts-broker", clientSecret: "lemonldap-s3cret-canary" };
type Account = { readonly [field in keyof typeof LEMONLDAP_USER]: string };
/** Another one of its accounts, since consent is remembered. */
const UNWILLING = { username: "rtyler", password: "rtyler" };

describeSystem("LemonLDAP::NG in a real browser", [...CHROMIUM_PROGRAMS, ...LEMONLDAP_PROGRAMS, "setsid"], () => {
  let chromium: Chromium;
  let op: Lemonldap;
  let sts: SimulatedSts;
  let redirectUri: string;
  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    // LemonLDAP::NG compares redirect URIs exactly, the port included.
    redirectUri = `http://127.0.0.1:${port}/callback`;
    [chromium, op] = await Promise.all([
      startChromium(),
      startLemonldap({ relyingParties: [{ ...CLIENT, redirectUri, subject: "_user", consent: true }] }),
    ]);
    const name = op.url.replace("http://", "");
    sts = await startSimulatedSts({
      providers: [{ issuer: op.url, clientIds: [CLIENT.clientId] }],
      roles: [
        {
          arn: ROLE,
          trustPolicy: {
            Version: "2012-10-17",
            Statement: [
              {
                Effect: "Allow",
                Principal: { Federated: `arn:aws:iam::123456789012:oidc-provider/${name}` },
                Action: ["sts:AssumeRoleWithWebIdentity"],
                Condition: { StringEquals: { [`${name}:sub`]: LEMONLDAP_USER.username } },
              },
            ],
          },
        },
      ],
    });
  });
  afterAll(() => Promise.all([chromium?.stop(), op?.stop(), sts?.close()]));

  let sandbox: Sandbox;
  let login: LoginProcess | undefined;
  let before = 0;
  beforeEach(() => {
    before = sts.count("AssumeRoleWithWebIdentity");
    sandbox = makeSandbox();
    const secret = sandbox.file("client.secret", CLIENT.clientSecret);
    sandbox.configure(`
[identity.corp]
type = "oidc-browser"
issuer = "${op.url}"
client_id = "${CLIENT.clientId}"
client_secret = { file = "${secret}" }
redirect_uri = "${redirectUri}"
[profile.people]
identity = "corp"
role_arn = "${ROLE}"
region = "eu-west-1"
endpoint_url = "${sts.url}"
store = "file"
`);
  });
  afterEach(async () => {
    login?.signal("SIGKILL");
    await login?.ended;
    await chromium.closeWindows();
    sandbox.remove();
  });

  async function begin(): Promise<{ readonly page: Page; readonly login: LoginProcess }> {
    const started = startLogin(sandbox, { args: ["--plain"] });
    login = started;
    const [, address = ""] = await started.until(/Open this page in your browser:\n(\S+)\n/);
    const page = await chromium.window();
    await page.goto(address);
    return { page, login: started };
  }

  async function fillIn(page: Page, { username, password }: Account): Promise<void> {
    await page.locator("input[name=user]").fill(username);
    await page.locator("input[name=password]").fill(password);
    await page.locator("form:has(input[name=password]) button[type=submit]").click();
  }

  it("takes a person from a wrong password to the right one, through consent, to credentials", async () => {
    const { page, login: waiting } = await begin();
    await fillIn(page, { ...LEMONLDAP_USER, password: "wrong" });
    await page.getByText("Wrong credentials").waitFor();
    await fillIn(page, LEMONLDAP_USER);
    await page.getByRole("button", { name: "Accept" }).click();
    await page.getByRole("heading", { name: "You are signed in" }).waitFor();
    const { status, stdout, stderr } = await waiting.ended;
    expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain(`Logged in as ${LEMONLDAP_USER.username} at ${new URL(op.url).host}\n`);
    const after = await sandbox.run(["credential-process", "--profile", "people"]);
    expect(JSON.parse(after.stdout)).toMatchObject({ Version: 1, AccessKeyId: expect.stringMatching(/^ASIA/) });
    expect(sts.count("AssumeRoleWithWebIdentity") - before).toBe(1);
  });

  it("tells a person who refuses consent that they are not signed in, with exit code 4", async () => {
    const { page, login: waiting } = await begin();
    await fillIn(page, UNWILLING);
    await page.getByRole("button", { name: "Refuse" }).click();
    await page.getByRole("heading", { name: "You are not signed in" }).waitFor();
    const { status, stdout, stderr } = await waiting.ended;
    expect({ status, stdout }, stderr).toEqual({ status: 4, stdout: "" });
    expect(stderr.match(/^sts-broker: .*$/gm)).toEqual([expect.stringMatching(/consent_required/)]);
    expect(sts.count("AssumeRoleWithWebIdentity") - before).toBe(0);
  });
});
