// A real HTTP proxy for CONNECT, with or without Basic authentication, which resolves names that exist only in the test, and
// whose log proves that traffic went through it.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  freePorts,
  retryingPorts,
  type ServerProcess,
  SYSTEM_PATH,
  startProcess,
  temporaryFolder,
  waitForSocket,
} from "./process.ts";
import { needed } from "./requirements.ts";

/** For {@link describeSystem}. */
export const TINYPROXY_PROGRAMS = ["tinyproxy", "libnss_wrapper.so"] as const;

export interface TinyproxyOptions {
  /** Default: none is asked for. tinyproxy answers 407 without, and 401 with a wrong password. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /** CONNECT to another port is answered with 403. Default: every port. */
  readonly connectPorts?: readonly number[];
  /** Host names that the proxy, and nobody else, resolves to 127.0.0.1. */
  readonly names?: readonly string[];
}

export interface Tinyproxy {
  readonly port: number;
  /** `http://127.0.0.1:<port>`, without credentials. */
  readonly url: string;
  /** The same with the credentials, as in HTTPS_PROXY. */
  readonly urlWithCredentials: string;
  /** `host:port` of every CONNECT that was asked for, refused ones included, oldest first. */
  requests(): string[];
  /** `host:port` of every CONNECT whose tunnel was opened. */
  connects(): string[];
  logTail(): string;
  stop(): Promise<void>;
}

/** Takes about 50 ms. */
export function startTinyproxy(options: TinyproxyOptions = {}): Promise<Tinyproxy> {
  return retryingPorts(() => startOnce(options));
}

async function startOnce({ credentials, connectPorts = [], names = [] }: TinyproxyOptions): Promise<Tinyproxy> {
  const folder = temporaryFolder("tinyproxy");
  let server: ServerProcess | undefined;
  const stop = async () => {
    await server?.stop();
    folder.remove();
  };
  try {
    const [port] = await freePorts(1);
    if (port === undefined) throw new Error("no free port");
    const log = join(folder.path, "tinyproxy.log");
    const hosts = join(folder.path, "hosts");
    const configuration = join(folder.path, "tinyproxy.conf");
    writeFileSync(hosts, names.map((name) => `127.0.0.1 ${name}\n`).join(""));
    writeFileSync(
      configuration,
      [
        `Port ${port}`,
        "Listen 127.0.0.1",
        "Allow 127.0.0.1",
        "Timeout 60",
        "MaxClients 100",
        `LogFile "${log}"`,
        "LogLevel Info",
        `PidFile "${join(folder.path, "tinyproxy.pid")}"`,
        ...(credentials === undefined ? [] : [`BasicAuth ${credentials.user} ${credentials.password}`]),
        ...connectPorts.map((allowed) => `ConnectPort ${allowed}`),
        "",
      ].join("\n"),
      { mode: 0o600 },
    );
    const started = await startProcess({
      name: "tinyproxy",
      command: needed("tinyproxy"),
      args: ["-d", "-c", configuration],
      env: {
        PATH: SYSTEM_PATH,
        ...(names.length === 0 ? {} : { LD_PRELOAD: needed("libnss_wrapper.so"), NSS_WRAPPER_HOSTS: hosts }),
      },
      logFile: join(folder.path, "tinyproxy.out"),
      ownLogFile: log,
    });
    server = started;
    await waitForSocket(port, { process: started, deadlineMs: 10_000 });
    const login =
      credentials === undefined
        ? ""
        : `${encodeURIComponent(credentials.user)}:${encodeURIComponent(credentials.password)}@`;
    const read = () => (existsSync(log) ? readFileSync(log, "utf8") : "");
    return {
      port,
      url: `http://127.0.0.1:${port}`,
      urlWithCredentials: `http://${login}127.0.0.1:${port}`,
      requests: () => requestedTargets(read()),
      connects: () => openedTargets(read()),
      logTail: () => started.logTail(),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function requestedTargets(log: string): string[] {
  return [...log.matchAll(/Request \(file descriptor \d+\): CONNECT (\S+) HTTP/g)].map(([, target = ""]) => target);
}

/** The line that a connection was opened names the host alone: the port stands in the line that it was tried. */
function openedTargets(log: string): string[] {
  const tried: string[] = [];
  const opened: string[] = [];
  for (const line of log.split("\n")) {
    const attempt = /opensock: opening connection to (\S+)$/.exec(line)?.[1];
    const failure = /opensock: Could not .* (\S+:\d+)\b/.exec(line)?.[1];
    const host = /Established connection to host "([^"]+)"/.exec(line)?.[1];
    if (attempt !== undefined) tried.push(attempt);
    const done = failure ?? tried.find((target) => target.slice(0, target.lastIndexOf(":")) === host);
    if (done === undefined || !tried.includes(done)) continue;
    tried.splice(tried.indexOf(done), 1);
    if (host !== undefined) opened.push(done);
  }
  return opened;
}
