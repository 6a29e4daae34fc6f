import { describe, expect, it } from "vitest";
import type { Check } from "../../src/doctor/check.ts";
import { makeContext } from "../../src/doctor/context.ts";
import { examine, exitCodeOf } from "../../src/doctor/examine.ts";
import { failed, ok, warning } from "../../src/doctor/finding.ts";
import { CHECKS } from "../../src/doctor/registry.ts";
import { GOOD } from "../config/helpers.ts";
import { fakeHost } from "../support/fake-host.ts";
import { sts } from "./helpers.ts";

/** Of an issuer whose name AWS can look up. */
const PUBLIC = GOOD.replaceAll("idp.corp.example", "idp.example.com");
const UTF8 = { env: { LANG: "C.UTF-8" } };

interface Line {
  readonly id: string;
  readonly state: string;
  readonly detail: string;
  readonly hint: string | null;
}

const json = async (argv: readonly string[], ...rest: [toml?: string, options?: Parameters<typeof sts>[2]]) => {
  const { status, stdout, stderr } = await sts(["doctor", "--offline", "--json", ...argv], ...rest);
  return { status, stderr, lines: JSON.parse(stdout) as Line[] };
};

describe("doctor --offline", () => {
  it("asks nobody, and says of each check that it was left out", async () => {
    const { status, stdout, host } = await sts(["doctor", "--offline"], PUBLIC, UTF8);
    expect(status).toBe(0);
    expect(host.routes.requests).toEqual([]);
    expect(host.spawned).toEqual([]);
    expect(stdout).toMatch(/^✓ configuration +1 profile, 1 identity in ~\/\.config\/sts-broker\/config\.toml$/m);
    expect(stdout).toMatch(/^- dry run +not looked at, since --offline asks nobody$/m);
    expect(stdout).toMatch(/\n\n(Everything is in order|Nothing has failed; \d+ warnings?)\.\n$/);
  });

  it("marks in ASCII where the terminal or its locale knows no more", async () => {
    for (const env of [{}, { LANG: "C" }, { LANG: "C.UTF-8", TERM: "dumb" }, { LANG: "de_DE.UTF-8", LC_ALL: "C" }]) {
      const { stdout } = await sts(["doctor", "--offline"], GOOD, { env });
      expect(stdout).toMatch(/^ok configuration/m);
      expect(stdout).toMatch(/^[\n\x20-\x7e]*$/);
    }
  });

  it("lists every check in JSON, with every key there", async () => {
    const { status, stderr, lines } = await json([], PUBLIC);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(lines.map(({ id }) => id).filter((id, index, all) => id !== all[index - 1])).toEqual(
      CHECKS.map(({ id }) => id),
    );
    for (const line of lines) {
      expect(Object.keys(line)).toEqual(["id", "title", "state", "detail", "hint", "profile", "identity"]);
      expect(line.state).toMatch(/^(ok|warning|failed|skipped)$/);
    }
  });

  it("goes on where the configuration cannot be read, and ends with 2", async () => {
    const { status, lines } = await json([], "[identity.corp\n");
    expect(status).toBe(2);
    expect(lines.find(({ id }) => id === "configuration")).toMatchObject({
      state: "failed",
      detail: expect.stringMatching(/^~\/\.config\/sts-broker\/config\.toml:1:\d+: not valid TOML/),
    });
    expect(lines.find(({ id }) => id === "addons")).toMatchObject({ state: "ok" });
  });

  it("has a command to begin with where there is no configuration", async () => {
    const { status, lines } = await json([], "");
    expect(status).toBe(2);
    expect(lines.find(({ id }) => id === "configuration")?.hint).toContain("sts-broker config example");
  });

  it("names every problem of the files by line, and one that the environment makes", async () => {
    const toml = GOOD.replace('identity = "corp"', 'identity = "crop"\nregoin = "eu-west-1"');
    const { lines } = await json([], toml);
    expect(lines.filter(({ state }) => state === "failed").map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/config\.toml:\d+:1: unknown key "regoin"/),
    ]);
    const other = await json([], GOOD, { env: { STS_BROKER_DURATION_SECONDS: "10" } });
    expect(other.lines.filter(({ state }) => state === "failed")).toEqual([
      expect.objectContaining({ profile: "billing", detail: expect.stringContaining("STS_BROKER_DURATION_SECONDS") }),
    ]);
  });

  it("knows no profile that is not there", async () => {
    const { status, stdout, stderr } = await sts(["doctor", "--profile", "biling"], GOOD);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain('there is no profile "biling"');
  });

  it("shows what a missing addon costs, and how to get it", async () => {
    const host = fakeHost(UTF8);
    host.probe.missing.set("koffi", "not installed").set("keytar", "cannot be loaded").set("kerberos", "not installed");
    const lines = await host.clock.run(
      lookAt(
        host,
        CHECKS.filter(({ id }) => id === "addons"),
      ),
    );
    expect(lines.map(({ state, detail }) => `${state}: ${detail}`)).toEqual([
      "ok: fs-native-extensions can be loaded",
      'warning: keytar is installed and cannot be loaded: store = "keychain" and secrets from { keychain } do not work',
      'warning: koffi is not installed: store = "kernel" does not work',
      "ok: kerberos is not installed: identities with Kerberos (Negotiate) do not work; no identity here needs it",
    ]);
    expect(lines[1]?.hint).toContain("libsecret");
  });
});

async function lookAt(host: ReturnType<typeof fakeHost>, checks: readonly Check[]) {
  return examine(checks, await makeContext(host, undefined, false));
}

const check = (id: string, run: Check["run"]): Check => ({ id, title: id, run });

describe("a run of checks", () => {
  it("goes on past one that breaks down, which becomes a failed line", async () => {
    const broken = check("broken", async () => {
      throw new TypeError("x is not a function");
    });
    const host = fakeHost();
    const lines = await host.clock.run(lookAt(host, [broken, check("next", async () => [ok("fine")])]));
    expect(lines).toEqual([
      expect.objectContaining({
        id: "broken",
        state: "failed",
        exitCode: 1,
        detail: expect.stringContaining("bug of sts-broker"),
      }),
      expect.objectContaining({ id: "next", state: "ok" }),
    ]);
  });

  it("gives up one that hangs, while the others have their say", async () => {
    const hangs = check("hangs", () => new Promise<never>(() => {}));
    const host = fakeHost();
    const startMs = host.clock.monotonicMs();
    const lines = await host.clock.run(lookAt(host, [hangs, check("next", async () => [ok("fine")])]));
    expect(lines.map(({ state }) => state)).toEqual(["failed", "ok"]);
    expect(exitCodeOf(lines)).toBe(5);
    expect(host.clock.monotonicMs() - startMs).toBeLessThan(45_000);
  });

  it("ends as the first failure does, in the order of the report, and with 0 after warnings alone", async () => {
    const host = fakeHost();
    const checks = [
      check("a", async () => [ok("fine"), warning("hm", undefined)]),
      check("b", async () => [failed("gone", undefined, {}, 5)]),
      check("c", async () => [failed("bad", undefined)]),
    ];
    const lines = await host.clock.run(lookAt(host, checks));
    expect(exitCodeOf(lines)).toBe(5);
    expect(exitCodeOf(lines.slice(0, 2))).toBe(0);
  });

  it("lets no secret, control character or foreign escape sequence through, whatever a check says", async () => {
    const host = fakeHost();
    const leaks = check("leaks", async () => [
      failed(`token eyJ${"a".repeat(30)}.${"b".repeat(90)}\u001b[2J`, "HTTPS_PROXY=http://ana:p4ss@proxy:3128"),
    ]);
    const [line] = await host.clock.run(lookAt(host, [leaks]));
    expect(line).toMatchObject({ detail: "token [token] [2J", hint: "HTTPS_PROXY=http://proxy:3128" });
  });
});
