import type { CommandSpec } from "./command.ts";
import { type Example, GROUPS, HELP_TEXTS } from "./help-texts.ts";

/** What a terminal has at least; also the width of every page of help. */
export const HELP_WIDTH = 80;

/** The program's own --help: every command, a line each, and no more than a small screen holds. */
export function programHelp(name: string, summary: string, commands: readonly CommandSpec[]): string {
  const width = Math.max(...shown(commands).map((command) => command.name.length));
  const lines = GROUPS.flatMap((group) => {
    const own = commands.filter((command) => groupOf(command) === group);
    const full = shown(own).map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`);
    const minor = own.filter((command) => !shown([command]).includes(command)).map((command) => command.name);
    return own.length === 0 ? [] : [`${group}:`, ...full, ...(minor.length === 0 ? [] : [`  ${inOne(minor)}`])];
  });
  return [
    `Usage: ${name} COMMAND [options], or ${name} --version`,
    summary,
    "",
    ...lines,
    "",
    `Options and examples: ${name} COMMAND --help; all of it: man ${name}`,
    "",
  ].join("\n");
}

/** What follows the options of one command. */
export function examplesText({ name }: CommandSpec): string {
  const examples = HELP_TEXTS[name]?.examples ?? [];
  if (examples.length === 0) return "";
  return `\n${examples.length === 1 ? "Example" : "Examples"}:\n${examples.map(exampleLines).join("\n")}`;
}

function exampleLines({ line, says }: Example): string {
  return `${says === undefined ? "" : `  # ${says}\n`}  ${line}`;
}

function groupOf({ name }: CommandSpec): (typeof GROUPS)[number] {
  return HELP_TEXTS[name]?.group ?? (name.includes(" ") ? "Configuration" : "For people");
}

function shown(commands: readonly CommandSpec[]): CommandSpec[] {
  return commands.filter(({ name }) => HELP_TEXTS[name]?.minor !== true);
}

/** "config profiles" and "config path" as "config profiles, path". */
function inOne(names: readonly string[]): string {
  const [first = ""] = (names[0] ?? "").split(" ");
  return names
    .map((name, index) => (index > 0 && name.startsWith(`${first} `) ? name.slice(first.length + 1) : name))
    .join(", ");
}
