// Writes what follows from the registries: man pages, completions, and the tables of README.md; and what follows from the last recorded
// run of the bench: its picture, and its tables in README.md.
//
//   node .ci/generate.mjs           write
//   node .ci/generate.mjs --check   write nothing; exit 1 and name each file that is not as it would be written
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bashCompletion } from "./generate/bash.mjs";
import { commandPage } from "./generate/command-page.mjs";
import { fishCompletion } from "./generate/fish.mjs";
import { loadRegistries } from "./generate/load.mjs";
import { manPage } from "./generate/man.mjs";
import { pageOf } from "./generate/mdoc.mjs";
import { readmeWithTables } from "./generate/readme.mjs";
import { zshCompletion } from "./generate/zsh.mjs";

const root = path.dirname(import.meta.dirname);
const read = (file) => readFileSync(path.join(root, file), "utf8");

/** Every generated file with its text. */
export async function generated() {
  const registries = await loadRegistries(root);
  const pages = manPages(registries);
  const run = registries.lastRecord(read(registries.HISTORY));
  return new Map([
    ...pages,
    ["package.json", packageWith([...pages.keys()])],
    ["completions/sts-broker.bash", bashCompletion(registries)],
    ["completions/sts-broker.zsh", zshCompletion(registries)],
    ["completions/sts-broker.fish", fishCompletion(registries)],
    ["test/bench/bench.svg", registries.picture(run)],
    ["README.md", readmeWithTables(read("README.md"), registries, registries.benchSection(run))],
  ]);
}

const PROSE = ".ci/generate/commands";

/** The program's page, one for each command, and the configuration's. */
function manPages(registries) {
  const template = read(".ci/generate/sts-broker.1.in");
  const date = /^\.Dd (.*)$/m.exec(template)[1];
  const proseLeft = new Set(readdirSync(path.join(root, PROSE)));
  const commandPages = registries.COMMANDS.map((command) => {
    const prose = `${command.name.replaceAll(" ", "-")}.in`;
    const text = proseLeft.delete(prose) ? read(`${PROSE}/${prose}`) : undefined;
    return [`man/${pageOf(command.name)}.1`, commandPage(command, text, date, registries)];
  });
  if (proseLeft.size > 0) throw new Error(`${PROSE}/${[...proseLeft][0]} is of no command`);
  return new Map([
    ["man/sts-broker.1", manPage(template, registries)],
    ...commandPages,
    ["man/sts-broker-config.5", manPage(read(".ci/generate/sts-broker-config.5.in"), registries)],
  ]);
}

/** npm installs the pages that package.json lists. */
function packageWith(pages) {
  return `${JSON.stringify({ ...JSON.parse(read("package.json")), man: pages }, null, 2)}\n`;
}

/** Files that are not as they would be written; without a text: pages of commands that are no more. */
export async function drifted() {
  const files = await generated();
  const old = readdirSync(path.join(root, "man"))
    .map((name) => `man/${name}`)
    .filter((file) => !files.has(file));
  const changed = [...files].filter(([file, text]) => {
    const full = path.join(root, file);
    return !existsSync(full) || readFileSync(full, "utf8") !== text;
  });
  return [...changed, ...old.map((file) => [file, undefined])];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes("--check");
  for (const [file, text] of await drifted()) {
    if (check) {
      process.stderr.write(`${file} is not what the registries say: node .ci/generate.mjs\n`);
      process.exitCode = 1;
    } else if (text === undefined) {
      rmSync(path.join(root, file));
      process.stdout.write(`${file}: removed\n`);
    } else {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), text);
      process.stdout.write(`${file}: written\n`);
    }
  }
}
