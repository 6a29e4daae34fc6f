import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse } from "../../src/commands/parse.ts";
import { COMMANDS, COMMON_OPTIONS } from "../../src/commands/registry.ts";
import { document, manBlocks, markdownBlocks } from "./documents.ts";

const SPEC = { name: "sts-broker", version: "0.0.0", summary: "", commands: COMMANDS, common: COMMON_OPTIONS };

/** Words as a shell would split them, up to what ends a simple command. */
function words(line: string): string[] {
  const end = /\s[|>#]|\s&&|\$\(|\)"|\)\s|`|;/.exec(line);
  return (end === null ? line : line.slice(0, end.index)).trim().split(/\s+/).slice(1);
}

function commandLines(text: string): string[] {
  return text
    .replace(/\\\n\s*/g, "")
    .split("\n")
    .flatMap((line) => {
      const start = /(?:^|[\s"(=/])(sts-broker (?:-|[a-z]).*)$/.exec(line.replace(/\s#\s.*$/, ""));
      const isOther = /^\s*(#|npm )/.test(line);
      return start?.[1] === undefined || isOther ? [] : [start[1]];
    });
}

const readme = document("README.md");
const SOURCES: Record<string, string[]> = {
  "README.md": ["sh", "ini", "crontab"].flatMap((language) => markdownBlocks(readme, language)),
  "README.md, in the text": [...readme.matchAll(/`(sts-broker [a-z][^`…]*)`/g)].map(([, line = ""]) => line),
  ...Object.fromEntries(
    readdirSync(new URL("../../man/", import.meta.url))
      .filter((name) => name.endsWith(".1"))
      .map((name) => [`man/${name}`, manBlocks(document(`man/${name}`))]),
  ),
  "man/sts-broker-config.5": [...document("man/sts-broker-config.5").matchAll(/^\.Ql (sts-broker .*)$/gm)].map(
    ([, line = ""]) => line,
  ),
};

describe("the command lines of the documents", () => {
  for (const [name, blocks] of Object.entries(SOURCES)) {
    const lines = [...new Set(blocks.flatMap(commandLines))];

    it(`${name} has some`, () => expect(lines.length).toBeGreaterThan(0));

    it.each(lines)(`${name}: %s`, (line) => {
      const { kind } = parse(words(line), SPEC);
      expect(kind).toBe(line.includes(" --version") ? "text" : "command");
    });
  }
});
