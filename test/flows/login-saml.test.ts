/** A person logs in with a password, a one-time code and a choice of roles: the pages of a real product, a real simulated STS. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { login } from "../../src/broker/login.ts";
import { resolveProfile } from "../../src/config/resolve.ts";
import { run } from "../../src/main.ts";
import { USER } from "../config/helpers.ts";
import { type FakeHost, fakeMachine } from "../support/fake-host.ts";
import { type PageServer, type ProductOptions, serveProduct, startPageServer } from "../support/idp-pages-server.ts";
import { type PresenterActions, testPresenter } from "../support/presenter.ts";
import { PRINCIPAL_ARN, ROLE_ARN, type SamlWorld, startSamlWorld } from "../support/saml-world.ts";

const OTHER_ROLE = "arn:aws:iam::123456789012:role/dev";
const grant = (role: string): string => `${role},${PRINCIPAL_ARN}`;
const PASSWORD = "canary-passwörd";

let world: SamlWorld;
let pages: PageServer;
beforeAll(async () => {
  world = await startSamlWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  pages = await startPageServer();
});
afterEach(async () => {
  await pages.close();
  world.reset();
});

function machine({
  identity = "",
  profile = "",
  roles = [grant(ROLE_ARN)],
  after = {} as Partial<ProductOptions>,
} = {}) {
  const made = fakeMachine(Date.now());
  const response = world.issuer.response({ nowMs: Date.now(), nameId: "ana", roles });
  const url = serveProduct(pages, "Keycloak", { users: { ana: PASSWORD }, response, ...after });
  made.disk.file(
    USER,
    `[identity.corp]
type = "saml-password"
url = "${url}"
${identity}
[profile.billing]
identity = "corp"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
${profile}
`,
  );
  return { ...made, response, process: () => made.host({ http: "real", env: { IDP_PASSWORD: PASSWORD } }) };
}

const typing = (question: { readonly label: string }): string =>
  /^User name/.test(question.label) ? "ana" : /^Password/.test(question.label) ? PASSWORD : "123456";

async function logIn(host: FakeHost, actions: PresenterActions = {}) {
  const resolved = await resolveProfile(host, { profile: "billing" }, { stores: ["auto"] });
  const presenter = testPresenter({ answer: typing, ...actions });
  const outcome = await login(host, resolved, presenter, new AbortController().signal);
  return { outcome, presenter, asked: presenter.questions.map(({ label, secret }) => [label, secret]) };
}

/** A page for the one-time code after the password, which leads on to `then` for 123456. */
function askingForCode(response: string): Partial<ProductOptions> {
  const form = `<form action="/otp" method="post"><input type="hidden" name="t" value="1"/><input name="otp" type="text"/><input name="login" type="submit" value="Sign In"/></form>`;
  pages.on("POST /otp", ({ fields }) => {
    const sent = new Map(fields);
    if (sent.get("otp") !== "123456" || sent.get("t") !== "1")
      return { body: `<p class="error">Invalid code</p>${form}` };
    return {
      body: `<form method="post" action="https://signin.aws.amazon.com/saml"><input type="hidden" name="SAMLResponse" value="${response}"/></form><script>document.forms[0].submit()</script>`,
    };
  });
  return { after: { body: form } };
}

describe("login with a password", () => {
  it("asks for name and password, and every process finds the credentials until they end", async () => {
    const it = machine();
    const host = it.process();
    const { outcome, asked } = await logIn(host);
    expect(asked).toEqual([
      [`User name at ${pages.url}`, false],
      [`Password of ana at ${pages.url}`, true],
    ]);
    expect(outcome).toMatchObject({
      subject: "ana",
      roleArn: ROLE_ARN,
      roleChosen: false,
      store: "keychain",
      refreshToken: { kept: false, reason: "never" },
    });
    const next = it.process();
    expect(await run(["credential-process"], next)).toBe(0);
    it.keychain.items.clear();
    const later = it.process();
    expect(await run(["credential-process"], later)).toBe(3);
    expect(later.out.stderr).toContain("hint: sts-broker login --profile billing");
    for (const one of [host, next, later])
      expect(one.out.stderr + one.debugLines.join() + one.warnings.join()).not.toContain("canary");
  });

  it("asks only for what is not configured", async () => {
    const { asked } = await logIn(machine({ identity: 'username = "ana"' }).process());
    expect(asked).toEqual([[`Password of ana at ${pages.url}`, true]]);
    const stated = machine({ identity: 'username = "ana"\npassword = { env = "IDP_PASSWORD" }' });
    expect((await logIn(stated.process())).asked).toEqual([]);
  });

  it("asks for the one-time code where the provider does, once more after a wrong one", async () => {
    const it = machine();
    const options = askingForCode(it.response);
    serveProduct(pages, "Keycloak", { users: { ana: PASSWORD }, response: it.response, ...options });
    const codes = ["000000", "123456"];
    const answer = (question: { readonly label: string }): string =>
      question.label.includes("code") ? (codes.shift() ?? "") : typing(question);
    const { outcome, asked } = await logIn(it.process(), { answer });
    expect(outcome.subject).toBe("ana");
    expect(asked.slice(2)).toEqual([
      [`One-time code for ${pages.url}`, false],
      ["That was not it. One-time code once more", false],
    ]);
  });

  it("gives up after three wrong codes", async () => {
    const it = machine();
    serveProduct(pages, "Keycloak", { users: { ana: PASSWORD }, response: it.response, ...askingForCode(it.response) });
    const answer = (question: { readonly label: string }): string =>
      question.label.includes("code") ? "000000" : typing(question);
    await expect(logIn(it.process(), { answer })).rejects.toMatchObject({ code: "LOGIN_REQUIRED" });
    expect(pages.requests.filter(({ path }) => path === "/otp")).toHaveLength(3);
  });

  it("tries a wrong password once", async () => {
    const answer = (question: { readonly label: string }): string =>
      question.label.startsWith("Password") ? "wrong" : typing(question);
    await expect(logIn(machine().process(), { answer })).rejects.toMatchObject({ code: "IDP_REFUSED" });
    expect(pages.requests.filter(({ fields }) => fields.some(([, value]) => value === "wrong"))).toHaveLength(1);
  });

  it("says without a person that a person is needed, and asks nobody", async () => {
    const host = machine().process();
    expect(await run(["credential-process"], host)).toBe(3);
    expect(host.out.stderr).toMatch(
      /a person has to log in: the identity has no username\n {2}hint: sts-broker login --profile billing\n/,
    );
    expect(pages.requests).toEqual([]);
  });

  it("never serves what a former person left", async () => {
    const it = machine();
    await logIn(it.process());
    await it.clock.advance(1_000);
    serveProduct(pages, "Keycloak", {
      users: { bob: PASSWORD },
      response: world.issuer.response({ nowMs: Date.now(), nameId: "bob", roles: [grant(ROLE_ARN)] }),
    });
    const bob = (question: { readonly label: string }): string =>
      question.label.startsWith("User") ? "bob" : typing(question);
    // The cache takes nothing new: what is left is the former person's.
    it.keychain.writeState = "locked";
    it.keyring.state = "not-available";
    it.disk.fail("ENOSPC", "/home/ana/.cache/sts-broker/entries");
    const { outcome } = await logIn(it.process(), { answer: bob });
    expect(outcome).toMatchObject({ subject: "bob", store: undefined });
    const host = it.process();
    expect(await run(["credential-process"], host)).toBe(3);
    expect(host.debugLines.join("\n")).toContain("entry is of somebody who logged in before");
  });
});

describe("several roles", () => {
  const roles = [
    grant(ROLE_ARN),
    grant(OTHER_ROLE),
    grant("arn:aws:iam::123456789012:role/aws-reserved/AWSReservedSSO_x"),
  ];

  it("are for the person to choose from, those that AWS gives nobody left out", async () => {
    const { outcome, presenter } = await logIn(machine({ roles }).process(), {
      choose: (choices) => choices[0]?.value ?? "",
    });
    expect(presenter.choices).toEqual([
      [
        { value: `${ROLE_ARN} ${PRINCIPAL_ARN}`, label: ROLE_ARN },
        { value: `${OTHER_ROLE} ${PRINCIPAL_ARN}`, label: OTHER_ROLE },
      ],
    ]);
    expect(outcome).toMatchObject({ roleArn: ROLE_ARN, roleChosen: true });
  });

  it("are nobody's choice where the profile names one", async () => {
    const { outcome } = await logIn(machine({ roles, profile: `role_arn = "${ROLE_ARN}"` }).process());
    expect(outcome).toMatchObject({ roleArn: ROLE_ARN, roleChosen: false });
  });
});

describe("giving up", () => {
  it("ends the login at once with LOGIN_REQUIRED, whatever it was doing", async () => {
    const host = machine().process();
    const resolved = await resolveProfile(host, { profile: "billing" }, { stores: ["auto"] });
    const ends = new AbortController();
    const presenter = testPresenter({
      answer: (question) => {
        ends.abort();
        return typing(question);
      },
    });
    await expect(login(host, resolved, presenter, ends.signal)).rejects.toMatchObject({
      code: "LOGIN_REQUIRED",
      message: "the login was given up",
    });
    expect(host.machine.keychain.items.size).toBe(0);
  });
});
