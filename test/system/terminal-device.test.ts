/** Screens of the built executable on a real terminal: a code, a browser's address, the state of all profiles. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { walkThrough } from "../support/person.ts";
import { standalone, unlessStandalone } from "../support/program.ts";
import { atDesk, LOGIN, STATUS } from "./at-desk.ts";
import { describeSystem } from "./servers/requirements.ts";
import { TMUX_PROGRAMS } from "./servers/tmux.ts";

describeSystem("a login by device code, on a terminal", TMUX_PROGRAMS, () => {
  const desk = atDesk();
  let world: OidcWorld;
  beforeAll(async () => {
    world = await startOidcWorld();
    const { clientId } = world.op.clients.people;
    world.registerAudiences(clientId);
    world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: clientId } }));
  });
  afterAll(() => world.close());

  const configure = (type: string): void => {
    desk.sandbox.configure(`
[identity.corp]
type = "${type}"
issuer = "${world.op.issuer}"
client_id = "${world.op.clients.people.clientId}"
refresh_token_store = "file"
parameters = { prompt = "consent" }
[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
store = "file"
[account_aliases]
"123456789012" = "prod"
`);
  };
  beforeEach(() => configure("oidc-device"));

  it("shows code, address, QR code and countdown, and says in the end who, what, how long and where", async () => {
    await desk.open({ rows: 50 });
    const before = await desk.terminal.run("stty -a");
    await desk.start(`${LOGIN} > out`);
    const shown = await desk.terminal.until(/valid for 9:\d\d/);
    const [, code = ""] = /│ +([A-Z]{4}-[A-Z]{4}) +│/.exec(shown) ?? [];
    expect(shown).toContain(`Login for profile billing at ${new URL(world.op.issuer).host}`);
    expect(shown).toContain(`${world.op.issuer}/device`);
    expect(shown).toMatch(/▄▄▄▄|▀▀▀▀|████/);
    expect(await desk.terminal.cursorIsShown()).toBe(false);
    await walkThrough(`${world.op.issuer}/device?user_code=${code}`);
    const end = await desk.terminal.until(/renewal/);
    expect(end).toMatch(/✓ Logged in as \S+ at 127\.0\.0\.1:\d+\n {2}role {5}ci\/billing in prod \(123456789012\)\n/);
    expect(end).toMatch(/ {2}valid {4}for \d+ min, until \d\d:\d\d:\d\d [+-]\d\d:\d\d\n {2}kept {5}in file\n/);
    expect(end).toMatch(/ {2}renewal {2}without you, until the provider wants a new login/);
    // The code is of no use any more.
    expect(end).not.toContain(code);
    await desk.expectLeftAlone(before);
    expect(await desk.terminal.run("cat out")).toBe("");
  });

  it("leaves out the QR code and still shows everything in 40 columns", async () => {
    await desk.open({ columns: 40, rows: 50 });
    await desk.start(LOGIN);
    const shown = await desk.terminal.until(/valid for 9:\d\d/);
    expect(shown).toMatch(/│ +[A-Z]{4}-[A-Z]{4} +│/);
    expect(shown).not.toMatch(/▄▄▄▄|▀▀▀▀|████/);
    expect(shown.replaceAll(/\n */g, "")).toContain(`${world.op.issuer}/device`);
    await desk.terminal.press("C-c");
    await desk.terminal.until(/ready> $|ready>$/);
  });

  it("is left by Ctrl-C as by SIGINT, with the terminal as it was", async () => {
    await desk.open();
    const before = await desk.terminal.run("stty -a");
    await desk.start(`${LOGIN} 2> err`);
    await desk.terminal.until(/valid for/);
    await desk.terminal.press("C-c");
    expect(await desk.terminal.run("echo status $?")).toBe("status 130");
    await desk.expectLeftAlone(before);
  });

  it.each(["TERM", "HUP"])("gives the terminal back when it is ended by SIG%s", async (signal) => {
    await desk.open();
    const before = await desk.terminal.run("stty -a");
    await desk.start(`(echo $BASHPID > pid; exec ${LOGIN} 2> err)`);
    await desk.terminal.until(/valid for/);
    process.kill(Number(readFileSync(path.join(desk.sandbox.home, "pid"), "utf8")), `SIG${signal}` as NodeJS.Signals);
    await desk.expectLeftAlone(before);
  });

  const crashing = "gives the terminal back when it crashes";
  it.skipIf(standalone)(unlessStandalone(crashing, "nothing can be loaded into it"), async () => {
    await desk.open();
    const before = await desk.terminal.run("stty -a");
    const crash = desk.sandbox.file("crash.cjs", 'process.on("SIGUSR1", () => { throw new Error("crash") });');
    await desk.start(`(echo $BASHPID > pid; NODE_OPTIONS=--require=${crash} exec ${LOGIN} 2> err)`);
    await desk.terminal.until(/valid for/);
    process.kill(Number(readFileSync(path.join(desk.sandbox.home, "pid"), "utf8")), "SIGUSR1");
    await desk.terminal.until(/ready>$/);
    expect(await desk.terminal.run("cat err")).toContain("Error: crash");
    await desk.expectLeftAlone(before);
  });

  it("talks to the terminal though stdin and stdout are closed and stderr is a file", async () => {
    await desk.open();
    await desk.start(`${LOGIN} <&- >&- 2> err`);
    await desk.terminal.until(/[A-Z]{4}-[A-Z]{4}/);
    await desk.terminal.press("C-c");
    expect(await desk.terminal.run("cat err")).toBe("");
  });

  it("uses no colour under NO_COLOR", async () => {
    await desk.open({ env: { NO_COLOR: "1" } });
    await desk.start(LOGIN);
    await desk.terminal.until(/valid for/);
    expect(desk.terminal.written()).not.toMatch(/\u001b\[[\d;]+m/);
    await desk.terminal.press("C-c");
  });

  it.each([
    ["TERM=dumb", { TERM: "dumb" }, ""],
    ["--plain", {}, " --plain"],
    ["CI", { CI: "true" }, ""],
  ] as const)("is lines of text without any escape sequence with %s", async (_, env, flag) => {
    await desk.open({ env });
    await desk.terminal.run("clear 2>/dev/null");
    const from = desk.terminal.written().length;
    await desk.start(`${LOGIN}${flag}`);
    const shown = await desk.terminal.until(/The code is valid for 10 min\./);
    const [, code = ""] = /and enter the code ([A-Z]{4}-[A-Z]{4})/.exec(shown) ?? [];
    expect(shown).toContain(`On any device, open ${world.op.issuer}/device`);
    expect(desk.terminal.written().slice(from)).not.toMatch(/\u001b(?!\[\?(2004|25)[hl])/);
    await walkThrough(`${world.op.issuer}/device?user_code=${code}`);
    await desk.terminal.until(/Logged in as \S+ at .*\n {2}role /);
  });

  it("shows code and address on stderr where there is no terminal, and logs in all the same", async () => {
    let stderr = "";
    let walked: Promise<unknown> | undefined;
    const { status, stdout } = await desk.runAway(["login"], {
      onStart: (child) =>
        child.stderr?.on("data", (chunk: string) => {
          stderr += chunk;
          const [, code] = /enter the code ([A-Z]{4}-[A-Z]{4})\n/.exec(stderr) ?? [];
          if (code !== undefined) walked ??= walkThrough(`${world.op.issuer}/device?user_code=${code}`);
        }),
    });
    await walked;
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toMatch(/Logged in as /);
  });

  it.each(["", " --plain"])(
    "shows a page's whole address and has the browser open it, which has no part of the terminal (login%s)",
    async (flag) => {
      configure("oidc-browser");
      const opened = path.join(desk.sandbox.home, "opened");
      const script = `#!/bin/sh\necho noise from a browser; echo more noise >&2\nprintf %s "$1" > ${opened}.part\nmv ${opened}.part ${opened}\n`;
      const browser = desk.sandbox.file("browser", script, 0o700);
      await desk.open({ env: { BROWSER: browser } });
      const before = await desk.terminal.run("stty -a");
      await desk.start(`${LOGIN}${flag}`);
      await desk.terminal.until(/Your browser was asked to open[\s\S]*waiting for you to sign in/);
      const start = await fetch(readFileSync(opened, "utf8"), { redirect: "manual" });
      const url = start.headers.get("location") ?? "";
      expect(url).toContain("code_challenge=");
      // Wrapped by the terminal, not by us: in one piece for whoever copies it.
      expect(desk.terminal.written()).toContain(url);
      await walkThrough(url);
      const end = await desk.terminal.until(/renewal/);
      expect(end).toMatch(/Logged in as \S+ at/);
      expect(end).not.toContain("noise");
      await desk.expectLeftAlone(before);
    },
  );

  it("status --watch counts down on the screen until q, and reads anew what has changed", async () => {
    await desk.open({ rows: 40 });
    const before = await desk.terminal.run("stty -a");
    await desk.start(`${STATUS} --watch`);
    await desk.terminal.until(/billing {2}no credentials kept/);
    const code = await deviceCode();
    await walkThrough(`${world.op.issuer}/device?user_code=${code}`);
    await desk.terminal.until(/billing {2}valid for \d+ min/);
    const first = await desk.terminal.until(/^\d{4}-\d\d-\d\d \S+/m);
    const [, time = ""] = /^(\d{4}-\d\d-\d\d \S+)/m.exec(first) ?? [];
    await desk.terminal.until(new RegExp(`^(?!.*${time})\\d{4}-\\d\\d-\\d\\d`, "m"));
    await desk.terminal.type("q");
    expect(await desk.terminal.run("echo status $?")).toBe("status 0");
    await desk.expectLeftAlone(before);
  });

  it("status --watch is refused without a terminal, with what to use instead", async () => {
    const { status, stderr } = await desk.runAway(["status", "--watch"]);
    expect(status).toBe(2);
    expect(stderr).toMatch(/needs a terminal.*\n {2}hint: sts-broker status --json/);
  });

  /** Of a login that is started beside the screen. */
  function deviceCode(): Promise<string> {
    return new Promise((resolve, reject) => {
      let stderr = "";
      void desk.runAway(["login"], {
        onStart: (child) => {
          child.stderr?.on("data", (chunk: string) => {
            stderr += chunk;
            const [, code] = /enter the code ([A-Z]{4}-[A-Z]{4})\n/.exec(stderr) ?? [];
            if (code !== undefined) resolve(code);
          });
          child.once("close", () => reject(new Error(stderr)));
        },
      });
    });
  }
});
