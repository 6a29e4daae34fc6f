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

export interface OperandsSpec {
  /** "command": a command line, whose options are its own; "profiles": any number of names of profiles. */
  readonly kind: "command" | "profiles";
  /** As --help shows them. */
  readonly shown: string;
}

/** A verb. The parser, --help, man pages and completions are made from this. */
export interface CommandSpec {
  /** One word, or two for a verb with a subject ("config check"). */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly OptionSpec[];
  /** Undefined: none are taken. */
  readonly operands?: OperandsSpec;
  /** Parsed without loading commander: an AWS tool starts it on every run. */
  readonly hot?: boolean;
  load(): Promise<CommandModule>;
}
