// What the servers of test/system share: a process in a group of its own, whose output goes to a log file, that is waited for
// with a deadline and ended by pid; free loopback ports; temporary folders.

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** A server that is starting or running. */
export interface ServerProcess {
  readonly name: string;
  readonly pid: number;
  /** undefined while it runs, afterwards what it ended with: a status or a signal. */
  readonly ended: string | undefined;
  /** The last lines that it wrote. */
  logTail(): string;
  signal(signal: NodeJS.Signals): void;
  /** Ends the whole process group: with `stopSignal`, and with SIGKILL what is left of it after `stopDeadlineMs`. */
  stop(): Promise<void>;
}

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment, not an addition to ours. Default: PATH alone. */
  readonly env?: Readonly<Record<string, string>>;
  /** stdout and stderr are appended here. */
  readonly logFile: string;
  /** A log that the server writes by itself, quoted in errors too. */
  readonly ownLogFile?: string;
  /** Written to its stdin, which is closed then. Default: an empty stdin. */
  readonly input?: string;
  /** Default SIGTERM. SIGKILL suits a server that has nothing to save and takes its time. */
  readonly stopSignal?: NodeJS.Signals;
  /** Default 3,000. */
  readonly stopDeadlineMs?: number;
}

const SETPRIV = "/usr/bin/setpriv";

/** A PATH that finds servers (in sbin) whoever runs the tests. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const liveGroups = new Set<number>();
const liveFolders = new Set<string>();

/** For a test process that ends before its tests have stopped their servers: it is too late for promises then. */
function removeEverything(): void {
  for (const pid of liveGroups) killGroup(pid, "SIGKILL");
  for (const folder of liveFolders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
process.once("exit", removeEverything);
process.once("disconnect", removeEverything); // The test runner is gone, and nobody will see how the tests end.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    removeEverything();
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  });
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended.
  }
}

/** Starts a server. A failed exec shows up as `ended`, so callers go on with {@link until} or {@link waitForTcp}. */
export async function startProcess(server: ServerCommand): Promise<ServerProcess> {
  const log = openSync(server.logFile, "a", 0o600);
  // The exit hook above does not run when the test process is killed: then the kernel ends the servers.
  const [command, args] = existsSync(SETPRIV)
    ? [SETPRIV, ["--pdeathsig", "KILL", "--", server.command, ...server.args]]
    : [server.command, server.args];
  const child = spawn(command, args, {
    detached: true,
    stdio: [server.input === undefined ? "ignore" : "pipe", log, log],
    env: { PATH: SYSTEM_PATH, ...server.env },
  });
  closeSync(log);
  const running = new RunningProcess(server, child);
  await running.spawned();
  if (server.input !== undefined) {
    child.stdin?.on("error", () => {}); // It ended without reading; `ended` tells.
    child.stdin?.end(server.input);
  }
  return running;
}

class RunningProcess implements ServerProcess {
  readonly #server: ServerCommand;
  readonly #child: ChildProcess;
  readonly #spawned: Promise<void>;
  readonly #exited: Promise<void>;
  #ended: string | undefined;

  constructor(server: ServerCommand, child: ChildProcess) {
    this.#server = server;
    this.#child = child;
    this.#spawned = new Promise((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (cause) => reject(new Error(`could not start ${server.name}`, { cause })));
    });
    this.#exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#ended = signal ?? `status ${code}`;
        resolve();
      });
    });
  }

  async spawned(): Promise<void> {
    await this.#spawned;
    liveGroups.add(this.pid);
  }

  get name(): string {
    return this.#server.name;
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name} was not started`);
    return pid;
  }

  get ended(): string | undefined {
    return this.#ended;
  }

  logTail(): string {
    const { logFile, ownLogFile } = this.#server;
    return [logFile, ...(ownLogFile === undefined ? [] : [ownLogFile])].map((file) => tailOf(file)).join("");
  }

  signal(signal: NodeJS.Signals): void {
    killGroup(this.pid, signal);
  }

  async stop(): Promise<void> {
    if (this.#ended === undefined) {
      this.signal(this.#server.stopSignal ?? "SIGTERM");
      this.signal("SIGCONT"); // A stopped process takes no other signal than SIGKILL.
      await Promise.race([this.#exited, delay(this.#server.stopDeadlineMs ?? 3_000, undefined, { ref: false })]);
    }
    killGroup(this.pid, "SIGKILL");
    await this.#exited;
    liveGroups.delete(this.pid);
  }
}

function tailOf(file: string, lines = 15): string {
  try {
    const text = readFileSync(file, "utf8").trimEnd();
    return text === "" ? "" : `\n--- ${file}\n${text.split("\n").slice(-lines).join("\n")}`;
  } catch {
    return "";
  }
}

export interface Waiting {
  readonly deadlineMs: number;
  /** Default 20. */
  readonly intervalMs?: number;
  /** Gives up at once when it ends, and quotes its log. */
  readonly process?: ServerProcess;
}

/**
 * Polls until `condition` answers true.
 * @throws Error that names `what`, with the tail of the process's log
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { deadlineMs, intervalMs = 20, process: server }: Waiting,
): Promise<void> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    if (await condition()) return;
    if (server?.ended !== undefined) {
      throw new Error(`${what}: ${server.name} ended with ${server.ended}${server.logTail()}`);
    }
    if (performance.now() >= endMs) {
      throw new Error(`${what}: not within ${deadlineMs} ms${server?.logTail() ?? ""}`);
    }
    await delay(intervalMs);
  }
}

/** Waits until the process listens on 127.0.0.1:`port`, or on a Unix socket. */
export function waitForSocket(address: number | string, waiting: Waiting): Promise<void> {
  const what = `a listener on ${typeof address === "number" ? `port ${address}` : address}`;
  // Somebody else may listen there, while ours gave up for that very reason.
  return until(what, async () => (await accepts(address)) && waiting.process?.ended === undefined, waiting);
}

function accepts(address: number | string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket =
      typeof address === "number" ? connect({ host: "127.0.0.1", port: address }) : connect({ path: address });
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** Free TCP ports on 127.0.0.1, all different. Somebody else may take one before you do: see {@link retryingPorts}. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  try {
    for (let i = 0; i < count; i++) servers.push(await listening());
    return servers.map((server) => {
      const address = server.address();
      if (address === null || typeof address === "string") throw new Error("no TCP address");
      return address.port;
    });
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function listening(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}

/** Starts again, twice at most, when a picked port was taken in the meantime. `start` cleans up before it throws. */
export async function retryingPorts<T>(start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      const taken = /address (is )?already in use|could not (create|bind) listening socket|unable to bind/i;
      if (attempt === 3 || !(error instanceof Error) || !taken.test(error.message)) throw error;
    }
  }
}

/** A temporary folder, private to the user. `remove` is safe to call twice. */
export function temporaryFolder(name: string): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), `sts-broker-${name}-`));
  liveFolders.add(path);
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true, maxRetries: 3 });
      liveFolders.delete(path);
    },
  };
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, killed after `deadlineMs` (default 15,000), whatever its status. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly input?: string;
    readonly deadlineMs?: number;
  } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: "pipe",
      env: { PATH: SYSTEM_PATH, ...options.env },
      timeout: options.deadlineMs ?? 15_000,
      killSignal: "SIGKILL",
    });
    const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    child.stdout.on("data", (chunk: Buffer) => chunks.stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => chunks.stderr.push(chunk));
    child.stdin.on("error", () => {}); // It ended without reading.
    child.stdin.end(options.input ?? "");
    child.once("error", (cause) => reject(new Error(`could not run ${command}`, { cause })));
    child.once("close", (status) => {
      const text = (kind: "stdout" | "stderr") => Buffer.concat(chunks[kind]).toString("utf8");
      resolve({ status, stdout: text("stdout"), stderr: text("stderr") });
    });
  });
}

/** Runs a program that has to succeed, and answers its stdout. */
export async function runOrThrow(...call: Parameters<typeof runCommand>): Promise<string> {
  const result = await runCommand(...call);
  if (result.status !== 0) {
    const [command, args] = call;
    throw new Error(`${command} ${args[0] ?? ""} ended with ${result.status ?? "a signal"}: ${result.stderr.trim()}`);
  }
  return result.stdout;
}
