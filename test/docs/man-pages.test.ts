import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HELP_TEXTS } from "../../src/commands/help-texts.ts";
import { parse } from "../../src/commands/parse.ts";
import { COMMANDS, COMMON_OPTIONS } from "../../src/commands/registry.ts";
import { AUDIT_SETTINGS } from "../../src/config/audit.ts";
import { PROFILE_SETTINGS } from "../../src/config/profile-settings.ts";
import { EXIT } from "../../src/core/errors.ts";
import { IDENTITY_SOURCES } from "../../src/identity/registry.ts";
import { document, manBlocks, withoutEscapes } from "./documents.ts";

const program = document("man/sts-broker.1");
const configuration = document("man/sts-broker-config.5");
const readme = document("README.md");
const SPEC = { name: "sts-broker", version: "0.0.0", summary: "", commands: COMMANDS, common: COMMON_OPTIONS };

function help(argv: readonly string[]): string {
  const result = parse([...argv, "--help"], SPEC);
  if (result.kind !== "text") throw new Error("--help was taken for a command");
  return result.text;
}

function sources(): string[] {
  const root = new URL("../../", import.meta.url);
  return ["src", "bin"].flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(new URL(`${folder}/${name}`, root), "utf8")),
  );
}

/** The page of a command, as it is read on the screen. */
function pageOf(name: string): string {
  return withoutEscapes(document(`man/sts-broker-${name.replaceAll(" ", "-")}.1`));
}

describe("the page of each command", () => {
  it.each(COMMANDS.map(({ name }) => name))(
    "of sts-broker %s has every option and every example of its --help",
    (name) => {
      const text = help(name.split(" "));
      const page = pageOf(name);
      const options = [...text.matchAll(/^ +(?:-\w, )?--([a-z-]+)/gm)].map(([, option]) => option);
      expect(options).toContain("help");
      for (const option of options) expect(page).toMatch(new RegExp(`^\\.It .*Fl -${option}(\\s|$)`, "m"));
      const examples = HELP_TEXTS[name]?.examples ?? [];
      expect(manBlocks(page.slice(page.indexOf(".Sh EXAMPLES"))).map((block) => block.trim())).toEqual(
        examples.map(({ line }) => line),
      );
    },
  );

  it.each(COMMANDS.map(({ name }) => name))(
    "of sts-broker %s leads to the program's and the configuration's",
    (name) => {
      const also = pageOf(name).split(".Sh SEE ALSO")[1];
      expect(also).toMatch(/^\.Xr sts-broker 1 ,$/m);
      expect(also).toMatch(/^\.Xr sts-broker-config 5$/m);
    },
  );

  it("is what npm installs, and nothing else is there", () => {
    const { man } = JSON.parse(document("package.json")) as { man: string[] };
    const pages = COMMANDS.map(({ name }) => `man/sts-broker-${name.replaceAll(" ", "-")}.1`);
    expect(man.toSorted()).toEqual(["man/sts-broker-config.5", "man/sts-broker.1", ...pages].toSorted());
    expect(
      readdirSync(new URL("../../man/", import.meta.url))
        .map((name) => `man/${name}`)
        .toSorted(),
    ).toEqual(man.toSorted());
  });
});

describe("cross references", () => {
  const pages = readdirSync(new URL("../../man/", import.meta.url));
  it.each(pages)("of %s lead to pages that there are", (page) => {
    const ours = [...document(`man/${page}`).matchAll(/\.?Xr (sts-broker[\w-]*) (\d)/g)];
    expect(ours.length).toBeGreaterThan(0);
    expect(ours.map(([, name, section]) => `${name}.${section}`).filter((one) => !pages.includes(one))).toEqual([]);
  });
});

describe("man/sts-broker.1", () => {
  it.each(COMMANDS.map(({ name }) => name))("names the command %s, with its page", (name) => {
    expect(program).toMatch(new RegExp(`^\\.It Xr sts-broker-${name.replaceAll(" ", "-")} 1$`, "m"));
  });

  it("and README have every exit code", () => {
    for (const code of Object.values(EXIT)) {
      expect(program.slice(program.indexOf(".Sh EXIT STATUS"))).toMatch(new RegExp(`\\b${code}\\b`));
      expect(readme.slice(readme.indexOf("## Exit codes"))).toMatch(new RegExp(`^\\| .*\\b${code}\\b.* \\|`, "m"));
    }
  });
});

describe("man/sts-broker-config.5", () => {
  it("and README have every key of a profile, of [audit] and of every identity", () => {
    for (const key of [PROFILE_SETTINGS, AUDIT_SETTINGS, ...IDENTITY_SOURCES.map(({ settings }) => settings)].flatMap(
      Object.keys,
    )) {
      expect(configuration).toContain(`.It Ic ${key} `);
      expect(readme).toContain(`| \`${key}\` |`);
    }
  });

  it("has every variable STS_BROKER_… that the program reads", () => {
    const names = new Set(sources().flatMap((text) => text.match(/\bSTS_BROKER_[A-Z_]*[A-Z]\b/g) ?? []));
    // What the build puts in, no user sets.
    for (const [, name = ""] of sources().flatMap((text) => [...text.matchAll(/declare const (STS_BROKER_\w+)/g)]))
      names.delete(name);
    expect(names.size).toBeGreaterThan(5);
    expect([...names].filter((name) => !configuration.includes(`Ev ${name}\n`))).toEqual([]);
  });
});

describe("how to get what is optional", () => {
  const commands = sources().flatMap((text) => text.match(/npm install -g [\w ./=@-]*--allow-scripts=[\w-]+/g) ?? []);

  it("is told by a hint", () => expect(commands.length).toBeGreaterThan(0));

  it.each(commands)("README and the man page have the hint's command: %s", (command) => {
    expect(readme).toContain(command);
    expect(withoutEscapes(configuration)).toContain(command);
  });
});

describe("README's troubleshooting", () => {
  const table = readme.slice(readme.indexOf("## Troubleshooting"), readme.indexOf("## What was not tested"));
  const lines = [...table.matchAll(/^\| `([^`]+)`[\w ]* \|/gm)].map(([, line = ""]) => line);

  it("quotes lines", () => expect(lines.length).toBeGreaterThan(45));

  it.each(lines)("quotes a line that the program prints: %s", (line) => {
    expect(sources().some((text) => text.includes(line))).toBe(true);
  });
});
