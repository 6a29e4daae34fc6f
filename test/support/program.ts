/**
 * The executable under test, as a black box: STS_BROKER_UNDER_TEST names it (default: the npm build), so that every build of the
 * program goes through the same tests.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

const named = process.env.STS_BROKER_UNDER_TEST ?? path.join(root, "dist", "sts-broker.cjs");

/** An executable that brings its own runtime. */
export const standalone = !/\.[cm]?js$/.test(named);

/** The title of a test that is skipped for the standalone executable: with the reason, where that is what is tested. */
export function unlessStandalone(title: string, reason: string): string {
  return standalone ? `${title} (skipped for the standalone executable: ${reason})` : title;
}

/** argv that starts the program. A script is started by this Node. */
export function programUnderTest(): readonly string[] {
  return standalone ? [named] : [process.execPath, named];
}

export interface RunResult {
  /** Undefined when a signal ended it. */
  readonly status: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

export interface RunOptions {
  /** Added to the sandbox's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string;
  readonly cwd?: string;
  /** Kills the run, default 60,000. */
  readonly deadlineMs?: number;
  /** As nice(1) has it; default: as whoever starts it. */
  readonly niceness?: number;
  /** Sees the process as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** A home of its own, with nothing of the developer's in it. */
export interface Sandbox {
  readonly home: string;
  /** Where the program keeps sealed entries, locks and remembered failures. */
  readonly cacheDirectory: string;
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file below the home and returns its path. */
  file(name: string, content: string, mode?: number): string;
  /** Writes the user's configuration. */
  configure(toml: string): string;
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  remove(): void;
}

export function makeSandbox(): Sandbox {
  const home = realpathSync(mkdtempSync(path.join(tmpdir(), "sts-broker-home-")));
  const env = {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: home,
    LANG: "C.UTF-8",
    STS_BROKER_SYSTEM_CONFIG: path.join(home, "etc"),
  };
  const file = (name: string, content: string, mode = 0o600): string => {
    const full = path.join(home, name);
    mkdirSync(path.dirname(full), { recursive: true, mode: 0o700 });
    writeFileSync(full, content, { mode });
    // The mode of writeFile is bent by the umask.
    chmodSync(full, mode);
    return full;
  };
  return {
    home,
    cacheDirectory: path.join(home, ".cache", "sts-broker"),
    env,
    file,
    configure: (toml) => file(".config/sts-broker/config.toml", toml),
    run: (args, options = {}) => runProgram([...programUnderTest(), ...args], env, options),
    // A process that was left behind may still be writing there.
    remove: () => rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }),
  };
}

/** Runs any program in the sandbox's manner: nothing of our own environment, stdin closed unless given. */
export function runProgram(
  argv: readonly string[],
  base: Readonly<Record<string, string>>,
  options: RunOptions = {},
): Promise<RunResult> {
  const [program = "", ...args] = argv;
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...base, ...options.env })) if (value !== undefined) env[name] = value;
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env,
      cwd: options.cwd ?? base.HOME ?? tmpdir(),
      stdio: [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    if (options.niceness !== undefined && child.pid !== undefined) setPriority(child.pid, options.niceness);
    const timer = setTimeout(() => child.kill("SIGKILL"), options.deadlineMs ?? 60_000);
    let stdout = "";
    let stderr = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.stdin);
    child.once("error", reject);
    child.once("close", (status, signal) => {
      clearTimeout(timer);
      resolve({
        status: status ?? undefined,
        signal: signal ?? undefined,
        stdout,
        stderr,
        tookMs: performance.now() - startMs,
      });
    });
    options.onStart?.(child);
  });
}
