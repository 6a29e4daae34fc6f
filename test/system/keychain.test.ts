// The keychain as gnome-keyring serves it, and every way in which there is none: credentials are printed each time, nothing hangs,
// nothing asks a person, and no process stays behind.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer, type Server, type Socket } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunOptions, type RunResult, runProgram } from "../support/program.ts";
import { KEYRING_PROGRAMS, type Keyring, type KeyringState, startKeyring } from "./servers/keyring.ts";
import { type ServerProcess, startProcess, temporaryFolder, until } from "./servers/process.ts";
import { describeSystem } from "./servers/requirements.ts";

const ITEMS = { service: "sts-broker" };
/** What the fake service imports: python3-dbus and python3-gi. */
const PYTHON_MODULES = ["/usr/lib/python3/dist-packages/dbus", "/usr/lib/python3/dist-packages/gi"];
const FAKE_SERVICE = fileURLToPath(new URL("./fake-secret-service.py", import.meta.url));

interface Answer {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly SessionToken: string;
}

let job: MainJob;
let keyring: Keyring | undefined;

/** A keyring, and what a process of its desktop session has in its environment. */
async function session(
  state?: KeyringState,
): Promise<{ readonly ring: Keyring; readonly env: Record<string, string> }> {
  const ring = await startKeyring(state);
  keyring = ring;
  const { DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR } = ring.env;
  return { ring, env: { DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR } };
}

function obtain(env: RunOptions["env"] = {}, options: RunOptions = {}): Promise<RunResult> {
  return job.sandbox.run(["credential-process", "--profile", "billing"], { ...options, env });
}

function answerOf({ status, stdout, stderr }: RunResult): Answer {
  expect({ status, stderr }).toMatchObject({ status: 0 });
  const answer = JSON.parse(stdout) as Answer & { readonly Version: number };
  expect(answer.Version).toBe(1);
  return answer;
}

/** What lies in the cache directory, in the store "kernel" where the machine has it, else in "file". */
function fileEntries(): string[] {
  return ["kernel", "entries"].flatMap((folder) => {
    try {
      return readdirSync(path.join(job.sandbox.cacheDirectory, folder));
    } catch {
      return [];
    }
  });
}

let odd: Server | undefined;

/** The address of a socket that is no D-Bus. */
async function oddBus(onConnection: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.resume();
    onConnection(socket);
  });
  odd = server;
  const address = path.join(job.sandbox.home, `odd-bus-${Date.now()}`);
  await new Promise<void>((resolve) => server.listen(address, resolve));
  return `unix:path=${address}`;
}

/** Command lines of the processes that were started, by whomever, with our sandbox as their home. */
function leftBehind(): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      if (!environment.includes(`HOME=${job.sandbox.home}`)) return [];
      return [readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")];
    } catch {
      return [];
    }
  });
}

async function expectNothingLeft(): Promise<void> {
  await until(`no process left behind, but: ${leftBehind()}`, () => leftBehind().length === 0, { deadlineMs: 2_000 });
}

function useMainJob(): void {
  beforeAll(async () => {
    job = await startMainJob();
  });
  afterAll(() => job?.close());
  beforeEach(async () => {
    job.world.reset();
    job.configure({ profile: 'store = "auto"' });
    await runProgram(["/bin/rm", "-rf", job.sandbox.cacheDirectory], job.sandbox.env);
  });
  afterEach(async () => {
    await keyring?.stop();
    keyring = undefined;
    odd?.close();
    odd = undefined;
    await expectNothingLeft();
  });
}

describeSystem("the keychain store with gnome-keyring", KEYRING_PROGRAMS, () => {
  useMainJob();

  for (const store of ["keychain", "auto"]) {
    test(`keeps credentials in the keyring and in no file with store = "${store}"`, async () => {
      job.configure({ profile: `store = "${store}"` });
      const { ring, env } = await session();
      const before = job.counts();
      const cold = await obtain(env);
      const answer = answerOf(cold);
      expect(cold.stderr).toBe("");
      const [item, ...others] = await ring.search(ITEMS);
      expect(others).toEqual([]);
      expect(item?.secret).toContain(answer.SessionToken);
      expect(fileEntries()).toEqual([]);

      const warm = await obtain(env);
      expect(warm).toMatchObject({ status: 0, stderr: "", stdout: cold.stdout });
      expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
      expect(await ring.clientCount()).toBe(1);
    });
  }

  test("reads what a second profile of the same settings left in the keyring", async () => {
    job.configure({ profile: 'store = "keychain"' });
    const { env } = await session();
    const first = answerOf(await obtain(env));
    expect(answerOf(await obtain({ ...env, STS_BROKER_PROFILE: "billing" }))).toEqual(first);
  });

  test("finds the bus where systemd puts it when the environment lost its address", async () => {
    const { ring, env } = await session();
    answerOf(await obtain({ XDG_RUNTIME_DIR: env.XDG_RUNTIME_DIR }));
    expect(await ring.search(ITEMS)).toHaveLength(1);
    expect(fileEntries()).toEqual([]);
  });

  test("uses the bus of an address whose first part would start one", async () => {
    job.configure({ profile: 'store = "keychain"' });
    const { ring, env } = await session();
    const address = `autolaunch:;${env.DBUS_SESSION_BUS_ADDRESS}`;
    const result = await obtain({ DBUS_SESSION_BUS_ADDRESS: address, DISPLAY: ":99" });
    answerOf(result);
    expect(result.stderr).toBe("");
    expect(await ring.search(ITEMS)).toHaveLength(1);
  });

  test("takes a client secret that secret-tool stored", async () => {
    const { ring, env } = await session();
    const { clientId, clientSecret } = job.world.op.clients.secretBasic;
    await ring.store("billing client", { service: "sts-broker", account: "billing-client" }, clientSecret);
    job.sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${job.world.op.issuer}"
client_id = "${clientId}"
client_secret = { keychain = "billing-client" }
audience = "sts.amazonaws.com"
[profile.billing]
identity = "corp"
role_arn = "${job.world.roleArn}"
region = "eu-west-1"
endpoint_url = "${job.world.sts.url}"
store = "file"
`);
    answerOf(await obtain(env));
    await runProgram(["/bin/rm", "-rf", job.sandbox.cacheDirectory], job.sandbox.env);

    await ring.lock();
    const locked = await obtain(env);
    expect(locked).toMatchObject({ status: 2, stdout: "" });
    expect(locked.stderr).toMatch(/^sts-broker: .*client_secret.*keyring is locked/);
    const absent = await obtain({});
    expect(absent).toMatchObject({ status: 2, stdout: "" });
    expect(absent.stderr).toMatch(/^sts-broker: .*client_secret.*keychain cannot be used/);
  });

  test("names the secret-tool command when the keyring has no such client secret", async () => {
    const { env } = await session();
    job.sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${job.world.op.issuer}"
client_id = "cc-basic"
client_secret = { keychain = "billing-client" }
[profile.billing]
identity = "corp"
role_arn = "${job.world.roleArn}"
endpoint_url = "${job.world.sts.url}"
`);
    const result = await obtain(env);
    expect(result).toMatchObject({ status: 2, stdout: "" });
    expect(result.stderr).toContain("hint: secret-tool store");
    expect(result.stderr).toContain("service sts-broker account billing-client");
  });

  test("makes one exchange when sixty processes meet an empty keyring", async () => {
    job.configure({ profile: 'store = "keychain"' });
    const { env } = await session();
    const before = job.counts();
    const results = await Promise.all(Array.from({ length: 60 }, () => obtain(env)));
    expect(results.filter(({ status, stderr }) => status !== 0 || stderr !== "")).toEqual([]);
    expect(new Set(results.map((result) => result.stdout)).size).toBe(1);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
  });

  test("answers a desktop session with what cron left in another store", async () => {
    const cron = await obtain({});
    answerOf(cron);
    expect(fileEntries()).toHaveLength(1);
    const { ring, env } = await session();
    const before = job.counts();
    expect(await obtain(env)).toMatchObject({ status: 0, stdout: cron.stdout, stderr: "" });
    expect(job.counts()).toEqual(before);
    expect(await ring.search(ITEMS)).toEqual([]);
  });
});

describeSystem("a keychain that cannot be used", [...KEYRING_PROGRAMS, "dbus-launch"], () => {
  useMainJob();

  /** Each makes the environment of a session whose keychain is of no use. */
  const CASES: readonly {
    readonly name: string;
    readonly says: RegExp;
    readonly coldMs: number;
    readonly warmMs: number;
    /** Where it is the only store, and so waited for patiently; default as `coldMs`. */
    readonly onlyMs?: number;
    prepare(): Promise<Record<string, string>>;
  }[] = [
    {
      name: "a locked keyring",
      says: /keychain: the keyring is locked/,
      coldMs: 8_000,
      warmMs: 6_000,
      prepare: async () => {
        const { ring, env } = await session();
        await ring.lock();
        return env;
      },
    },
    {
      name: "a keyring that was never unlocked",
      says: /keychain: the keyring (has no default collection|is locked)/,
      coldMs: 8_000,
      warmMs: 6_000,
      prepare: async () => (await session("never-unlocked")).env,
    },
    {
      name: "a bus without a keyring",
      says: /keychain: no keyring runs in this session/,
      coldMs: 8_000,
      warmMs: 6_000,
      prepare: async () => (await session("absent")).env,
    },
    {
      name: "a keyring that hangs",
      says: /keychain: the keyring does not answer/,
      coldMs: 8_000,
      warmMs: 6_000,
      onlyMs: 14_000,
      prepare: async () => {
        const { ring, env } = await session();
        ring.freeze();
        return env;
      },
    },
    {
      name: "a bus that is gone",
      says: /keychain: the session bus cannot be used \(ENOENT\)/,
      coldMs: 8_000,
      warmMs: 6_000,
      prepare: async () => ({ DBUS_SESSION_BUS_ADDRESS: `unix:path=${job.sandbox.home}/no-bus` }),
    },
    {
      name: "a bus that takes the connection and never speaks",
      says: /keychain: the keyring does not answer/,
      coldMs: 8_000,
      warmMs: 6_000,
      onlyMs: 14_000,
      prepare: async () => ({ DBUS_SESSION_BUS_ADDRESS: await oddBus(() => {}) }),
    },
    {
      name: "a bus that speaks something else",
      says: /keychain: the session bus cannot be used/,
      coldMs: 8_000,
      warmMs: 6_000,
      prepare: async () => ({
        DBUS_SESSION_BUS_ADDRESS: await oddBus((socket) => socket.write("HTTP/1.1 400 No\r\n\r\n")),
      }),
    },
    {
      name: "an address that would start a bus",
      says: /keychain: /,
      coldMs: 8_000,
      warmMs: 6_000,
      prepare: async () => ({ DBUS_SESSION_BUS_ADDRESS: "autolaunch:", DISPLAY: ":99" }),
    },
    {
      name: "no bus at all, with dbus-launch on PATH",
      says: /keychain: no D-Bus session/,
      coldMs: 8_000,
      warmMs: 6_000,
      prepare: async () => ({ DISPLAY: ":99" }),
    },
  ];

  for (const { name, says, coldMs, warmMs, onlyMs = coldMs, prepare } of CASES) {
    test(`${name}: the next store is used instead, soon, and nothing stays behind`, async () => {
      job.configure({ profile: 'store = "auto"' });
      const env = await prepare();
      const before = job.counts();
      const cold = await obtain(env);
      answerOf(cold);
      expect(cold.stderr).toBe("");
      expect(cold.tookMs).toBeLessThan(coldMs);
      expect(fileEntries()).toHaveLength(1);
      await expectNothingLeft();
      const warm = await obtain(env);
      expect(warm).toMatchObject({ status: 0, stdout: cold.stdout, stderr: "" });
      expect(warm.tookMs).toBeLessThan(warmMs);
      expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
    });

    test(`${name}: with store = "keychain" the credentials are printed, and a warning says why they are not kept`, async () => {
      job.configure({ profile: 'store = "keychain"' });
      const env = await prepare();
      const result = await obtain(env);
      answerOf(result);
      const [line = "", ...others] = result.stderr.trimEnd().split("\n");
      expect(others).toEqual([]);
      expect(line).toMatch(/^sts-broker: warning: credentials not cached/);
      expect(line).toMatch(says);
      expect(result.tookMs).toBeLessThan(onlyMs);
      expect(fileEntries()).toEqual([]);
      // Not even a hanging one keeps the next caller waiting.
      const next = await obtain(env);
      answerOf({ ...next, stderr: "" });
      expect(next.tookMs).toBeLessThan(coldMs);
    });
  }

  test("a locked keyring is unlocked by nobody, and what it holds is used again once a person has done it", async () => {
    job.configure({ profile: 'store = "keychain"' });
    const { ring, env } = await session();
    const first = await obtain(env);
    answerOf(first);
    await ring.lock();
    answerOf(await obtain(env));
    expect(await ring.isLocked()).toBe(true);
    await ring.unlock();
    const before = job.counts();
    expect(await obtain(env)).toMatchObject({ status: 0, stdout: first.stdout, stderr: "" });
    expect(job.counts()).toEqual(before);
  });
});

describeSystem("a keychain that hangs on writing", [...KEYRING_PROGRAMS, "/usr/bin/python3", ...PYTHON_MODULES], () => {
  useMainJob();
  let fake: ServerProcess | undefined;
  afterEach(async () => {
    await fake?.stop();
    fake = undefined;
  });

  async function hangingSession(): Promise<{ readonly env: Record<string, string>; methods(): string[] }> {
    const { env } = await session("absent");
    const folder = temporaryFolder("fake-secret-service");
    const log = path.join(folder.path, "log");
    const server = await startProcess({
      name: "fake-secret-service.py",
      command: "/usr/bin/python3",
      args: [FAKE_SERVICE],
      env,
      logFile: log,
    });
    fake = {
      ...server,
      stop: async () => {
        await server.stop();
        folder.remove();
      },
    };
    const lines = (): string[] => readFileSync(log, "utf8").trim().split("\n");
    await until("the fake Secret Service", () => lines().includes("READY"), { process: server, deadlineMs: 10_000 });
    return { env, methods: lines };
  }

  test("does not hang us: the file store gets the credentials, and the helper is ended", async () => {
    const { env, methods } = await hangingSession();
    const before = job.counts();
    const cold = await obtain(env);
    answerOf(cold);
    expect(cold.stderr).toBe("");
    expect(methods()).toContain("CreateItem");
    expect(methods()).not.toContain("Unlock");
    expect(cold.tookMs).toBeLessThan(7_000);
    await expectNothingLeft();
    expect(fileEntries()).toHaveLength(1);
    expect(await obtain(env)).toMatchObject({ status: 0, stdout: cold.stdout });
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts + 1 });
  });

  test("does not cost an early renewal the credentials that it minted", async () => {
    const { env } = await hangingSession();
    const old = answerOf(await obtain({ STS_BROKER_STORE: "file" }));
    ageEntry(entryFile(job.sandbox.cacheDirectory), 600_000);
    const renewed = await obtain(env);
    expect(answerOf(renewed).AccessKeyId).not.toBe(old.AccessKeyId);
    expect(renewed).toMatchObject({ stderr: "" });
    expect(renewed.tookMs).toBeLessThan(7_000);
    expect(await obtain({})).toMatchObject({ stdout: renewed.stdout, stderr: "" });
  });

  test("leaves no helper behind when we are killed while it waits", async () => {
    const { env, methods } = await hangingSession();
    const killed = await obtain(env, {
      onStart: (child) => {
        const waiting = until("the write", () => methods().includes("CreateItem"), { deadlineMs: 10_000 });
        waiting.finally(() => child.kill("SIGKILL")).catch(() => {});
      },
    });
    expect(killed.signal).toBe("SIGKILL");
    await until("the helper's end", () => leftBehind().length === 0, { deadlineMs: 9_000 });
  });
});

describeSystem("secrets on their way to the keychain", [...KEYRING_PROGRAMS, "strace"], () => {
  useMainJob();

  test("stand in nobody's arguments and in no child's environment", async () => {
    job.configure({ profile: 'store = "keychain"' });
    const { ring, env } = await session();
    const trace = path.join(job.sandbox.home, "trace");
    const argv = ["strace", "-f", "-v", "-s", "100000", "-e", "trace=execve", "-o", trace, ...programUnderTest()];
    const before = job.counts();
    const result = await runProgram(
      [...argv, "credential-process", "--profile", "billing"],
      { ...job.sandbox.env, ...env },
      { env: { AWS_SECRET_ACCESS_KEY: "canary-of-the-environment" } },
    );
    const answer = answerOf(result);
    expect(job.counts().sts).toBe(before.sts + 1);
    expect(await ring.search(ITEMS)).toHaveLength(1);

    const started = readFileSync(trace, "utf8")
      .split("\n")
      .filter((line) => /execve\(.* = 0$/.test(line));
    expect(started).toHaveLength(2);
    expect(started[1]).toContain("__keychain");
    const children = started.slice(1).join("\n");
    for (const secret of [
      answer.SecretAccessKey,
      answer.SessionToken,
      job.world.op.clients.secretBasic.clientSecret,
      "canary-of-the-environment",
    ]) {
      expect(children).not.toContain(secret);
      expect(children).not.toContain(Buffer.from(secret).toString("base64"));
    }
  });

  test("go through the addon that the package installs", () => {
    expect(() => createRequire(import.meta.url)("keytar")).not.toThrow();
  });
});
