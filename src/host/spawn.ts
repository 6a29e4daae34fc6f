import { spawn as start } from "node:child_process";
import os from "node:os";
import { isatty } from "node:tty";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { spoken } from "../core/time.ts";
import { endedWithUs } from "./ended-with-us.ts";
import { scrubbedEnvironment } from "./environment.ts";
import type { Spawn, SpawnResult } from "./host.ts";

const HANDED_ON: readonly NodeJS.Signals[] = ["SIGHUP", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGCONT"];
/** A terminal sends these to the whole foreground group: the child has them already, and a second Ctrl-C means "now" to many programs. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT", "SIGWINCH"];

function startFailure(program: string, cause: unknown): BrokerError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === "ENOENT") {
    return new BrokerError("COMMAND_FAILED", `${printable(program)}: command not found`, { cause, exitCode: 127 });
  }
  return new BrokerError("COMMAND_FAILED", `${printable(program)}: cannot be run (${code ?? "unknown error"})`, {
    cause,
    exitCode: 126,
  });
}

export function realSpawn(env: Readonly<Record<string, string | undefined>>): Spawn {
  return {
    capture(argv, { timeoutMs, maxBytes, passEnv, input, signal }) {
      const [program = "", ...rest] = argv;
      return new Promise<SpawnResult>((resolve, reject) => {
        // A group of its own, so that what the program started is ended with it.
        const child = start(program, rest, {
          env: scrubbedEnvironment(env, passEnv),
          stdio: [input === undefined ? "ignore" : "pipe", "pipe", "ignore"],
          detached: process.platform !== "win32",
          windowsHide: true,
        });
        const chunks: Buffer[] = [];
        let length = 0;
        const kill = (): void => {
          try {
            // A program that could not be started has no pid, and child.kill() would then be kill(0): our whole process group.
            if (child.pid !== undefined && process.platform === "win32") child.kill("SIGKILL");
            else if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
          } catch {
            // Already gone.
          }
        };
        const forget = endedWithUs(kill);
        const end = (): void => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", aborted);
          forget();
          kill();
          child.stdout?.destroy();
        };
        const fail = (error: BrokerError): void => {
          end();
          reject(error);
        };
        const aborted = (): void =>
          fail(new BrokerError("TIMEOUT", `${printable(program)} was still running at the deadline`));
        const timer = setTimeout(
          () => fail(new BrokerError("TIMEOUT", `${printable(program)} did not end within ${spoken(timeoutMs)}`)),
          timeoutMs,
        );
        signal?.addEventListener("abort", aborted);
        child.stdout?.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > maxBytes) {
            fail(new BrokerError("COMMAND_FAILED", `${printable(program)} printed more than ${maxBytes} bytes`));
          } else chunks.push(chunk);
        });
        child.once("error", (cause) => {
          const failure = startFailure(program, cause);
          fail(new BrokerError("COMMAND_FAILED", failure.message, { cause }));
        });
        child.once("close", (status, by) => {
          end();
          resolve({ status: status ?? undefined, signal: by ?? undefined, stdout: Buffer.concat(chunks) });
        });
        // A program that ends without reading it all says what it thinks by its status.
        child.stdin?.on("error", () => {});
        child.stdin?.end(input);
        // Last: a program that does not exist still says so by an event that has to be heard.
        if (signal?.aborted) aborted();
      });
    },

    async handOver(argv, childEnv) {
      const [program = "", ...rest] = argv;
      // Node takes it for a mistake of ours.
      if (program === "") throw startFailure("''", { code: "ENOENT" });
      return new Promise((resolve, reject) => {
        const atTerminal = isatty(0) || isatty(2);
        const handlers = [...HANDED_ON, ...FROM_TERMINAL].map((name) => {
          const handler = (): void => {
            if (!(atTerminal && FROM_TERMINAL.includes(name))) child.kill(name);
          };
          process.on(name, handler);
          return [name, handler] as const;
        });
        // After the handlers: a signal must not find the command running and us still with the default action, which would orphan it.
        const child = start(program, rest, { env: childEnv, stdio: "inherit" });
        const forget = (): void => {
          for (const [name, handler] of handlers) process.removeListener(name, handler);
        };
        child.once("error", (cause) => {
          forget();
          reject(startFailure(program, cause));
        });
        child.once("exit", (status, by) => {
          forget();
          if (by === null) return resolve(status ?? 1);
          // Die as the child died, so that our own caller sees the same. SIGKILL and SIGSTOP never reach a handler.
          process.kill(process.pid, by);
          resolve(128 + (os.constants.signals[by] ?? 0));
        });
      });
    },
  };
}
