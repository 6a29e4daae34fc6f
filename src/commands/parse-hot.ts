import type { CommandSpec, OptionSpec, Parsed } from "./command.ts";

/**
 * The plain command lines of the hot commands, without loading a parser (commander takes 7 ms, node:util's 1 ms, of a call that may
 * take 7 in all). Plain is `--name value`, `--name=value`, `-n value` and `--switch`. Whatever else stands there (--help, an operand, an
 * unknown or doubtful option, a value that is not among the choices) is undefined here: commander, made from the same
 * specification, has the say on it, and a test holds the two together.
 */
export function parseHot(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  common: readonly OptionSpec[],
): { command: CommandSpec; parsed: Parsed } | undefined {
  const command = commands.find(({ name, hot }) => hot === true && name === argv[0]);
  if (command === undefined) return undefined;
  const options: Record<string, string | boolean> = {};
  for (let at = 1; at < argv.length; at++) {
    const word = argv[at] ?? "";
    const equals = word.startsWith("--") ? word.indexOf("=") : -1;
    const stated = equals < 0 ? word : word.slice(0, equals);
    const isThis = ({ name, short }: OptionSpec): boolean => stated === `--${name}` || stated === `-${short}`;
    const option = command.options.find(isThis) ?? common.find(isThis);
    if (option === undefined) return undefined;
    if (option.value === undefined) {
      if (equals >= 0) return undefined;
      options[option.name] = true;
      continue;
    }
    const value = equals < 0 ? argv[++at] : word.slice(equals + 1);
    if (
      value === undefined ||
      value.startsWith("-") ||
      (option.choices !== undefined && !option.choices.includes(value))
    )
      return undefined;
    options[option.name] = value;
  }
  return { command, parsed: { options, operands: [] } };
}
