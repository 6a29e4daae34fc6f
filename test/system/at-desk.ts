/** Somebody at a real terminal who runs the executable under test there, in a sandbox of each test's own. */
import { afterEach, beforeEach, expect } from "vitest";
import {
  makeSandbox,
  programUnderTest,
  type RunOptions,
  type RunResult,
  runProgram,
  type Sandbox,
} from "../support/program.ts";
import { needed } from "./servers/requirements.ts";
import { startTmux, type TmuxOptions, type TmuxTerminal } from "./servers/tmux.ts";

const ALTERNATE_SCREEN = "\u001b[?1049h";

/** As it is typed at a shell's prompt. */
export const LOGIN = typed("login");
export const STATUS = typed("status");

function typed(verb: string): string {
  return [...programUnderTest(), verb].map((word) => `'${word}'`).join(" ");
}

export interface Desk {
  readonly sandbox: Sandbox;
  readonly terminal: TmuxTerminal;
  /** A new terminal, whose shell has the sandbox's environment. */
  open(options?: Partial<TmuxOptions>): Promise<void>;
  /** Types a line, which goes on running. */
  start(line: string): Promise<void>;
  /** Runs the program where there is no controlling terminal, as a service does. */
  runAway(args: readonly string[], options?: RunOptions): Promise<RunResult>;
  /** The terminal's settings and its cursor are as they were. @param before what `stty -a` said */
  expectLeftAlone(before: string): Promise<void>;
}

/** A desk for every test of a suite. */
export function atDesk(): Desk {
  let sandbox: Sandbox;
  let terminal: TmuxTerminal | undefined;
  const current = (): TmuxTerminal => {
    if (terminal === undefined) throw new Error("no terminal was opened");
    return terminal;
  };
  beforeEach(() => {
    sandbox = makeSandbox();
    terminal = undefined;
  });
  afterEach(async () => {
    await terminal?.stop();
    sandbox.remove();
  });
  return {
    get sandbox() {
      return sandbox;
    },
    get terminal() {
      return current();
    },
    async open({ env = {}, ...size } = {}) {
      terminal = await startTmux({ env: { ...sandbox.env, ...env }, ...size });
    },
    async start(line) {
      await current().type(line);
      await current().press("Enter");
    },
    runAway: (args, options) =>
      runProgram([needed("setsid"), "--wait", ...programUnderTest(), ...args], sandbox.env, options),
    async expectLeftAlone(before) {
      expect(await current().run("stty -a")).toBe(before);
      expect(await current().cursorIsShown()).toBe(true);
      expect(current().written()).not.toContain(ALTERNATE_SCREEN);
    },
  };
}
