/** Questions and the role picker of the built executable, on a real terminal. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type PageServer, serveProduct, startPageServer } from "../support/idp-pages-server.ts";
import { PRINCIPAL_ARN, type SamlWorld, startSamlWorld } from "../support/saml-world.ts";
import { atDesk, LOGIN } from "./at-desk.ts";
import { describeSystem } from "./servers/requirements.ts";
import { TMUX_PROGRAMS } from "./servers/tmux.ts";

const PASSWORD = "s3cret-canary";

describeSystem("a login by password, with many roles, on a terminal", TMUX_PROGRAMS, () => {
  const desk = atDesk();
  const ACCOUNTS = ["111111111111", "222222222222", "333333333333"] as const;
  const ROLES = ACCOUNTS.flatMap((account) =>
    Array.from({ length: 12 }, (_, index) => `arn:aws:iam::${account}:role/team-${index + 1}`),
  );
  let world: SamlWorld;
  let pages: PageServer;
  beforeAll(async () => {
    world = await startSamlWorld();
    pages = await startPageServer();
  });
  afterAll(() => Promise.all([world.close(), pages.close()]));

  let config: string;
  beforeEach(() => {
    const providers = new Map(ACCOUNTS.map((account) => [account, PRINCIPAL_ARN.replace("123456789012", account)]));
    const [provider] = world.sts.account.samlProviders;
    if (provider === undefined) throw new Error("the simulated STS knows no SAML provider");
    for (const arn of providers.values())
      if (!world.sts.account.samlProviders.some((one) => one.arn === arn))
        world.sts.account.samlProviders.push({ ...provider, arn });
    world.sts.account.roles.splice(0, Number.POSITIVE_INFINITY);
    for (const arn of ROLES) {
      const Federated = providers.get((arn.split(":")[4] ?? "") as (typeof ACCOUNTS)[number]) ?? "";
      const Statement = [{ Effect: "Allow", Principal: { Federated }, Action: ["sts:AssumeRoleWithSAML"] }] as const;
      world.sts.account.roles.push({ arn, trustPolicy: { Version: "2012-10-17", Statement: [...Statement] } });
    }
    const roles = ROLES.map((arn) => `${arn},${providers.get((arn.split(":")[4] ?? "") as never)}`);
    const url = serveProduct(pages, "Keycloak", {
      users: { ana: PASSWORD },
      response: world.issuer.response({ roles, nameId: "ana" }),
    });
    config = desk.sandbox.configure(`# Kept as it is.
[identity.corp]
type = "saml-password"
url = "${url}"

[profile.work]   # mine
identity = "corp"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
store = "file"

[account_aliases]
"111111111111" = "prod"
"222222222222" = "staging"
`);
  });

  async function signIn(): Promise<void> {
    await desk.terminal.until(/User name at .*\n› /);
    await desk.terminal.type("anna");
    await desk.terminal.press("BSpace", "BSpace");
    await desk.terminal.type("a");
    await desk.terminal.press("Enter");
    await desk.terminal.until(/Password of ana at/);
    await desk.terminal.paste(`${PASSWORD}\n`);
    // What is pasted with a line break does not answer by itself.
    await desk.terminal.press("Enter");
  }

  it("asks for name and password without showing that, narrows the roles as one types, and saves the choice", async () => {
    await desk.open();
    const before = await desk.terminal.run("stty -a");
    await desk.start(`${LOGIN} > out`);
    await signIn();
    const all = await desk.terminal.until(/Which role\? \(36\)/);
    expect(all).toMatch(/› 333333333333 {2}team-1\n/);
    expect(all).toMatch(/↓ \d+ more/);
    await desk.terminal.press("End");
    await desk.terminal.until(/› staging {7}team-12/);
    await desk.terminal.press("Home");
    await desk.terminal.type("222222222222 TEAM-1");
    const some = await desk.terminal.until(/Which role\? \(4 of 36\)/);
    expect(some).toMatch(/› staging {7}team-1\n {2}staging {7}team-10\n {2}staging {7}team-11\n/);
    await desk.terminal.press("Down", "Down", "Enter");
    await desk.terminal.until(/Always use this role in profile work\? \[y\/N\]/);
    await desk.terminal.type("y");
    await desk.terminal.press("Enter");
    const end = await desk.terminal.until(/saved {4}role_arn in /);
    expect(end).toMatch(/ {2}role {5}team-11 in staging \(222222222222\)/);
    expect(end).toMatch(/ {2}renewal {2}needs you again when they end/);
    await desk.expectLeftAlone(before);
    expect(desk.terminal.written()).not.toContain(PASSWORD);
    expect(await desk.terminal.run("cat out")).toBe("");
    const written = readFileSync(config, "utf8");
    expect(written).toContain(
      '[profile.work]   # mine\nrole_arn = "arn:aws:iam::222222222222:role/team-11"\nidentity = "corp"\n',
    );
    // The credentials are those of the profile as it is now: nobody has to log in again.
    const { status, stderr } = await desk.sandbox.run(["credential-process", "--profile", "work"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("shows the roles in 40 columns and 24 rows, and gives up on Escape with exit code 3", async () => {
    await desk.open({ columns: 40, rows: 24 });
    await desk.start(LOGIN);
    await signIn();
    const shown = await desk.terminal.until(/Which role\? \(36\)/);
    expect(shown.split("\n").every((line) => line.length <= 40)).toBe(true);
    // All of it, from the title to the line on keys.
    expect(shown).toMatch(/Login for profile work[\s\S]*Esc: give up/);
    await desk.terminal.press("Escape");
    await desk.terminal.until(/the login was given up/);
    expect(await desk.terminal.run("echo status $?")).toBe("status 3");
  });

  it("asks line by line with --plain: roles by number, or by a text that narrows them", async () => {
    await desk.open({ rows: 50 });
    await desk.start(`${LOGIN} --plain`);
    await desk.terminal.until(/User name at .*: $|User name at .*:$/);
    await desk.terminal.type("ana");
    await desk.terminal.press("Enter");
    await desk.terminal.until(/Password of ana at .* \(not shown\):/);
    await desk.terminal.type(PASSWORD);
    await desk.terminal.press("Enter");
    await desk.terminal.until(/20\) prod .*\nand 16 more\nNumber, or text to narrow the list:/);
    await desk.terminal.type("staging 12");
    await desk.terminal.press("Enter");
    await desk.terminal.until(/1\) staging team-12\nNumber/);
    await desk.terminal.type("1");
    await desk.terminal.press("Enter");
    await desk.terminal.until(/\[y\/N\]/);
    await desk.terminal.press("Enter");
    await desk.terminal.until(/Logged in as ana/);
    expect(await desk.terminal.screen("history")).not.toContain(PASSWORD);
    expect(readFileSync(config, "utf8")).not.toContain("role_arn");
  });

  it("without a terminal says what it would have asked", async () => {
    const { status, stderr } = await desk.runAway(["login"]);
    expect(status).toBe(3);
    expect(stderr).toMatch(/there is no terminal to ask on: User name at/);
  });
});
