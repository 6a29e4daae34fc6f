import { describe, expect, it } from "vitest";
import type { LoginOutcome } from "../../src/broker/login.ts";
import type { Conversation } from "../../src/commands/conversation.ts";
import { converseInLines } from "../../src/commands/conversation-plain.ts";
import { outcomeLines } from "../../src/commands/login-outcome.ts";
import { namedRoles } from "../../src/commands/role-names.ts";
import { cannotSave, saveRole } from "../../src/commands/save-role.ts";
import { hasRoom, isPlain, lookOf } from "../../src/commands/terminal-look.ts";
import { accountAliases } from "../../src/config/account-aliases.ts";
import { readConfiguration } from "../../src/config/files.ts";
import { configured, failure, GOOD, resolve, SYSTEM, USER } from "../config/helpers.ts";
import { type FakeHost, fakeHost } from "../support/fake-host.ts";
import { sts } from "./helpers.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const ROLE = "arn:aws:iam::123456789012:role/ops/admin";
const PROVIDER = "arn:aws:iam::123456789012:saml-provider/corp";
const OUTCOME: LoginOutcome = {
  issuer: "https://idp.corp.example/realms/prod",
  subject: "ana",
  roleArn: ROLE,
  roleChosen: false,
  expiresAtMs: NOW_MS + 3_600_000,
  store: "keychain",
  refreshToken: { kept: true, store: "keychain" },
};

describe("what a login came to", () => {
  const told = (outcome: Partial<LoginOutcome> = {}, askedPerson = true): string =>
    outcomeLines({
      outcome: { ...OUTCOME, ...outcome },
      aliases: new Map([["123456789012", "prod"]]),
      nowMs: NOW_MS,
      askedPerson,
    }).join("\n");

  it("is who, role and account, how long, where it is kept, and what renewing takes", () => {
    expect(told()).toMatch(
      /^Logged in as ana at idp\.corp\.example\n {2}role {5}ops\/admin in prod \(123456789012\)\n {2}valid {4}for 60 min, until \d\d:\d\d:\d\d [+-]\d\d:\d\d\n {2}kept {5}in keychain\n {2}renewal {2}without you, until the provider wants a new login \(token in keychain\)$/,
    );
  });

  it("says why later renewals need a person, and that they need none where nobody was asked", () => {
    const refreshToken = {
      kept: false,
      reason: "store-unusable",
      detail: "keychain: locked",
      hint: "unlock it",
    } as const;
    expect(told({ refreshToken })).toContain(
      "  renewal  needs you again when they end: keychain: locked\n           hint: unlock it",
    );
    const never = { kept: false, reason: "never", detail: "this kind has none" } as const;
    expect(told({ refreshToken: never })).toMatch(/renewal {2}needs you again when they end$/);
    expect(told({ refreshToken: never }, false)).toMatch(/renewal {2}without you: nothing had to be asked$/);
    expect(told({ store: undefined })).toContain('nowhere: the profile keeps nothing (store = "none")');
    expect(told({ store: undefined, storeProblem: "file: disk full" })).toContain(
      "  kept     nowhere: file: disk full",
    );
  });

  it("shows nothing of an issuer or a subject that could move the cursor", () => {
    expect(told({ issuer: "urn:\u001b[2J", subject: "a\u001b]0;x\u0007\nb" })).not.toMatch(
      /[\u001b\u0007]|a.*\n.*b at/,
    );
  });
});

describe("roles to choose from", () => {
  const aliases = new Map([["222222222222", "prod"]]);
  const role = (account: string, name: string) => `arn:aws:iam::${account}:role/${name}`;

  it("are shown by alias or account, ordered as a person counts, and found by their ARN", () => {
    const arns = [role("222222222222", "team-10"), role("222222222222", "team-9"), role("111111111111", "x")];
    const named = namedRoles(
      arns.map((arn) => ({ value: `${arn} p`, label: arn })),
      aliases,
    );
    expect(named.map(({ label }) => label)).toEqual([
      "111111111111  x",
      "prod          team-9",
      "prod          team-10",
    ]);
    expect(named[1]).toMatchObject({ value: `${arns[1]} p`, also: arns[1] });
  });

  it("name their provider where they are granted through several", () => {
    const through = `${role("222222222222", "x")} through arn:aws:iam::222222222222:saml-provider/corp`;
    expect(namedRoles([{ value: "v", label: through }], aliases)[0]?.label).toBe("prod  x (corp)");
  });
});

describe("saving the chosen role", () => {
  const UNNAMED = GOOD.replace(/role_arn = .*\n/, "");

  it("writes into the profile's table of the user's file, whose mode stays", async () => {
    const host = configured(UNNAMED);
    host.machine.disk.file(USER, UNNAMED, { mode: 0o640 });
    const resolved = await resolve(host);
    expect(cannotSave(host, resolved)).toBeUndefined();
    expect(await saveRole(host, resolved, { role_arn: ROLE, principal_arn: PROVIDER })).toEqual({
      saved: true,
      said: `role_arn in ${USER}`,
    });
    const text = new TextDecoder().decode(host.files.read(USER));
    expect(text).toBe(
      UNNAMED.replace(
        "[profile.billing]\n",
        `[profile.billing]\nrole_arn = "${ROLE}"\nprincipal_arn = "${PROVIDER}"\n`,
      ),
    );
    expect(host.files.stat(USER)?.mode).toBe(0o640);
    expect((await resolve(host)).profile.role.arn).toBe(ROLE);
  });

  it("is not offered where the profile is the machine's, or in a table without a line of its own", async () => {
    const host = fakeHost();
    host.machine.disk.file(SYSTEM, UNNAMED, { uid: 0, mode: 0o644 });
    expect(cannotSave(host, await resolve(host))).toBe(`${SYSTEM} is not yours`);
    const inline = configured(`${UNNAMED.replace(/\[profile[\s\S]*/, "")}\n[profile]\nbilling.identity = "corp"\n`);
    expect(cannotSave(inline, await resolve(inline))).toMatch(/has no line \[profile\.billing\]/);
  });

  it("is said to have failed where the file has changed meanwhile or cannot be written", async () => {
    const host = configured(UNNAMED);
    const resolved = await resolve(host);
    host.machine.disk.file(USER, "");
    expect(await saveRole(host, resolved, { role_arn: ROLE })).toEqual({
      saved: false,
      said: `nothing: ${USER} has changed meanwhile`,
    });
  });
});

describe("[account_aliases]", () => {
  it("are read from all files, the last one's counting", async () => {
    const host = configured(`${GOOD}\n[account_aliases]\n"111111111111" = "mine"\n`);
    host.machine.disk.file(SYSTEM, '[account_aliases]\n"111111111111" = "theirs"\n"222222222222" = "prod"\n', {
      uid: 0,
      mode: 0o644,
    });
    expect([...(await accountAliases(readConfiguration(host), host))]).toEqual([
      ["111111111111", "mine"],
      ["222222222222", "prod"],
    ]);
  });

  it.each([
    ['prod = "123456789012"', /:\d+:1: "prod" is not the number of an AWS account/],
    ['"123456789012" = 1', /the alias of account 123456789012 must be a text/],
    ['"123456789012" = "a\\u001b[2J"', /the alias of account 123456789012 must be a text/],
  ])("are refused with their place: %s", async (line, says) => {
    const host = configured(`${GOOD}\n[account_aliases]\n${line}\n`);
    expect((await failure(() => accountAliases(readConfiguration(host), host))).message).toMatch(says);
    const { status, stderr } = await sts(["config", "check"], `${GOOD}\n[account_aliases]\n${line}\n`);
    expect(status).toBe(2);
    expect(stderr).toMatch(says);
  });

  it("must be a table", async () => {
    const { status, stderr } = await sts(["config", "check"], `account_aliases = 1\n${GOOD}`);
    expect(status).toBe(2);
    expect(stderr).toMatch(/"account_aliases" must be a table\n {2}hint: it is written as \[account_aliases\]/);
  });
});

describe("how it is shown", () => {
  const plain = (env: Record<string, string>): boolean => isPlain(fakeHost({ env }));

  it("is lines of text in CI and where nothing can be redrawn", () => {
    expect(plain({ TERM: "xterm" })).toBe(false);
    expect(plain({ TERM: "xterm", CI: "false" })).toBe(false);
    expect(
      [{ TERM: "dumb" }, {}, { TERM: "xterm", CI: "1" }].map((env) => plain(env as Record<string, string>)),
    ).toEqual([true, true, true]);
  });

  it("is lines of text where a screen would be as tall as the terminal", async () => {
    const host = fakeHost();
    host.terminal.there = true;
    const terminal = await host.terminal.open();
    const room = (rows: number): boolean => {
      host.terminal.resize(80, rows);
      return terminal !== undefined && hasRoom(terminal);
    };
    expect([12, 23, 24, 60].map(room)).toEqual([false, false, true, true]);
  });

  it("has colours unless NO_COLOR is set, and Unicode where the locale has it", () => {
    expect(lookOf(fakeHost({ env: { LANG: "de_DE.UTF-8" } }))).toEqual({ color: true, unicode: true });
    expect(lookOf(fakeHost({ env: { NO_COLOR: "1", LANG: "C.UTF-8", LC_ALL: "C" } }))).toEqual({
      color: false,
      unicode: false,
    });
  });
});

describe("a conversation in lines", () => {
  async function talk(there: boolean): Promise<{ host: FakeHost; conversation: Conversation }> {
    const host = fakeHost();
    host.terminal.there = there;
    const setting = { host, title: "Login for profile billing", again: "sts-broker login --profile billing" };
    return { host, conversation: converseInLines(setting, await host.terminal.open()) };
  }
  const CHOICES = [
    { value: `${ROLE} p`, label: "prod  ops/admin" },
    { value: "b", label: "prod  ops/b" },
  ];

  it("says on stderr what is going on where there is no terminal, and names what it would have asked", async () => {
    const { host, conversation } = await talk(false);
    conversation.progress("asking");
    conversation.progress("asking");
    expect(host.out).toEqual({ stdout: "", stderr: "Login for profile billing\nasking\n" });
    const asked = await failure(() => conversation.ask({ label: "Password of ana", secret: true }));
    expect(asked).toMatchObject({ code: "LOGIN_REQUIRED", hint: "sts-broker login --profile billing" });
    const chosen = await failure(() => conversation.choose("Which role?", CHOICES));
    expect(chosen.code).toBe("CONFIG_INVALID");
    expect(chosen.message).toContain("prod ops/admin, prod ops/b");
    expect(chosen.hint).toContain(`role_arn = "${ROLE}"`);
  });

  it("counts a code down by minutes, until something else happens", async () => {
    const { host, conversation } = await talk(false);
    conversation.showCode({
      userCode: "AB-CD",
      verificationUrl: "https://idp.example/d",
      expiresAtMs: host.clock.nowMs() + 180_000,
    });
    await host.clock.advance(61_000);
    conversation.progress("done");
    await host.clock.advance(300_000);
    expect(host.out.stderr.match(/The code is valid for .*/g)).toEqual([
      "The code is valid for 3 min.",
      "The code is valid for 2 min.",
    ]);
  });

  it("shows a page's address whether or not a browser opens it, and never one that is not https", async () => {
    const { host, conversation } = await talk(true);
    expect(await conversation.openPage("https://idp.example/auth?a=\u001b[2J")).toBe("opened");
    host.browser.there = false;
    expect(await conversation.openPage("https://idp.example/again")).toBe("shown");
    conversation.progress("waiting");
    expect(host.terminal.shown).toMatch(
      /https:\/\/idp\.example\/auth\?a=%1B\[2J\n[\s\S]*Open this page in your browser:\nhttps:\/\/idp\.example\/again\n/,
    );
    for (const url of ["http://idp.example/", "javascript:x", "no url"])
      expect((await failure(() => conversation.openPage(url))).code).toBe("IDP_INVALID_ANSWER");
    expect(host.browser.opened).toEqual(["https://idp.example/auth?a=%1B[2J"]);
  });

  it("shows the page's own address, and gives the browser the one to start at", async () => {
    const { host, conversation } = await talk(true);
    await conversation.openPage("https://idp.example/auth", "http://127.0.0.1:40001/abc");
    expect(host.browser.opened).toEqual(["http://127.0.0.1:40001/abc"]);
    expect(host.terminal.shown).toContain("\nhttps://idp.example/auth\n");
    expect(host.terminal.shown).not.toContain("40001");
  });

  it("does not show a page that could not be opened and that a code takes the place of", async () => {
    const { host, conversation } = await talk(true);
    host.browser.there = false;
    await conversation.openPage("https://idp.example/auth");
    conversation.showCode({
      userCode: "AB-CD",
      verificationUrl: "https://idp.example/d",
      expiresAtMs: host.clock.nowMs() + 180_000,
    });
    conversation.progress("done");
    expect(host.terminal.shown).not.toContain("https://idp.example/auth");
    expect(host.terminal.shown).toContain("AB-CD");
  });

  it("echoes what is typed with its corrections, a secret not at all", async () => {
    const { host, conversation } = await talk(true);
    const name = conversation.ask({ label: "User name", secret: false });
    host.terminal.type("an日");
    host.terminal.press("backspace", "enter");
    expect((await name).reveal()).toBe("an");
    const secret = conversation.ask({ label: "Password", secret: true });
    host.terminal.type("canary");
    host.terminal.press("enter");
    expect((await secret).reveal()).toBe("canary");
    expect(host.terminal.shown).toContain("User name: an日\b \b\b \b\nPassword (not shown): \n");
    const none = conversation.ask({ label: "Code", secret: false });
    host.terminal.press("end-of-input");
    expect((await failure(() => none)).code).toBe("LOGIN_REQUIRED");
  });

  it("takes a question of yes or no that is given up for a no", async () => {
    const { host, conversation } = await talk(true);
    const sure = conversation.confirm("Always use this role?");
    host.terminal.press("escape");
    expect(await sure).toBe(false);
  });
});

describe("login", () => {
  it("needs nobody where the identity needs nobody, and keeps stdout empty on the way to an error", async () => {
    const { status, stdout, stderr } = await sts(["login", "--profile", "nobody"]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/there is no profile "nobody"/);
  });
});
