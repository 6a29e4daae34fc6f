import { describe, expect, it } from "vitest";
import { GROUPS, HELP_TEXTS } from "../../src/commands/help-texts.ts";
import { parse } from "../../src/commands/parse.ts";
import { COMMANDS, COMMON_OPTIONS } from "../../src/commands/registry.ts";
import { run } from "../../src/main.ts";
import { fakeHost } from "../support/fake-host.ts";

const SPEC = { name: "sts-broker", version: "0.0.0", summary: "", commands: COMMANDS, common: COMMON_OPTIONS };
const NAMES = COMMANDS.map(({ name }) => name);

/** What a person sees. */
async function help(argv: readonly string[]): Promise<string> {
  const host = fakeHost();
  expect(await run(argv, host)).toBe(0);
  expect(host.out.stderr).toBe("");
  return host.out.stdout;
}

describe("sts-broker --help", () => {
  it("fits on a terminal of 80 columns and 24 rows, with the prompt below it", async () => {
    const lines = (await help(["--help"])).split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.at(-1)).toBe("");
    expect(lines.length).toBeLessThanOrEqual(24);
  });

  it("has every command, each in one group", async () => {
    const text = await help(["--help"]);
    for (const group of GROUPS) expect(text).toContain(`${group}:\n`);
    for (const name of NAMES) {
      const last = name.split(" ").at(-1) ?? "";
      expect(text).toMatch(new RegExp(`^  (?:${name}\\s{2}|.*, ${last}(?:,|$)|${name}(?:,|$))`, "m"));
    }
  });

  it("is the same for: sts-broker help", async () => {
    expect(await help(["help"])).toBe(await help(["--help"]));
  });

  it("leads to the options and examples of a command", async () => {
    expect(await help(["--help"])).toContain("sts-broker COMMAND --help");
  });
});

describe("the --help of a command", () => {
  it.each(NAMES)("sts-broker %s has one to three examples at its end, and fits 80 columns", async (name) => {
    const text = await help([...name.split(" "), "--help"]);
    const { examples } = HELP_TEXTS[name] ?? { examples: [] };
    expect(examples.length).toBeGreaterThanOrEqual(1);
    expect(examples.length).toBeLessThanOrEqual(3);
    expect(text.endsWith(`  ${examples.at(-1)?.line}\n`)).toBe(true);
    // A line to be pasted is not broken.
    const lines = examples.map(({ line }) => `  ${line}`);
    expect(text.split("\n").filter((line) => line.length > 80 && !lines.includes(line))).toEqual([]);
  });

  it.each(NAMES)("sts-broker %s: its examples are taken by the parser", (name) => {
    for (const { line } of HELP_TEXTS[name]?.examples ?? []) {
      const [, words = ""] = /sts-broker ([a-z].*?)(?:["')]| [|>]|$)/.exec(line) ?? [];
      const result = parse(words.split(" "), SPEC);
      expect(result.kind === "command" && result.command.name).toBe(name);
    }
  });

  it("is told for commands that there are alone", () => {
    expect(Object.keys(HELP_TEXTS).filter((name) => !NAMES.includes(name))).toEqual([]);
  });
});
