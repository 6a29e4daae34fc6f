/**
 * The controlling terminal, opened by its own name: what is asked and shown there has nothing to do with stdin, stdout and stderr, which may
 * be a pipe, a file or closed. Whatever ends the program, the terminal is left as it was: echoing, in line mode, with its cursor.
 */
import { closeSync, openSync } from "node:fs";
import { ReadStream, WriteStream } from "node:tty";
import type { Key } from "../core/key.ts";
import type { Terminal, TerminalSession } from "./host.ts";
import { keyDecoder } from "./terminal-keys.ts";

const SHOW_CURSOR = "\u001b[?25h";
const PASTES_MARKED = "\u001b[?2004h";
const PASTES_UNMARKED = "\u001b[?2004l";
/** How long the bytes of one key may take to arrive over a slow line. */
const ESCAPE_MS = 50;
const ENDING: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];

export function realTerminal(env: Readonly<Record<string, string | undefined>>): Terminal {
  return {
    async open() {
      const windows = process.platform === "win32";
      const input = openQuietly(windows ? "\\\\.\\CONIN$" : "/dev/tty");
      const output = openQuietly(windows ? "\\\\.\\CONOUT$" : "/dev/tty");
      if (input !== undefined && output !== undefined) {
        try {
          return openSession(new ReadStream(input), new WriteStream(output), env.TERM === "dumb");
        } catch {
          // Named like a terminal, and none.
        }
      }
      for (const fd of [input, output]) closeQuietly(fd);
      return undefined;
    },
  };
}

function openQuietly(name: string): number | undefined {
  try {
    return openSync(name, "r+");
  } catch {
    return undefined;
  }
}

function closeQuietly(fd: number | undefined): void {
  try {
    if (fd !== undefined) closeSync(fd);
  } catch {
    // A stream has closed it.
  }
}

function openSession(input: ReadStream, output: WriteStream, isDumb: boolean): TerminalSession {
  const decoder = keyDecoder();
  let listener: ((key: Key) => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  // A terminal that went away is the end of the conversation, and not an error of its own.
  input.on("error", () => {});
  output.on("error", () => {});

  const setRaw = (raw: boolean): void => {
    try {
      if (input.isRaw === raw) return;
      input.setRawMode(raw);
      if (!isDumb) output.write(raw ? PASTES_MARKED : PASTES_UNMARKED);
    } catch {
      // It went away.
    }
  };
  const restore = (): void => {
    if (isClosed) return;
    isClosed = true;
    clearTimeout(timer);
    setRaw(false);
    if (!isDumb) output.write(SHOW_CURSOR);
    process.removeListener("exit", restore);
    for (const name of ENDING) process.removeListener(name, endBy);
    process.removeListener("SIGWINCH", resized);
    input.destroy();
  };
  const endBy = (name: NodeJS.Signals): void => {
    output.write("\r\n");
    restore();
    process.kill(process.pid, name);
  };
  const resized = (): void => {
    // Node does this for its own stdout alone.
    (output as WriteStream & { _refreshSize(): void })._refreshSize();
  };
  process.on("exit", restore);
  for (const name of ENDING) process.on(name, endBy);
  process.on("SIGWINCH", resized);

  const deliver = (keys: readonly (Key | { readonly name: "interrupt" })[]): void => {
    for (const key of keys) {
      if (key.name === "interrupt") return endBy("SIGINT");
      // What was typed before a question was there does not answer it.
      listener?.(key);
    }
  };
  input.on("data", (bytes: Buffer) => {
    clearTimeout(timer);
    deliver(decoder.push(bytes));
    if (decoder.waiting()) timer = setTimeout(() => deliver(decoder.flush()), ESCAPE_MS);
  });
  input.pause();

  return {
    size: () => ({ columns: output.columns || 80, rows: output.rows || 24 }),
    write: (text) => void (isClosed || output.write(text)),
    onResize(changed) {
      output.on("resize", changed);
      return () => void output.removeListener("resize", changed);
    },
    readKeys(take) {
      listener = take;
      setRaw(true);
      input.resume();
      return () => {
        if (listener !== take) return;
        listener = undefined;
        input.pause();
        setRaw(false);
      };
    },
    close: restore,
  };
}
