import { appendFileSync } from "node:fs";
import { printable } from "../core/printable.ts";
import type { Clock, Log, Streams } from "./host.ts";

/**
 * Debug lines go to stderr, or to the file that STS_BROKER_DEBUG names: a caller's argv cannot be edited, and many callers hide
 * stderr. The file is created 0600 and appended to.
 *
 * @param setting "1", "true": stderr; an absolute path: that file; undefined, "", "0", "false": silent
 */
export function makeLog(setting: string | undefined, streams: Streams, clock: Clock): Log {
  const enabled = setting !== undefined && !["", "0", "false"].includes(setting);
  const file = enabled && setting.startsWith("/") ? setting : undefined;
  const startMs = clock.monotonicMs();

  const write = (line: string): void => {
    if (file === undefined) return streams.writeErr(line);
    try {
      appendFileSync(file, line, { mode: 0o600 });
    } catch {
      streams.writeErr(line);
    }
  };

  return {
    enabled,
    debug(stage, message) {
      if (!enabled) return;
      const at = file === undefined ? "" : `${new Date(clock.nowMs()).toISOString()} ${process.pid} `;
      const sinceMs = (clock.monotonicMs() - startMs).toFixed(1);
      write(`${at}sts-broker: ${stage}: ${printable(message, 2000)} (+${sinceMs} ms)\n`);
    },
    warn(message) {
      streams.writeErr(`sts-broker: warning: ${printable(message, 600)}\n`);
      if (file !== undefined) write(`warning: ${printable(message, 600)}\n`);
    },
  };
}
