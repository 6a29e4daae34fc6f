import { Argument, Command, CommanderError, Option } from "commander";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { CommandSpec, OptionSpec, Parsed } from "./command.ts";
import { examplesText, HELP_WIDTH, programHelp } from "./help.ts";

export type ParseResult =
  | { readonly kind: "command"; readonly command: CommandSpec; readonly parsed: Parsed }
  /** --help or --version: text for stdout. */
  | { readonly kind: "text"; readonly text: string };

export interface ProgramSpec {
  readonly name: string;
  readonly version: string;
  readonly summary: string;
  readonly commands: readonly CommandSpec[];
  readonly common: readonly OptionSpec[];
}

/** @throws USAGE with what is wrong and how it is written right */
export function parse(argv: readonly string[], spec: ProgramSpec): ParseResult {
  let text = "";
  let chosen: ParseResult | undefined;
  const program = makeProgram(spec, (command, parsed) => {
    chosen = { kind: "command", command, parsed };
  });
  forEach(program, (command) => {
    command.exitOverride();
    command.configureOutput({
      // The same everywhere, whatever stdout is.
      getOutHelpWidth: () => HELP_WIDTH,
      writeOut: (piece) => {
        text += piece;
      },
      writeErr: () => {},
    });
  });
  try {
    program.parse([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { kind: "text", text };
    throw usageError(error, argv, spec);
  }
  if (chosen !== undefined) return chosen;
  throw new BrokerError("USAGE", "no command was given", { hint: `${spec.name} --help` });
}

function makeProgram(spec: ProgramSpec, choose: (command: CommandSpec, parsed: Parsed) => void): Command {
  const program = new Command(spec.name)
    .description(spec.summary)
    .version(spec.version, "-V, --version")
    .enablePositionalOptions();
  const groups = new Map<string, Command>();
  for (const command of spec.commands) {
    const [first = "", second] = command.name.split(" ");
    let parent = program;
    if (second !== undefined) {
      parent = groups.get(first) ?? program.command(first).description("the configuration");
      groups.set(first, parent);
    }
    const verb = parent
      .command(second ?? first)
      .description(command.summary)
      .addHelpText("after", examplesText(command))
      .allowExcessArguments(false);
    for (const option of [...command.options, ...spec.common]) verb.addOption(commanderOption(option));
    if (command.operands !== undefined) {
      const { kind, shown } = command.operands;
      verb.usage(`[options] ${shown}`);
      if (kind === "command") verb.addArgument(new Argument("<command...>", shown)).passThroughOptions();
      else verb.addArgument(new Argument("[profile...]", "names of profiles (default: all)"));
    }
    verb.action(() =>
      choose(command, {
        options: optionsOf(verb, command, spec),
        operands: command.operands === undefined ? [] : verb.args,
      }),
    );
  }
  // Last, so that no command inherits it.
  return program.configureHelp({ formatHelp: () => programHelp(spec.name, spec.summary, spec.commands) });
}

function commanderOption({ name, short, value, choices, summary }: OptionSpec): Option {
  const flags = `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`;
  const option = new Option(flags, summary);
  return choices === undefined ? option : option.choices([...choices]);
}

/** By long names as they are written, where commander has camelCase. */
function optionsOf(verb: Command, command: CommandSpec, spec: ProgramSpec): Parsed["options"] {
  const values = verb.opts<Record<string, string | boolean | undefined>>();
  const options: Record<string, string | boolean | undefined> = {};
  for (const { name } of [...command.options, ...spec.common]) {
    const value = values[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
    if (value !== undefined) options[name] = value;
  }
  return options;
}

function forEach(command: Command, act: (command: Command) => void): void {
  act(command);
  for (const child of command.commands) forEach(child, act);
}

function usageError(error: CommanderError, argv: readonly string[], { name, commands }: ProgramSpec): BrokerError {
  const verb = commands.find((command) => argv.slice(0, command.name.split(" ").length).join(" ") === command.name);
  const help = `${name} ${verb === undefined ? "" : `${verb.name} `}--help`;
  if (error.code === "commander.help") return new BrokerError("USAGE", "no command was given", { hint: help });
  const [line = "", suggestion] = error.message.replace(/^error: /, "").split("\n");
  const near = /Did you mean (?:one of )?(.+)\?/.exec(suggestion ?? "")?.[1];
  const hint = near === undefined ? help : `did you mean ${printable(near, 120)}?`;
  return new BrokerError("USAGE", printable(line).replace(/\.$/, ""), { hint });
}
