/**
 * `login` as a process of its own that waits for a person. It has no terminal, so it says on stderr what it would show; the browser that it
 * asks for is a program that writes the address down, as a desktop's would hand it over.
 */
import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { programUnderTest, type RunResult, runProgram, type Sandbox } from "./program.ts";

export interface LoginProcess {
  readonly ended: Promise<RunResult>;
  /** Waits until stderr shows it. @throws with what it shows, when the login ends or the deadline passes (20 s) */
  until(pattern: RegExp): Promise<RegExpExecArray>;
  signal(name: NodeJS.Signals): void;
}

export interface LoginOptions {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const DEADLINE_MS = 20_000;
const POLL_MS = 20;

export function startLogin(sandbox: Sandbox, { args = [], env = {} }: LoginOptions = {}): LoginProcess {
  let stderr = "";
  let child: ChildProcess | undefined;
  let isOver = false;
  // Without a controlling terminal, whoever runs the tests. It stays the same process.
  const ended = runProgram(["setsid", "--wait", ...programUnderTest(), "login", ...args], sandbox.env, {
    env,
    onStart: (started) => {
      child = started;
      started.stderr?.on("data", (text: string) => {
        stderr += text;
      });
    },
  }).finally(() => {
    isOver = true;
  });
  return {
    ended,
    until: (pattern) =>
      polled(`"${pattern}" from the login`, () => {
        const found = pattern.exec(stderr);
        if (found === null && isOver) throw new Error(`the login ended without ${pattern}:\n${stderr}`);
        return found ?? undefined;
      }).catch((cause) => {
        throw new Error(`the login shows:\n${stderr}`, { cause });
      }),
    signal: (name) => void child?.kill(name),
  };
}

/** A browser launcher in the sandbox; `opened` is the address that it was given. */
export function fakeLauncher(
  sandbox: Sandbox,
  name: string,
): { readonly directory: string; opened(): Promise<string> } {
  const note = path.join(sandbox.home, `${name}-opened`);
  const program = sandbox.file(
    `launchers/${name}`,
    `#!/bin/sh\nprintf '%s\\n' "$@" > '${note}.tmp' && mv '${note}.tmp' '${note}'\n`,
    0o700,
  );
  return {
    directory: path.dirname(program),
    opened: () =>
      polled(`an address given to ${name}`, () => (existsSync(note) ? readFileSync(note, "utf8").trim() : undefined)),
  };
}

async function polled<T>(what: string, look: () => T | undefined): Promise<T> {
  const endMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const seen = look();
    if (seen !== undefined) return seen;
    if (performance.now() > endMs) throw new Error(`there never was ${what}`);
    await delay(POLL_MS);
  }
}
