// A real terminal with somebody at its keys: a tmux server of its own, with one shell in one window.

import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { needed } from "./requirements.ts";

export const TMUX_PROGRAMS = ["tmux", "bash"];

export interface TmuxOptions {
  /** The whole environment of the shell; TERM is tmux's own unless it is stated. */
  readonly env: Readonly<Record<string, string>>;
  /** Default 80 by 24. */
  readonly columns?: number;
  readonly rows?: number;
}

export interface TmuxTerminal {
  /** Types text as it is. */
  type(text: string): Promise<void>;
  /** Presses keys by tmux's names: Enter, Up, C-c, Escape. */
  press(...keys: readonly string[]): Promise<void>;
  /** As from the clipboard, marked as a paste where the program has asked for it. */
  paste(text: string): Promise<void>;
  /** What is on the screen now, and with "history" what was scrolled off, without trailing blanks. */
  screen(history?: "history"): Promise<string>;
  /** Waits until the screen shows it. @throws with the screen, past the deadline (20 s) */
  until(pattern: RegExp, history?: "history"): Promise<string>;
  /** A line at the shell's prompt, once that is there, and what it printed. */
  run(line: string): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  cursorIsShown(): Promise<boolean>;
  /** Every byte that was written to the terminal. */
  written(): string;
  stop(): Promise<void>;
}

const DEADLINE_MS = 20_000;
const POLL_MS = 50;
const PROMPT = "ready> ";

const run = promisify(execFile);

export async function startTmux({ env, columns = 80, rows = 24 }: TmuxOptions): Promise<TmuxTerminal> {
  const folder = mkdtempSync(join(tmpdir(), "sts-broker-tmux-"));
  const socket = join(folder, "socket");
  const log = join(folder, "written");
  const tmux = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run(needed("tmux"), ["-S", socket, "-f", "/dev/null", ...args], {
      env: { PATH: env.PATH, LANG: "C.UTF-8", TMUX_TMPDIR: folder },
    });
    return stdout;
  };
  const { TERM = "screen", ...others } = env;
  const settings = Object.entries({ ...others, TERM, PS1: PROMPT }).map(([name, value]) => `${name}=${value}`);
  const shell = ["env", "-i", ...settings, needed("bash"), "--norc", "--noprofile"];
  const size = ["-x", String(columns), "-y", String(rows)];
  await tmux("new-session", "-d", ...size, ";", "set-option", "-g", "window-size", "manual");
  await tmux("respawn-pane", "-k", "-c", env.HOME ?? folder, ...shell);
  const session = (await tmux("display-message", "-p", "#{pane_pid}")).trim();
  await tmux("pipe-pane", "-o", `cat >> '${log}'`);

  const screen: TmuxTerminal["screen"] = async (history) => {
    const from = history === undefined ? [] : ["-S", "-"];
    return (await tmux("capture-pane", "-p", ...from)).replace(/[ \n]+$/, "");
  };
  const until: TmuxTerminal["until"] = async (pattern, history) => {
    const endMs = performance.now() + DEADLINE_MS;
    for (;;) {
      const shown = await screen(history);
      if (pattern.test(shown)) return shown;
      if (performance.now() > endMs) throw new Error(`the terminal never showed ${pattern}, but:\n${shown}`);
      await delay(POLL_MS);
    }
  };
  const type: TmuxTerminal["type"] = async (text) => void (await tmux("send-keys", "-l", "--", text));
  const press: TmuxTerminal["press"] = async (...keys) => void (await tmux("send-keys", ...keys));
  let lines = 0;
  await until(/ready>/);

  return {
    type,
    press,
    screen,
    until,
    async paste(text) {
      await tmux("set-buffer", "--", text);
      await tmux("paste-buffer", "-p", "-r");
    },
    async run(line) {
      lines += 1;
      // A program that is ending would take what is typed.
      await until(/ready>$/);
      await type(`${line}; echo "<done ${lines}"">"`);
      await press("Enter");
      const shown = await until(new RegExp(`<done ${lines}>`), "history");
      const at = shown.lastIndexOf(`<done ${lines}"">"`);
      return shown.slice(shown.indexOf("\n", at) + 1, shown.lastIndexOf(`<done ${lines}>`)).trim();
    },
    resize: async (toColumns, toRows) =>
      void (await tmux("resize-window", "-x", String(toColumns), "-y", String(toRows))),
    cursorIsShown: async () => (await tmux("display-message", "-p", "#{cursor_flag}")).trim() === "1",
    written: () => readFileSync(log, "latin1"),
    async stop() {
      await tmux("kill-server").catch(() => undefined);
      // They are hung up on, and may still be tidying.
      const endMs = performance.now() + DEADLINE_MS;
      while (isAlive(session) && performance.now() < endMs) await delay(POLL_MS);
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Whether a process of the session is left. */
function isAlive(session: string): boolean {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        const [state, , , its] = readFileSync(`/proc/${pid}/stat`, "utf8")
          .replace(/^.*\) /s, "")
          .split(" ");
        return its === session && state !== "Z";
      } catch {
        return false;
      }
    });
}
