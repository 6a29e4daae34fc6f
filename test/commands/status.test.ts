import { describe, expect, it } from "vitest";
import { openBackoff } from "../../src/broker/backoff.ts";
import { openCache } from "../../src/cache/cache.ts";
import { credentialsCodec, type Entry } from "../../src/cache/entry.ts";
import { renewalWindowMs } from "../../src/cache/freshness.ts";
import { credentialsKey } from "../../src/cache/key.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { localTime, spoken } from "../../src/core/time.ts";
import type { SessionCredentials } from "../../src/core/types.ts";
import { run } from "../../src/main.ts";
import { entry, NOW_MS } from "../cache/samples.ts";
import { GOOD, IDENTITY, PROFILE, resolve, USER } from "../config/helpers.ts";
import { type FakeHostOptions, type FakeMachine, fakeMachine } from "../support/fake-host.ts";

const DIRECTORY = "/home/ana/.cache/sts-broker";
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const UNREACHABLE = new BrokerError("UNREACHABLE", "idp.corp.example cannot be reached", { hint: "check the proxy" });
const TWO = `${GOOD}\n${PROFILE.replaceAll("billing", "reports")}`;

interface World {
  readonly machine: FakeMachine;
  status(
    argv?: readonly string[],
    options?: FakeHostOptions,
  ): Promise<{ code: number; stdout: string; stderr: string }>;
  report(argv?: readonly string[]): Promise<Report>;
  keep(profile: string, one: Entry<SessionCredentials>, store?: string): Promise<void>;
  fail(profile: string, error?: BrokerError): Promise<void>;
}

interface Report {
  readonly ok: boolean;
  readonly auto: string | null;
  readonly profiles: readonly Readonly<Record<string, unknown>>[];
  readonly stores: readonly Readonly<Record<string, unknown>>[];
}

/** A server without keychain, kernel keyring and runtime directory, whose user has this configuration. */
function world(toml = GOOD): World {
  const machine = fakeMachine(NOW_MS);
  machine.disk.file(USER, toml);
  machine.keychain.state = "absent";
  machine.keyring.state = "not-available";
  const keyOf = async (profile: string): Promise<string> => {
    const host = machine.host();
    return credentialsKey((await resolve(host, { profile })).profile, host);
  };
  const status: World["status"] = async (argv = [], options = {}) => {
    const host = machine.host({ debug: false, ...options });
    const code = await host.clock.run(run(["status", ...argv], host));
    expect(host.spawned).toEqual([]);
    return { code, ...host.out };
  };
  return {
    machine,
    status,
    report: async (argv = []) => JSON.parse((await status(["--json", ...argv])).stdout) as Report,
    keep: async (profile, one, store = "file") => {
      const written = await openCache(machine.host(), store, await keyOf(profile), credentialsCodec).write(one);
      expect(written.problem).toBeUndefined();
    },
    fail: async (profile, error = UNREACHABLE) =>
      openBackoff(machine.host(), DIRECTORY, await keyOf(profile)).remember(error),
  };
}

/** "14:05:12", in the zone of whoever runs the tests. */
const clock = (timeMs: number): string => localTime(timeMs).slice(11, 19);

describe("status, for a person", () => {
  it("says of valid credentials until when, where, whose, and when they are renewed", async () => {
    const { status, keep, machine } = world();
    await keep("billing", entry());
    await machine.clock.advance(13 * MINUTE_MS);
    const { code, stdout, stderr } = await status();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const now = localTime(NOW_MS + 13 * MINUTE_MS);
    const fromMs = NOW_MS + HOUR_MS - renewalWindowMs(entry());
    const from = `${clock(fromMs)} (in ${spoken(fromMs - machine.clock.nowMs())})`;
    expect(stdout).toBe(`${now}

billing  valid for 47 min, until ${clock(NOW_MS + HOUR_MS)}, kept in file
  role      arn:aws:iam::123456789012:role/billing
  identity  corp (oidc-client-credentials), billing-batch at
            https://idp.corp.example
  renewed   ${clock(NOW_MS)} (13 min ago); again from ${from}

store = "auto" writes to file.
  keychain  does not work: the keychain is absent
            hint: store = "file" needs no keychain
  kernel    does not work: the kernel keyring is not-available
            hint: choose store = "runtime" or "file"
  runtime   does not work: there is no runtime directory: /run/user/1000 is not
            there
            hint: loginctl enable-linger ana
  file      works, and protects from other users; not root, stolen disks, or
            backups that hold the directory whole
`);
  });

  it("shows a failure beside credentials that are still valid, and when they are tried again", async () => {
    const { status, keep, fail, machine } = world();
    await keep("billing", entry());
    await machine.clock.advance(50 * MINUTE_MS);
    await fail("billing");
    const { code, stdout } = await status();
    expect(code).toBe(0);
    expect(stdout).toContain("billing  valid for 10 min");
    expect(stdout).toMatch(/; again from [\d:]{8} \(in \d\d s\)\n/);
    expect(stdout).toContain(
      `  failed    ${clock(NOW_MS + 50 * MINUTE_MS)} (0 s ago): idp.corp.example cannot be reached\n            hint: check the proxy\n`,
    );
  });

  it("tells what was never used from what has ended and from what cannot be had", async () => {
    const { status, keep, fail, machine } = world(`${TWO}\n${PROFILE.replaceAll("billing", "audit")}`);
    await keep("reports", entry());
    await keep("audit", entry());
    await machine.clock.advance(3 * HOUR_MS);
    await fail("audit");
    const { stdout } = await status();
    expect(stdout).toContain("billing  no credentials kept, the next call fetches them\n");
    expect(stdout).toContain(`reports  expired at ${clock(NOW_MS + HOUR_MS)} (2 h ago), the next call renews\n`);
    expect(stdout).toMatch(/audit {4}EXPIRED at .* \(2 h ago\), and the last attempt to renew\s+failed\n/);
  });

  it("stays within 80 columns, an ARN or an address aside", async () => {
    const { status, keep, fail } = world(GOOD.replaceAll("billing", "a-profile-with-a-rather-long-name-for-its-job"));
    await keep("a-profile-with-a-rather-long-name-for-its-job", entry());
    await fail(
      "a-profile-with-a-rather-long-name-for-its-job",
      new BrokerError("STS_REFUSED", "AWS STS refused the token ".repeat(20)),
    );
    const { stdout } = await status();
    expect(stdout.split("\n").filter((line) => line.length > 80 && !/arn:|https:/.test(line))).toEqual([]);
  });

  it("says so when no store works", async () => {
    const { status, machine } = world();
    machine.disk.directory(DIRECTORY, { mode: 0o755 });
    const { stdout } = await status();
    expect(stdout).toContain('No store that "auto" may choose works: every call fetches credentials.\n');
    expect(stdout).toContain(`hint: chmod 700 ${DIRECTORY}`);
  });
});

describe("status, for a script", () => {
  it("has every key, with times in UTC", async () => {
    const { report, keep, fail, machine } = world();
    await keep("billing", entry());
    await machine.clock.advance(59 * MINUTE_MS);
    await fail("billing");
    const { profiles } = await report();
    expect(profiles[0]).toEqual({
      profile: "billing",
      state: "renew-soon",
      ok: true,
      identity: {
        name: "corp",
        type: "oidc-client-credentials",
        issuer: "https://idp.corp.example",
        subject: "billing-batch",
      },
      role: {
        arn: "arn:aws:iam::123456789012:role/billing",
        assumed: "arn:aws:sts::123456789012:assumed-role/billing/ana",
      },
      store: "auto",
      keptIn: "file",
      expiresAt: "2026-01-01T01:00:00Z",
      renewedAt: "2026-01-01T00:00:00Z",
      nextRefreshAt: expect.stringMatching(/^2026-01-01T00:59:[234]\dZ$/),
      error: {
        code: "UNREACHABLE",
        message: "idp.corp.example cannot be reached",
        hint: "check the proxy",
        exitCode: 5,
        at: "2026-01-01T00:59:00Z",
        retryAt: expect.stringMatching(/^2026-01-01T00:59:[234]\dZ$/),
      },
    });
  });

  it("has the same keys where nothing is known", async () => {
    const { report, keep, machine } = world(`${TWO}\n[profile.broken]\nidentity = "crop"\n`);
    await keep("billing", entry());
    const [known, unused, broken] = (await report()).profiles;
    expect(Object.keys(unused ?? {})).toEqual(Object.keys(known ?? {}));
    expect(Object.keys(broken ?? {}).sort()).toEqual(Object.keys(known ?? {}).sort());
    await machine.clock.advance(1);
  });

  it("is told by --json and by --format json alike", async () => {
    const { status } = world();
    expect(await status(["--json"])).toEqual(await status(["--format", "json"]));
  });

  it("names the store that holds the entry, which need not be the one that is written to", async () => {
    const { report, keep, machine } = world();
    await keep("billing", entry());
    machine.keychain.state = "ready";
    expect(await report()).toMatchObject({ auto: "keychain", profiles: [{ keptIn: "file" }] });
    await keep("billing", entry(NOW_MS + 1), "keychain");
    expect(await report()).toMatchObject({ profiles: [{ keptIn: "keychain" }] });
  });

  it("says why a stronger store is not used", async () => {
    const { report, machine } = world();
    machine.keychain.state = "locked";
    const { auto, stores } = await report();
    expect(auto).toBe("file");
    expect(stores[0]).toMatchObject({ store: "keychain", usable: false, problem: "the keychain is locked" });
    expect(stores[0]?.hint).toContain("unlock it");
    expect(stores.at(-1)).toMatchObject({ store: "file", usable: true, problem: null });
    for (const { protectsFrom } of stores) expect(protectsFrom).toMatch(/\w/);
  });
});

describe("status --check", () => {
  it("is content and silent while every profile has or can get credentials", async () => {
    const { status, keep, fail, machine } = world(TWO);
    expect(await status(["--check"])).toEqual({ code: 0, stdout: "", stderr: "" });
    await keep("billing", entry());
    await fail("billing");
    expect(await status(["--check"])).toEqual({ code: 0, stdout: "", stderr: "" });
    await machine.clock.advance(2 * HOUR_MS);
    await keep("billing", entry(NOW_MS + 2 * HOUR_MS));
    await machine.clock.advance(2 * HOUR_MS);
    expect(await status(["--check"])).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("names what has ended and was not renewed, in a line each, with the first one's code", async () => {
    const { status, keep, fail, machine } = world(TWO);
    await keep("billing", entry());
    await machine.clock.advance(70 * MINUTE_MS);
    await fail("billing");
    await fail("reports", new BrokerError("LOGIN_REQUIRED", "there is no ticket"));
    await machine.clock.advance(HOUR_MS);
    expect(await status(["--check"])).toEqual({
      code: 5,
      stdout:
        "billing: expired 70 min ago, renewal failed 60 min ago: idp.corp.example cannot be reached\n" +
        "reports: no credentials, renewal failed 60 min ago: there is no ticket\n",
      stderr: "",
    });
    expect((await status(["--check", "-p", "reports"])).code).toBe(3);
  });

  it("forgets a failure that a later success could not remove", async () => {
    const { status, keep, fail, machine } = world();
    await fail("billing");
    await machine.clock.advance(MINUTE_MS);
    await keep("billing", entry(NOW_MS + MINUTE_MS));
    await machine.clock.advance(2 * HOUR_MS);
    expect((await status(["--check"])).code).toBe(0);
  });

  it("judges a profile that keeps nothing by its last attempt", async () => {
    const { status, fail } = world(`${GOOD}store = "none"\n`);
    expect((await status(["--check"])).code).toBe(0);
    expect((await status()).stdout).toContain('keeps nothing (store "none"), every call fetches');
    await fail("billing", new BrokerError("STS_REFUSED", "refused"));
    expect((await status(["--check"])).code).toBe(4);
  });

  it("gives the whole report with --json", async () => {
    const { status, fail } = world(TWO);
    await fail("reports");
    const { code, stdout } = await status(["--check", "--json"]);
    expect(code).toBe(5);
    expect(JSON.parse(stdout)).toMatchObject({ ok: false, profiles: [{ ok: true }, { ok: false }] });
  });
});

describe("a profile that cannot be used", () => {
  const toml = `${IDENTITY}\n[profile.broken]\nidentity = "crop"\n\n${PROFILE}`;

  it("is listed with its place, the others are shown, and the exit code is 2", async () => {
    const { code, stdout, stderr } = await world(toml).status();
    expect({ code, stderr }).toEqual({ code: 2, stderr: "" });
    expect(stdout).toContain(`broken   CANNOT BE USED\n  problem   ${USER}:`);
    expect(stdout).toContain('hint: did you mean "corp"?');
    expect(stdout).toContain("billing  no credentials kept");
  });

  it("fails the check", async () => {
    const { code, stdout } = await world(toml).status(["--check"]);
    expect(code).toBe(2);
    expect(stdout).toMatch(/^broken: cannot be used: [^\n]+\n$/);
  });

  it("does not matter where another is asked for", async () => {
    const { code, stdout } = await world(toml).status(["--profile", "billing"]);
    expect(code).toBe(0);
    expect(stdout).not.toContain("broken");
  });

  it("that was mistyped is an error with a hint", async () => {
    const { code, stdout, stderr } = await world(TWO).status(["--profile", "biling"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain('did you mean "billing"?');
  });

  it("is nowhere without a configuration", async () => {
    const { code, stderr } = await world("").status();
    expect(code).toBe(2);
    expect(stderr).toMatch(/^sts-broker: (there is no configuration|no \[profile)/);
  });
});

it("shows every profile whatever STS_BROKER_PROFILE says", async () => {
  const { stdout } = await world(TWO).status([], { env: { STS_BROKER_PROFILE: "reports" } });
  expect(stdout).toContain("billing  ");
});

it("lets no escape sequence of an identity provider's subject out", async () => {
  const { status, report, keep, fail } = world();
  const subject = "\u001b[2Jevil\u0007\u009b\u202e";
  await keep("billing", { ...entry(), subject, issuer: "\u001b]0;title\u0007" });
  await fail("billing", new BrokerError("IDP_REFUSED", "\u001b[31mred"));
  for (const argv of [[], ["--json"], ["--check"]]) {
    const { stdout } = await status(argv);
    expect(stdout).not.toMatch(/[^\n\P{Cc}]|\u202e/u);
  }
  expect((await report()).profiles[0]).toMatchObject({ identity: { subject } });
});

it("neither creates nor changes anything", async () => {
  const { status, keep, fail, machine } = world(TWO);
  machine.keychain.state = "ready";
  const snapshot = (): unknown => [
    machine.disk.below("/home").map((file) => [file, machine.disk.text(file)]),
    machine.disk.exists("/home/ana/.cache"),
    [...machine.keychain.items],
  ];
  const empty = snapshot();
  for (const argv of [[], ["--json"], ["--check"]]) await status(argv);
  expect(snapshot()).toEqual(empty);

  await keep("billing", entry());
  await fail("reports");
  await machine.clock.advance(50 * MINUTE_MS);
  const used = snapshot();
  for (const argv of [[], ["--json"], ["--check"]]) await status(argv);
  expect(snapshot()).toEqual(used);
});

it("shows credentials that a clock set back makes doubtful as what they are", async () => {
  const { status, keep, machine } = world();
  await keep("billing", entry());
  machine.clock.setWall(NOW_MS - HOUR_MS);
  expect((await status()).stdout).toContain("not used, since it was made later than this clock's time");
});

it("survives an entry whose times no calendar has", async () => {
  const { status, keep } = world();
  await keep("billing", { ...entry(), expiresAtMs: Number.MAX_SAFE_INTEGER });
  expect((await status()).code).toBe(0);
  expect((await status(["--json"])).code).toBe(0);
});
