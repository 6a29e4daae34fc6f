import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";

/** "skipped": could not be looked at, or does not concern this configuration. */
export type State = "ok" | "warning" | "failed" | "skipped";

/** Whom a finding is about, where it is not the machine. */
export interface About {
  readonly profile?: string | undefined;
  readonly identity?: string | undefined;
}

/** One line of the report. */
export interface Finding extends About {
  readonly state: State;
  /** One line, lowercase, no full stop. */
  readonly detail: string;
  /** A command to run or a setting to change. */
  readonly hint?: string | undefined;
  /** Of "failed" alone: what the run ends with. */
  readonly exitCode?: number;
}

export function ok(detail: string, about: About = {}, hint?: string): Finding {
  return { state: "ok", detail, hint, ...about };
}

export function skipped(detail: string, about: About = {}, hint?: string): Finding {
  return { state: "skipped", detail, hint, ...about };
}

export function warning(detail: string, hint: string | undefined, about: About = {}): Finding {
  return { state: "warning", detail, hint, ...about };
}

/** @param exitCode of src/core/errors.ts; default usage, which stands for configuration */
export function failed(
  detail: string,
  hint: string | undefined,
  about: About = {},
  exitCode: number = EXIT.usage,
): Finding {
  return { state: "failed", detail, hint, exitCode, ...about };
}

/** What somebody else's doing broke. A bug of ours is a line of the report too: the other checks go on. */
export function ofError(error: unknown, about: About = {}): Finding {
  if (error instanceof BrokerError) return failed(error.message, error.hint, about, error.exitCode);
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const line = `this check broke down, which is a bug of sts-broker: ${printable(`${name}: ${message}`)}`;
  return failed(line, "report it with what STS_BROKER_DEBUG=1 says", about, EXIT.unexpected);
}

/** The errno or DNS code of an error, for a line of text. */
export function codeOf(error: unknown): string {
  return printable((error as NodeJS.ErrnoException).code ?? "unknown error", 60);
}
