import type { AuditPlace } from "../config/audit.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Host } from "../host/host.ts";

type Where = Pick<Host, "files" | "spawn" | "system">;

/** Somewhere a record is written to. Both throw an Error whose message says in a few words what is wrong. */
export interface Sink {
  /** For a message: "/var/log/sts-broker/audit.log", "syslog". */
  readonly name: string;
  /** Everything that can be known before there is something to write. */
  check(): void;
  /** @param line with its line end */
  write(line: string, timeoutMs: number): Promise<void>;
}

export function openSink(place: AuditPlace, host: Where): Sink {
  if (place.kind === "file") return fileSink(place.path, host);
  return place.kind === "syslog" ? syslogSink(host) : journalSink(host);
}

function fileSink(path: string, { files }: Where): Sink {
  const append = (text: string): void => {
    try {
      files.appendLine(path, new TextEncoder().encode(text));
    } catch (error) {
      throw new Error(wordsFor(error), { cause: error });
    }
  };
  return { name: printable(path), check: () => append(""), write: async (line) => append(line) };
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "no such directory",
  ENOTDIR: "no such directory",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "read-only file system",
  ENOSPC: "no space left",
  EDQUOT: "quota exceeded",
  ELOOP: "a symbolic link, which is not followed",
  EISDIR: "a directory",
  EINVAL: "not a regular file",
  ENXIO: "not a regular file",
};

function wordsFor(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
  return WORDS[code] === undefined ? code : `${WORDS[code]}, ${code}`;
}

/** Not looked for along PATH, which may lead into the current directory. */
const LOGGERS = ["/usr/bin/logger", "/bin/logger", "/run/current-system/sw/bin/logger"];
const SOCKETS = { linux: "/dev/log", darwin: "/var/run/syslog" } as const;
const JOURNAL_SOCKET = "/run/systemd/journal/socket";
/** Above the longest record with its header; logger's own bound is 1 KiB, and it would cut. */
const MAX_BYTES = "8192";

/** Through logger(1): Node has no datagram sockets of this kind. The record goes in by standard input, as no argv may hold it. */
function syslogSink(host: Where): Sink {
  const socket = host.system.platform === "darwin" ? SOCKETS.darwin : SOCKETS.linux;
  // Without this it succeeds where nobody listens; macOS's logger knows neither option.
  const strict = host.system.platform === "darwin" ? [] : ["--socket-errors=on", "--size", MAX_BYTES];
  return {
    name: "syslog",
    check: () => void checked(host, socket),
    write: (line, timeoutMs) =>
      log(host, socket, [...strict, "-t", "sts-broker", "-p", "authpriv.info"], line, timeoutMs),
  };
}

/** logger writes entries of named fields for the journal, and stays silent where there is none: hence the look at the socket. */
function journalSink(host: Where): Sink {
  const fields = "SYSLOG_IDENTIFIER=sts-broker\nSYSLOG_FACILITY=10\nPRIORITY=6\n";
  return {
    name: "the systemd journal",
    check: () => void checked(host, JOURNAL_SOCKET),
    write: (line, timeoutMs) => log(host, JOURNAL_SOCKET, ["--journald"], `${fields}MESSAGE=${line}`, timeoutMs),
  };
}

function checked({ files }: Where, socket: string): string {
  const program = LOGGERS.find((one) => isThere(files, one));
  if (program === undefined) throw new Error(`there is no ${LOGGERS[0]}`);
  if (!isThere(files, socket)) throw new Error(`there is no ${socket}`);
  return program;
}

function isThere(files: Where["files"], path: string): boolean {
  try {
    return files.stat(path) !== undefined;
  } catch {
    return false;
  }
}

async function log(host: Where, socket: string, args: string[], input: string, timeoutMs: number): Promise<void> {
  const program = checked(host, socket);
  let status: number | undefined;
  try {
    ({ status } = await host.spawn.capture([program, ...args], { timeoutMs, maxBytes: 65_536, input }));
  } catch (error) {
    throw error instanceof BrokerError ? new Error(error.message) : error;
  }
  if (status !== 0)
    throw new Error(
      `${program} ended with ${status ?? "a signal"}: nobody listens at ${socket}, or it is not util-linux's`,
    );
}
