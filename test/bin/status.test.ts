import { lstatSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { makeSandbox, programUnderTest, type RunOptions, type RunResult, runProgram } from "../support/program.ts";
import { KEYRING_PROGRAMS, type Keyring, startKeyring } from "../system/servers/keyring.ts";
import { describeSystem } from "../system/servers/requirements.ts";
import { CREDENTIAL_PROCESS, credentialsOf, expectFailure, warmUp } from "./black-box.ts";

interface Report {
  readonly ok: boolean;
  readonly auto: string | null;
  readonly profiles: readonly Readonly<Record<string, unknown>>[];
  readonly stores: readonly { readonly store: string; readonly usable: boolean; readonly problem: string | null }[];
}

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  job.world.reset();
  job.configure();
});
afterAll(() => job.close());

const status = (args: readonly string[] = [], options?: RunOptions): Promise<RunResult> =>
  job.sandbox.run(["status", ...args], options);

function reportOf({ status: code, stdout, stderr }: RunResult): Report {
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as Report;
}

/** Every file below the home with what could be changed of it. */
function listing(home = job.sandbox.home): string[] {
  return readdirSync(home, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const { mode, size, mtimeMs, ino } = lstatSync(path.join(home, name));
      return `${name} ${mode.toString(8)} ${size} ${mtimeMs} ${ino}`;
    });
}

/** As many profiles as a large machine has, each with an entry of its own. */
function configureMany(count: number): void {
  const text = readFileSync(job.configure(), "utf8");
  const start = text.indexOf("[profile.billing]");
  const table = text.slice(start);
  const profiles = Array.from({ length: count }, (_, index) =>
    table.replace("[profile.billing]", `[profile.job-${index}]\nrole_session_name = "job-${index}"`),
  );
  job.sandbox.configure([text.slice(0, start), ...profiles].join("\n"));
}

describe("status", () => {
  it("shows what a real call left: store, subject, role and times", async () => {
    const { Expiration } = await warmUp(job);
    const { profiles, auto } = reportOf(await status(["--json"]));
    expect(auto).not.toBeNull();
    expect(profiles).toEqual([
      expect.objectContaining({
        profile: "billing",
        state: "fresh",
        ok: true,
        store: "file",
        keptIn: "file",
        expiresAt: Expiration,
        error: null,
        role: { arn: job.world.roleArn, assumed: expect.stringContaining(":assumed-role/") },
        identity: expect.objectContaining({ issuer: job.world.op.issuer, subject: expect.any(String) }),
      }),
    ]);
    expect((await status(["--check"])).stdout).toBe("");
  });

  it("gives people the machine's own time, and scripts UTC", async () => {
    const { Expiration } = await warmUp(job);
    const { stdout } = await status([], { env: { TZ: "Asia/Kolkata" } });
    const kolkata = new Date(Date.parse(Expiration) + 5.5 * 3_600_000).toISOString();
    expect(stdout).toMatch(/^\d{4}-\d\d-\d\d [\d:]{8} \+05:30\n/);
    expect(stdout).toContain(kolkata.slice(11, 19));
  });

  it("asks neither the provider nor STS, whatever there is to renew", async () => {
    await warmUp(job);
    ageEntry(entryFile(job.sandbox.cacheDirectory), 60_000);
    const before = [job.world.op.count(), job.world.sts.count()];
    for (const args of [[], ["--json"], ["--check"]]) expect((await status(args)).status).toBe(0);
    expect([job.world.op.count(), job.world.sts.count()]).toEqual(before);
  });

  it("creates nothing in an empty home", async () => {
    const before = listing();
    for (const args of [[], ["--json"], ["--check"]]) expect((await status(args)).status).toBe(0);
    expect(listing()).toEqual(before);
  });

  it("changes nothing in a used one", async () => {
    await warmUp(job);
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS));
    const before = listing();
    for (const args of [[], ["--json"], ["--check"]]) expect((await status(args)).status).toBe(0);
    expect(listing()).toEqual(before);
  });

  it("works without a home", async () => {
    const other = makeSandbox();
    const env = { HOME: undefined, XDG_CONFIG_HOME: undefined, STS_BROKER_CONFIG: job.configure() };
    const result = await status(["--json"], { env: { ...env, HOME: "/nonexistent" }, cwd: other.home });
    other.remove();
    expect(reportOf(result).profiles).toHaveLength(1);
  });

  it("has one line on stderr where there is no configuration", async () => {
    const other = makeSandbox();
    expectFailure(await other.run(["status"]), {
      status: 2,
      says: /there is no configuration/,
      hint: /config example/,
    });
    expect(listing(other.home)).toEqual([]);
    other.remove();
  });

  it("shows fifty profiles in one run", async () => {
    configureMany(50);
    const { stdout } = await status(["--json"]);
    expect((JSON.parse(stdout) as Report).profiles).toHaveLength(50);
    expect((await status()).stdout.match(/^job-\d+ +no credentials kept/gm)).toHaveLength(50);
  });
});

describe("status --check", () => {
  it("ends as the last call did, until one succeeds", async () => {
    job.world.sts.cut();
    const failed = await job.sandbox.run(CREDENTIAL_PROCESS);
    expect(failed.status).toBe(5);
    const { status: code, stdout, stderr } = await status(["--check"]);
    expect({ code, stderr }).toEqual({ code: 5, stderr: "" });
    expect(stdout).toMatch(/^billing: no credentials, renewal failed \d+ s ago: [^\n]+\n$/);
    job.world.reset();
    rmSync(path.join(job.sandbox.cacheDirectory, "failures"), { recursive: true });
    await warmUp(job);
    expect(await status(["--check"])).toMatchObject({ status: 0, stdout: "" });
  });

  it("is content with an outage as long as the credentials last, and not any more after that", async () => {
    await warmUp(job);
    ageEntry(entryFile(job.sandbox.cacheDirectory), 120_000);
    job.world.sts.cut();
    expect((await job.sandbox.run(CREDENTIAL_PROCESS)).status).toBe(0);
    expect(await status(["--check"])).toMatchObject({ status: 0, stdout: "" });
    expect((await status()).stdout).toMatch(/^ {2}failed /m);
    ageEntry(entryFile(job.sandbox.cacheDirectory), -1_000);
    expect(await status(["--check"])).toMatchObject({ status: 5, stdout: expect.stringMatching(/^billing: expired /) });
  });
});

describe("a session bus that never answers", () => {
  let bus: Server | undefined;
  afterEach(() => void bus?.close());

  it("costs fifty profiles one wait, not fifty", async () => {
    configureMany(50);
    const socket = path.join(job.sandbox.home, "bus");
    let connections = 0;
    bus = createServer((connection) => {
      connections++;
      connection.on("error", () => {}).resume();
    });
    await new Promise<void>((resolve) => bus?.listen(socket, resolve));
    const result = await status(["--json"], { env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${socket}` } });
    const { stores, auto } = reportOf(result);
    expect(stores[0]).toMatchObject({ store: "keychain", usable: false, problem: "the keyring does not answer" });
    expect(auto).not.toBe("keychain");
    expect(connections).toBe(1);

    connections = 0;
    expect((await status(["--check"], { env: { DBUS_SESSION_BUS_ADDRESS: `unix:path=${socket}` } })).status).toBe(0);
    expect(connections).toBeLessThanOrEqual(8);
    rmSync(socket, { force: true });
  });
});

describeSystem("status with gnome-keyring", KEYRING_PROGRAMS, () => {
  let ring: Keyring | undefined;
  afterEach(async () => {
    await ring?.stop();
    ring = undefined;
  });

  it("names the keychain while it is open, and leaves it locked when it is locked", async () => {
    job.configure({ profile: 'store = "auto"' });
    ring = await startKeyring();
    const { DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR } = ring.env;
    const env = { DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR };
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env }));
    expect(reportOf(await status(["--json"], { env }))).toMatchObject({
      auto: "keychain",
      profiles: [{ keptIn: "keychain", state: "fresh" }],
    });

    await ring.lock();
    const locked = reportOf(await status(["--json"], { env }));
    expect(locked.profiles[0]).toMatchObject({ state: "none", ok: true });
    expect(locked.stores[0]).toMatchObject({ usable: false, problem: "the keyring is locked" });
    expect(locked.auto).not.toBe("keychain");
    expect(await ring.isLocked()).toBe(true);
  });
});

describeSystem("status (strace)", ["strace"], () => {
  it("opens no connection, and no file for writing", async () => {
    await warmUp(job);
    const log = path.join(job.sandbox.home, "strace.log");
    const strace = ["strace", "-f", "-qq", "-e", "trace=connect,openat,mkdir,rename,unlink,linkat", "-o", log];
    const result = await runProgram([...strace, ...programUnderTest(), "status"], job.sandbox.env);
    expect(result.status).toBe(0);
    const lines = readFileSync(log, "utf8").split("\n");
    expect(lines.length).toBeGreaterThan(10);
    // The C library looks for nscd to name the user.
    const traces = lines.filter(
      (line) =>
        /connect\(|O_CREAT|O_WRONLY|O_RDWR|mkdir|rename|unlink|linkat/.test(line) && !/\/dev\/|\/nscd\//.test(line),
    );
    expect(traces).toEqual([]);
    rmSync(log);
  });
});
