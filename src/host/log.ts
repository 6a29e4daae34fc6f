import { closeSync, constants, fchmodSync, fstatSync, openSync, writeSync } from "node:fs";
import { printable } from "../core/printable.ts";
import type { Clock, Log, Streams } from "./host.ts";

/**
 * Debug lines go to stderr, or to the file that STS_BROKER_DEBUG names: a caller's argv cannot be edited, and many callers hide
 * stderr. The file is created 0600 under any umask and appended to. A line that it does not take goes to stderr: a full disk, a
 * symbolic link, a pipe that nobody reads, a file of another user than root and ourselves.
 *
 * @param setting "1", "true": stderr; an absolute path: that file; undefined, "", "0", "false": silent
 */
export function makeLog(setting: string | undefined, streams: Streams, clock: Clock): Log {
  const enabled = setting !== undefined && !["", "0", "false"].includes(setting);
  const file = enabled && setting.startsWith("/") ? setting : undefined;
  const startMs = clock.monotonicMs();

  return {
    enabled,
    debug(stage, message) {
      if (!enabled) return;
      const at = file === undefined ? "" : `${new Date(clock.nowMs()).toISOString()} ${process.pid} `;
      const sinceMs = (clock.monotonicMs() - startMs).toFixed(1);
      const line = `${at}sts-broker: ${stage}: ${printable(message, 2000)} (+${sinceMs} ms)\n`;
      if (file === undefined || !append(file, line)) streams.writeErr(line);
    },
    warn(message) {
      streams.writeErr(`sts-broker: warning: ${printable(message, 600)}\n`);
      if (file !== undefined) append(file, `warning: ${printable(message, 600)}\n`);
    },
  };
}

/** @returns whether the file took the whole line */
function append(file: string, line: string): boolean {
  try {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    const fd = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
    try {
      const { uid, mode } = fstatSync(fd);
      const ours = process.getuid?.() ?? uid;
      if (uid !== ours && uid !== 0) return false;
      // A restrictive umask (0777) would leave a file that the next process cannot open.
      if (uid === ours && (mode & 0o600) !== 0o600) fchmodSync(fd, 0o600);
      const bytes = Buffer.from(line);
      return writeSync(fd, bytes) === bytes.length;
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}
