import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import type { SettingsSpec } from "../../core/settings.ts";
import type { TomlTable } from "../../core/types.ts";
import type { AcquireContext } from "../source.ts";

const DEFAULT_TIMEOUT_SECONDS = 10;

/** Spread into the settings of every source that runs a program. */
export const COMMAND_SETTINGS = {
  command: { type: "argv", required: true, summary: "the program and its arguments; no shell is involved" },
  timeout_seconds: {
    type: "integer",
    minimum: 1,
    maximum: 40,
    summary: "when to give up on it",
    defaultText: String(DEFAULT_TIMEOUT_SECONDS),
  },
  pass_env: { type: "strings", summary: "environment variables it needs besides PATH, HOME, LANG and the like" },
} as const satisfies SettingsSpec;

export interface CommandSettings {
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  readonly passEnv: readonly string[];
}

export function commandSettings(table: TomlTable): CommandSettings {
  return {
    argv: table.command as readonly string[],
    timeoutMs: Number(table.timeout_seconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    passEnv: (table.pass_env as readonly string[] | undefined) ?? [],
  };
}

/**
 * What a program prints, without the blanks around it. It runs without a shell and with a scrubbed environment.
 *
 * @param what as in "a token"
 * @returns the text, and how errors call the program
 * @throws BrokerError COMMAND_FAILED, TIMEOUT
 */
export async function readProofCommand(
  { argv, timeoutMs, passEnv }: CommandSettings,
  what: string,
  { host, signal }: AcquireContext,
  maxBytes: number,
): Promise<{ readonly text: string; readonly program: string }> {
  const program = printable(argv[0], 120);
  const { status, signal: by, stdout } = await host.spawn.capture(argv, { timeoutMs, maxBytes, passEnv, signal });
  if (status !== 0) {
    const how = by === undefined ? `ended with status ${status}` : `was ended by ${by}`;
    throw new BrokerError("COMMAND_FAILED", `${program} ${how} instead of printing ${what}`, {
      hint: "run it by hand as this user; its environment is scrubbed, pass_env names what it needs",
    });
  }
  return { text: new TextDecoder().decode(stdout).trim(), program };
}
