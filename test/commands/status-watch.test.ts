import { beforeAll, describe, expect, it } from "vitest";
import { run } from "../../src/main.ts";
import { GOOD, USER } from "../config/helpers.ts";
import { type FakeHost, fakeHost } from "../support/fake-host.ts";

// ink draws nothing on CI, which it finds out when it is loaded.
beforeAll(async () => {
  const { CI, CONTINUOUS_INTEGRATION } = process.env;
  delete process.env.CI;
  delete process.env.CONTINUOUS_INTEGRATION;
  await import("../../src/ui/main.tsx");
  if (CI !== undefined) process.env.CI = CI;
  if (CONTINUOUS_INTEGRATION !== undefined) process.env.CONTINUOUS_INTEGRATION = CONTINUOUS_INTEGRATION;
});

function machine(columns = 80, rows = 30): FakeHost {
  const host = fakeHost({ debug: false, env: { TERM: "xterm", LANG: "C.UTF-8", NO_COLOR: "1" } });
  host.machine.disk.file(USER, GOOD);
  host.machine.keychain.state = "absent";
  host.machine.keyring.state = "not-available";
  Object.assign(host.terminal, { there: true, columns, rows });
  return host;
}

async function until(host: FakeHost, pattern: RegExp): Promise<void> {
  const endMs = performance.now() + 5_000;
  while (!pattern.test(host.terminal.shown) && performance.now() < endMs) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(host.terminal.shown).toMatch(pattern);
}

describe("status --watch", () => {
  it("shows the report until q, then leaves it there and gives the terminal back", async () => {
    const host = machine();
    const code = run(["status", "--watch"], host);
    await until(host, /billing {2}no credentials kept[\s\S]*q: end/);
    await host.clock.advance(1_000);
    await until(host, /00:00:01/);
    host.terminal.type("q");
    expect(await code).toBe(0);
    expect(host.terminal).toMatchObject({ isOpen: false, listener: undefined });
    expect(host.out.stdout).toBe("");
  });

  it("looks anew every five seconds", async () => {
    const host = machine();
    const code = run(["status", "--watch"], host);
    await until(host, /billing {2}no credentials kept/);
    host.machine.keychain.state = "locked";
    await host.clock.advance(6_000);
    await until(host, /locked/);
    host.terminal.press("escape");
    expect(await code).toBe(0);
  });

  it("fits a narrow and low terminal, and scrolls", async () => {
    const host = machine(40, 10);
    const code = run(["status", "--watch"], host);
    await until(host, /more lines/);
    const lines = host.terminal.shown.replace(/\u001b\[[\d;?]*[A-Za-z]/g, "").split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40);
    host.terminal.press("end");
    await until(host, /protects/);
    host.terminal.press("end-of-input");
    expect(await code).toBe(0);
  });

  it.each([
    [["--json"], /goes with neither --json nor --check/],
    [["--check"], /goes with neither --json nor --check/],
  ])("is for a person: not with %s", async (more, says) => {
    const host = machine();
    expect(await run(["status", "--watch", ...more], host)).toBe(2);
    expect(host.out.stderr).toMatch(says);
  });

  it("names what to use instead where there is no terminal", async () => {
    const host = machine();
    host.terminal.there = false;
    expect(await run(["status", "--watch"], host)).toBe(2);
    expect(host.out.stderr).toMatch(/needs a terminal.*\n {2}hint: sts-broker status --json/);
  });
});
