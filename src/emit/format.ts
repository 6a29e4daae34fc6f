import type { SessionCredentials } from "../core/types.ts";

/** What a format may say beside the credentials. */
export interface EmitContext {
  readonly profile: string;
  /** Only when somebody stated one: a partition's default must not override what the caller's own configuration says. */
  readonly region?: string;
}

/** One way to write credentials down. */
export interface Format {
  /** As given to `--format`. */
  readonly name: string;
  /** One line for help, completions and the man page: lowercase, no full stop. */
  readonly summary: string;
  /**
   * The whole payload, ending with exactly one newline. Nothing is rendered by halves: it throws before it returns a part.
   *
   * @throws BrokerError `STS_INVALID_ANSWER` for a value that no format carries, `USAGE` for one that this format cannot carry
   */
  render(credentials: SessionCredentials, context: EmitContext): string;
}
