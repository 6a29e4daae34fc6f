import { parseArgs } from "node:util";
import type { CommandSpec, OptionSpec, Parsed } from "./command.ts";

/**
 * The plain command lines of the hot commands, without loading commander (7 ms, a third of a whole cached call). Whatever is not
 * plain (--help, an operand, an unknown or doubtful option, a value that is not among the choices) is undefined here: commander,
 * made from the same specification, has the say on it.
 */
export function parseHot(
  argv: readonly string[],
  commands: readonly CommandSpec[],
  common: readonly OptionSpec[],
): { command: CommandSpec; parsed: Parsed } | undefined {
  const command = commands.find(({ name, hot }) => hot === true && name === argv[0]);
  if (command === undefined) return undefined;
  const specs = [...command.options, ...common];
  const options = Object.fromEntries(
    specs.map(
      ({ name, short, value }) =>
        [
          name,
          { type: value === undefined ? "boolean" : "string", ...(short === undefined ? {} : { short }) },
        ] as const,
    ),
  );
  try {
    const { values } = parseArgs({ args: argv.slice(1), options, strict: true, allowPositionals: false });
    const parsed: Record<string, string | boolean | undefined> = {};
    for (const { name, choices } of specs) {
      const value = values[name];
      if (value === undefined) continue;
      if (Array.isArray(value) || (choices !== undefined && !choices.includes(String(value)))) return undefined;
      parsed[name] = value;
    }
    return { command, parsed: { options: parsed, operands: [] } };
  } catch {
    return undefined;
  }
}
