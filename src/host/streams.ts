import { writeSync } from "node:fs";
import { BrokerError } from "../core/errors.ts";
import type { Streams } from "./host.ts";

const STALL_LIMIT_MS = 30_000;

/** Writes past process.stdout: it is synchronous on every kind of file, tells about a full disk, and skips 2 ms of stream set-up. */
function writeAll(fd: number, text: string): void {
  const bytes = Buffer.from(text);
  let written = 0;
  let stalledMs = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(fd, bytes, written);
      stalledMs = 0;
    } catch (error) {
      // A pipe that somebody set to non-blocking: wait for its reader, without an event loop.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || stalledMs > STALL_LIMIT_MS) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      stalledMs += 5;
    }
  }
}

const WHY: Record<string, string> = {
  EPIPE: "the reader closed the pipe",
  ENOSPC: "no space left on the device",
  EBADF: "it is closed",
  EAGAIN: "the reader does not read",
};

export const streams: Streams = {
  writeOut(text) {
    try {
      writeAll(1, text);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
      throw new BrokerError("STDOUT_NOT_TAKEN", `standard output was not taken: ${WHY[code] ?? code}`, { cause });
    }
  },
  writeErr(text) {
    try {
      writeAll(2, text);
    } catch {
      // Nobody is left to tell.
    }
  },
};
