import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { launchers, realBrowser } from "../../src/host/browser.ts";
import { makeSandbox, type Sandbox } from "../support/program.ts";

const URL_TO_OPEN = "https://idp.corp.example/auth?client_id=a&state=b";

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = makeSandbox();
});
afterEach(() => sandbox.remove());

/** A browser that notes how it was started. */
function script(name: string, end = "exit 0"): { readonly command: string; readonly noted: string } {
  const noted = path.join(sandbox.home, `${name}.noted`);
  const command = sandbox.file(
    name,
    `#!/bin/sh\n{ echo "args $#: $*"; env; ls -l /proc/$$/fd; cut -d' ' -f6,7 /proc/$$/stat; } > ${noted}.part; mv ${noted}.part ${noted}\n${end}\n`,
    0o700,
  );
  return { command, noted };
}

async function note(file: string): Promise<string> {
  for (const endMs = performance.now() + 10_000; !existsSync(file) && performance.now() < endMs; ) await delay(20);
  return readFileSync(file, "utf8");
}

const open = (env: Record<string, string>, url = URL_TO_OPEN): Promise<boolean> =>
  realBrowser({ ...sandbox.env, ...env }, "linux").open(url);

describe.skipIf(process.platform !== "linux")("the browser (skipped: not Linux)", () => {
  it("is the one of BROWSER, gets the address as one argument, no secret, no file and no terminal of ours", async () => {
    const { command, noted } = script("browser");
    expect(await open({ BROWSER: command, AWS_SECRET_ACCESS_KEY: "canary" })).toBe(true);
    const said = await note(noted);
    expect(said).toContain(`args 1: ${URL_TO_OPEN}\n`);
    expect(said).not.toContain("canary");
    const files = [...said.matchAll(/ ([02]) -> (\S+)/g)].map(([, , target]) => target);
    expect(files).toEqual(["/dev/null", "/dev/null"]);
    // A session of its own, and no terminal in it.
    const [, session, tty] = /^(\d+) (-?\d+)$/m.exec(said) ?? [];
    expect(session).not.toBe(String(process.pid));
    expect(tty).toBe("0");
  });

  it("is the next of BROWSER where one fails or is not there, with %s replaced", async () => {
    const { command, noted } = script("second");
    const failing = script("first", "exit 1");
    expect(await open({ BROWSER: `${sandbox.home}/none:${failing.command}:${command} --new %s` })).toBe(true);
    expect(await note(noted)).toContain(`args 2: --new ${URL_TO_OPEN}\n`);
  });

  it("is not there without a desktop, and one that fails is none", async () => {
    expect(await open({})).toBe(false);
    expect(await open({ BROWSER: script("failing", "exit 3").command })).toBe(false);
  });

  it.each(["http://idp.corp.example/", "file:///etc/passwd", "javascript:alert(1)", "--help", "https:"])(
    "is never given %s",
    async (url) => {
      const { command, noted } = script("never");
      expect(await open({ BROWSER: command }, url)).toBe(false);
      expect(existsSync(noted)).toBe(false);
    },
  );
});

describe("the launchers", () => {
  it("are each system's own", () => {
    expect(launchers(URL_TO_OPEN, { DISPLAY: ":0" }, "linux")).toEqual([["xdg-open", URL_TO_OPEN]]);
    expect(launchers(URL_TO_OPEN, {}, "linux")).toEqual([]);
    expect(launchers(URL_TO_OPEN, {}, "darwin")).toEqual([["open", URL_TO_OPEN]]);
    expect(launchers(URL_TO_OPEN, {}, "win32")).toEqual([["rundll32", "url.dll,FileProtocolHandler", URL_TO_OPEN]]);
  });

  it("get nothing that a shell script among them could trip over", () => {
    const [[, url = ""] = []] = launchers('https://idp.example/"; $(x) `y`\n?a b', { DISPLAY: ":0" }, "linux");
    expect(url).not.toMatch(/["`\s]/);
  });
});
