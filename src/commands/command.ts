import type { Host } from "../host/host.ts";

/** What a command line said, by the options' long names. */
export interface Parsed {
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
  readonly operands: readonly string[];
}

export interface OptionSpec {
  /** Without dashes. */
  readonly name: string;
  readonly short?: string;
  /** What a value is called in --help; without it the option is a switch. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly summary: string;
}

export interface CommandModule {
  /** @returns the exit code @throws BrokerError */
  run(host: Host, parsed: Parsed): Promise<number>;
}

/** A verb. The parser, --help, man pages and completions are made from this. */
export interface CommandSpec {
  /** One word, or two for a verb with a subject ("config check"). */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionSpec[];
  /** Operands, as --help shows them; undefined: none are taken. */
  readonly operands?: string;
  /** Parsed without loading commander: an AWS tool starts it on every run. */
  readonly hot?: boolean;
  load(): Promise<CommandModule>;
}
