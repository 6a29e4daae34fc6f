import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { Secret } from "../core/secret.ts";
import type { IdentitySource } from "./source.ts";

const DEFAULT_TIMEOUT_SECONDS = 10;
const MAX_BYTES = 64 * 1024;

interface Settings {
  readonly argv: readonly string[];
  readonly timeoutMs: number;
  readonly passEnv: readonly string[];
}

/** A JWT that a program prints. It runs without a shell and with a scrubbed environment. */
export const tokenCommand: IdentitySource<Settings> = {
  kind: "token-command",
  yields: "oidc",
  summary: "a JWT that a program prints on its standard output",
  settings: {
    command: { type: "argv", required: true, summary: "the program and its arguments; no shell is involved" },
    timeout_seconds: {
      type: "integer",
      minimum: 1,
      maximum: 40,
      summary: "when to give up on it",
      defaultText: String(DEFAULT_TIMEOUT_SECONDS),
    },
    pass_env: { type: "strings", summary: "environment variables it needs besides PATH, HOME, LANG and the like" },
  },
  parse: (table) => ({
    argv: table.command as readonly string[],
    timeoutMs: Number(table.timeout_seconds ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    passEnv: (table.pass_env as readonly string[] | undefined) ?? [],
  }),
  async acquire({ argv, timeoutMs, passEnv }, { host, signal }) {
    const program = printable(argv[0], 120);
    const {
      status,
      signal: by,
      stdout,
    } = await host.spawn.capture(argv, { timeoutMs, maxBytes: MAX_BYTES, passEnv, signal });
    if (status !== 0) {
      const how = by === undefined ? `ended with status ${status}` : `was ended by ${by}`;
      throw new BrokerError("COMMAND_FAILED", `${program} ${how} instead of printing a token`, {
        hint: "run it by hand as this user; its environment is scrubbed, pass_env names what it needs",
      });
    }
    return {
      kind: "oidc",
      token: new Secret(new TextDecoder().decode(stdout).trim()),
      name: `the token that ${program} printed`,
    };
  },
};
