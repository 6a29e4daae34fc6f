import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { TerminalSession } from "../../src/host/host.ts";
import type { Look } from "../../src/ui/look.ts";
import { type FakeHost, fakeHost } from "../support/fake-host.ts";

// ink draws nothing on CI, which it finds out when it is loaded.
let openLoginScreen: typeof import("../../src/ui/main.tsx").openLoginScreen;
beforeAll(async () => {
  const { CI, CONTINUOUS_INTEGRATION } = process.env;
  delete process.env.CI;
  delete process.env.CONTINUOUS_INTEGRATION;
  ({ openLoginScreen } = await import("../../src/ui/main.tsx"));
  if (CI !== undefined) process.env.CI = CI;
  if (CONTINUOUS_INTEGRATION !== undefined) process.env.CONTINUOUS_INTEGRATION = CONTINUOUS_INTEGRATION;
});

let host: FakeHost;
let screen: ReturnType<typeof openLoginScreen>;
afterEach(() => screen.end(true, ["over"]));

async function open(look: Look = { color: true, unicode: true }, columns = 80, rows = 24): Promise<TerminalSession> {
  host = fakeHost();
  Object.assign(host.terminal, { there: true, columns, rows });
  const terminal = await host.terminal.open();
  if (terminal === undefined) throw new Error("the terminal is there");
  screen = openLoginScreen("Login for profile billing at idp.corp.example", { terminal, clock: host.clock, look });
  return terminal;
}

/** What was drawn by the last change, without colours and cursor movements. */
function drawnBy(change: () => void): string {
  const from = host.terminal.shown.length;
  change();
  return bare(host.terminal.shown.slice(from));
}

function bare(shown: string): string {
  return shown.replace(/\u001b\[[\d;?]*[A-Za-z]/g, "");
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** ink draws at most thirty times a second: what came in between is drawn a moment later. */
async function finallyDrawn(change: () => unknown, pattern: RegExp): Promise<string> {
  const from = host.terminal.shown.length;
  await change();
  let drawn = "";
  for (const endMs = performance.now() + 5_000; !pattern.test(drawn) && performance.now() < endMs; await settled()) {
    drawn = bare(host.terminal.shown.slice(from));
  }
  expect(drawn).toMatch(pattern);
  return drawn;
}

describe("the screen of a login", () => {
  it("shows who is asked at once, and what is going on", async () => {
    await open();
    expect(host.terminal.shown).toContain("Login for profile billing at idp.corp.example");
    await finallyDrawn(() => screen.progress("waiting for the browser"), /⠋ waiting for the browser/);
  });

  it("takes a line with its corrections, and shows it only where it is no secret", async () => {
    await open();
    const name = screen.ask("User name", false);
    host.terminal.type("anna");
    host.terminal.press("backspace", "backspace");
    await finallyDrawn(() => host.terminal.type("a"), /› ana▏/);
    host.terminal.press("enter");
    expect(await name).toBe("ana");
    const from = host.terminal.shown.length;
    const secret = screen.ask("Password", true);
    host.terminal.type("canary");
    host.terminal.press("enter");
    expect(await secret).toBe("canary");
    expect(host.terminal.shown.slice(from)).not.toContain("canary");
  });

  it.each(["escape", "end-of-input"] as const)("is given up by %s", async (key) => {
    await open();
    const name = screen.ask("User name", false);
    host.terminal.press(key);
    expect(await name).toBeUndefined();
    const role = screen.choose("Which role?", [{ value: "a", label: "a" }]);
    host.terminal.press(key);
    expect(await role).toBeUndefined();
  });

  it("forgets what was typed before there was a question", async () => {
    await open();
    host.terminal.type("too early");
    host.terminal.press("enter");
    const name = screen.ask("User name", false);
    host.terminal.type("ana");
    host.terminal.press("enter");
    expect(await name).toBe("ana");
  });

  it("moves through a list page by page, narrows it, and chooses nothing where nothing fits", async () => {
    await open();
    const choices = Array.from({ length: 100 }, (_, index) => ({ value: `v${index}`, label: `role-${index}` }));
    const role = screen.choose("Which role?", choices);
    await finallyDrawn(() => host.terminal.press("page-down"), /› role-17/);
    await finallyDrawn(() => host.terminal.press("end"), /› role-99/);
    await finallyDrawn(() => host.terminal.press("up"), /› role-98/);
    await finallyDrawn(() => host.terminal.type("no such"), /nothing fits/);
    host.terminal.press("enter");
    host.terminal.press("erase-line");
    host.terminal.type("role-4");
    host.terminal.press("down", "enter");
    expect(await role).toBe("v40");
  });

  it("stays within the terminal, also when that becomes small while a list is open", async () => {
    await open(undefined, 80, 30);
    void screen.choose(
      "Which role?",
      Array.from({ length: 100 }, (_, index) => ({ value: `${index}`, label: `role-${index}` })),
    );
    const drawn = await finallyDrawn(() => host.terminal.resize(40, 10), /↓ 97 more/);
    const last = drawn.slice(drawn.lastIndexOf("Login for"));
    expect(last.split("\n").filter((line) => /role-\d/.test(line))).toHaveLength(3);
  });

  it("counts a code down to its end", async () => {
    await open();
    const code = {
      userCode: "ABCD-EFGH",
      verificationUrl: "https://idp.corp.example/device",
      expiresAtMs: host.clock.nowMs() + 6_000,
    };
    await finallyDrawn(() => screen.code(code), /│ +ABCD-EFGH +│[\s\S]*valid for 0:06/);
    await finallyDrawn(() => host.clock.advance(3_000), /valid for 0:03|valid for 0:04/);
    await finallyDrawn(() => host.clock.advance(5_000), /The code has expired/);
  });

  it("has neither colours nor anything beyond ASCII where the terminal has none", async () => {
    await open({ color: false, unicode: false });
    screen.code({
      userCode: "ABCD",
      verificationUrl: "https://idp.corp.example/device",
      expiresAtMs: host.clock.nowMs() + 61_000,
    });
    screen.progress("waiting");
    void screen.ask("User name", false);
    void screen.choose("Which role?", [{ value: "a", label: "a" }]);
    await finallyDrawn(() => screen.progress("x"), /Which role/);
    expect(host.terminal.shown).not.toMatch(/[^\u0000-\u007f]/);
    expect(host.terminal.shown).not.toMatch(/\u001b\[[\d;]*m/);
  });

  it("leaves what it came to, and nothing of the rest", async () => {
    await open();
    screen.progress("waiting");
    const drawn = drawnBy(() => screen.end(true, ["Logged in as ana", "  role     billing"]));
    expect(drawn).toContain("✓ Logged in as ana\n  role     billing");
    expect(host.terminal.listener).toBeUndefined();
    await open();
  });
});
