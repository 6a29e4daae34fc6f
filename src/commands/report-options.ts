import type { OptionSpec, Parsed } from "./command.ts";

/** What every command that reports understands. */
export const REPORT_OPTIONS: readonly OptionSpec[] = [
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    choices: ["text", "json"],
    summary: "report as text (default) or json",
  },
  { name: "json", summary: "the same as --format json" },
];

export function wantsJson({ options }: Parsed): boolean {
  return options.json === true || options.format === "json";
}
