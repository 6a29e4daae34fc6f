/**
 * The host of a test: every side effect of src/host/host.ts in memory, on a clock that moves only when it is told to. It is the only seam:
 * none of our own modules is mocked. Several hosts made by one machine share its clock, files, locks and keychain, as processes do.
 */
import { afterEach } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { crypto } from "../../src/host/crypto.ts";
import { scrubbedEnvironment } from "../../src/host/environment.ts";
import { files as realFiles } from "../../src/host/files.ts";
import type { Files, Host, Http, SpawnResult, System } from "../../src/host/host.ts";
import { realHttp } from "../../src/host/http/request.ts";
import { listenOnLoopback } from "../../src/host/loopback-listener.ts";
import { realSpawn } from "../../src/host/spawn.ts";
import { FakeClock } from "./fake-host/clock.ts";
import { FakeDisk } from "./fake-host/files.ts";
import { FakeHttp } from "./fake-host/http.ts";
import { FakeKeychain } from "./fake-host/keychain.ts";
import { FakeKeyring } from "./fake-host/keyring.ts";
import { FakeLocks } from "./fake-host/locks.ts";
import { FakeLoopback } from "./fake-host/loopback.ts";
import { offences } from "./fake-host/offences.ts";
import { FakeProbe } from "./fake-host/probe.ts";
import { FakeBrowser, FakeTerminal } from "./fake-host/terminal.ts";

export { FakeClock } from "./fake-host/clock.ts";
export { FakeDisk } from "./fake-host/files.ts";
export { FakeHttp, json } from "./fake-host/http.ts";
export { FakeKeychain, type KeychainState } from "./fake-host/keychain.ts";

// An unexpected request may be turned into a tidy BrokerError by the code under test; it fails the test all the same.
afterEach(() => {
  const found = offences.splice(0);
  if (found.length > 0) throw new Error(`the test did not expect: ${found.join("; ")}`);
});

export interface FakeHostOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  /** Undefined is Windows. Default 1000. */
  readonly uid?: number | undefined;
  readonly hostname?: string;
  readonly username?: string;
  /** Default credential-process, whatever is run. */
  readonly verb?: string;
  /** `null`: no home at all. Default /home/ana. */
  readonly home?: string | null;
  /** "real": sockets, for servers of test/support. Default: routes alone. */
  readonly http?: "real";
  /** "real": the machine's own file system, for what reads files past the host (node:tls). */
  readonly files?: "real";
  /** "real": sockets that a real browser reaches. */
  readonly loopback?: "real";
  /** "real": real children. */
  readonly spawn?: "real";
  /** Whether debug is on; its lines are captured either way. Default true. */
  readonly debug?: boolean;
}

type Program = (
  argv: readonly string[],
  env: Record<string, string>,
  input: string | undefined,
) => string | Partial<SpawnResult>;

export interface FakeHost extends Host {
  readonly machine: FakeMachine;
  readonly clock: FakeClock;
  readonly routes: FakeHttp;
  readonly keychain: FakeKeychain;
  readonly keyring: FakeKeyring;
  readonly terminal: FakeTerminal;
  readonly browser: FakeBrowser;
  readonly probe: FakeProbe;
  /** What plays the browser, unless loopback is real. */
  readonly listeners: FakeLoopback;
  readonly out: { stdout: string; stderr: string };
  readonly debugLines: string[];
  readonly warnings: string[];
  /** Every program that was started, with the environment it got. */
  readonly spawned: { argv: readonly string[]; env: Record<string, string>; input?: string | undefined }[];
  /** What a program prints, by argv[0]. */
  program(name: string, run: Program): void;
  /** From now on nobody takes what is written to stdout. */
  closeStdout(): void;
  /** As SIGKILL: its locks are released, nothing else is tidied. */
  die(): void;
}

export interface FakeMachine {
  readonly clock: FakeClock;
  readonly disk: FakeDisk;
  readonly locks: FakeLocks;
  readonly keychain: FakeKeychain;
  readonly keyring: FakeKeyring;
  /** How many hold back the signals that would end them. */
  readonly signalsHeld: { count: number };
  host(options?: FakeHostOptions): FakeHost;
}

/** A machine whose clock stands at 2026-01-01T00:00:00Z, with the home /home/ana of uid 1000. */
export function fakeMachine(nowMs = Date.parse("2026-01-01T00:00:00Z")): FakeMachine {
  const clock = new FakeClock(nowMs);
  const disk = new FakeDisk(() => clock.nowMs());
  disk.directory("/etc", { uid: 0, mode: 0o755 });
  disk.directory("/home", { uid: 0, mode: 0o755 });
  disk.directory("/home/ana", { uid: 1000, mode: 0o755 });
  disk.directory("/tmp", { uid: 0, mode: 0o1777 });
  const locks = new FakeLocks();
  const keychain = new FakeKeychain(clock);
  const keyring = new FakeKeyring();
  let pid = 100;
  const machine: FakeMachine = {
    clock,
    disk,
    locks,
    keychain,
    keyring,
    signalsHeld: { count: 0 },
    host: (options = {}) => makeHost(machine, ++pid, options),
  };
  return machine;
}

/** One process on a machine of its own. */
export function fakeHost(options: FakeHostOptions = {}): FakeHost {
  return fakeMachine().host(options);
}

function makeHost(machine: FakeMachine, pid: number, options: FakeHostOptions): FakeHost {
  const { clock, disk, locks, keychain, keyring } = machine;
  const platform = options.platform ?? "linux";
  const uid = platform === "win32" ? undefined : "uid" in options ? options.uid : 1000;
  const home = options.home === null ? undefined : (options.home ?? "/home/ana");
  const system: System = {
    platform,
    pid,
    uid,
    hostname: () => options.hostname ?? "web1.corp.example",
    username: () => options.username ?? "ana",
    verb: options.verb ?? "credential-process",
    parent: () => ({ pid: 99, name: "aws", executable: "/usr/bin/python3.11" }),
    homeDir: () => home,
  };
  const env = options.env ?? {};
  const out = { stdout: "", stderr: "" };
  const debugLines: string[] = [];
  const warnings: string[] = [];
  const log = {
    enabled: options.debug ?? true,
    debug: (stage: string, message: string) => void debugLines.push(`${stage}: ${message}`),
    warn: (message: string) => {
      warnings.push(message);
      out.stderr += `sts-broker: warning: ${message}\n`;
    },
  };
  const routes = new FakeHttp(clock);
  const http: Http = options.http === "real" ? realHttp(env, clock, log) : routes;
  const files: Files = options.files === "real" ? realFiles : disk.as(uid ?? 0);
  const listeners = new FakeLoopback();
  const spawned: FakeHost["spawned"] = [];
  const programs = new Map<string, Program>();
  let stdoutClosed = false;

  const runProgram = (argv: readonly string[], childEnv: Record<string, string>, input?: string): SpawnResult => {
    spawned.push({ argv, env: childEnv, ...(input === undefined ? {} : { input }) });
    const program = programs.get(argv[0] ?? "");
    if (program === undefined) {
      offences.push(`the program ${argv.join(" ")}`);
      throw new Error(`unexpected program ${argv[0]}`);
    }
    const result = program(argv, childEnv, input);
    return typeof result === "string"
      ? { status: 0, signal: undefined, stdout: Buffer.from(result) }
      : { status: 0, signal: undefined, stdout: new Uint8Array(), ...result };
  };

  return {
    machine,
    env,
    system,
    clock,
    files,
    http,
    routes,
    keychain,
    keyring,
    locks: locks.as(pid),
    crypto,
    spawn:
      options.spawn === "real"
        ? realSpawn(env)
        : {
            capture: async (argv, { passEnv, input }) => runProgram(argv, scrubbedEnvironment(env, passEnv), input),
            handOver: async (argv, childEnv) => runProgram(argv, childEnv).status ?? 1,
          },
    kerberos: {
      async open(spn) {
        offences.push(`a ticket for ${spn}`);
        throw new Error(`unexpected ticket for ${spn}`);
      },
    },
    loopback: options.loopback === "real" ? { listen: listenOnLoopback } : listeners,
    listeners,
    terminal: new FakeTerminal(),
    browser: new FakeBrowser(),
    probe: new FakeProbe(() => clock.nowMs()),
    signals: {
      async hold() {
        machine.signalsHeld.count++;
        return () => void machine.signalsHeld.count--;
      },
    },
    streams: {
      writeOut(text) {
        if (stdoutClosed) throw new BrokerError("STDOUT_NOT_TAKEN", "standard output was not taken: it is closed");
        out.stdout += text;
      },
      writeErr(text) {
        out.stderr += text;
      },
    },
    log,
    out,
    debugLines,
    warnings,
    spawned,
    program: (name, run) => void programs.set(name, run),
    closeStdout: () => {
      stdoutClosed = true;
    },
    die: () => locks.releaseAll(pid),
  };
}
