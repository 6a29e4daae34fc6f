// Writes what follows from the registries: man pages, completions, and the tables of README.md.
//
//   node .ci/generate.mjs           write
//   node .ci/generate.mjs --check   write nothing; exit 1 and name each file that is not as it would be written
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { bashCompletion } from "./generate/bash.mjs";
import { fishCompletion } from "./generate/fish.mjs";
import { loadRegistries } from "./generate/load.mjs";
import { manPage } from "./generate/man.mjs";
import { readmeWithTables } from "./generate/readme.mjs";
import { zshCompletion } from "./generate/zsh.mjs";

const root = path.dirname(import.meta.dirname);
const read = (file) => readFileSync(path.join(root, file), "utf8");

/** Every generated file with its text. */
export async function generated() {
  const registries = await loadRegistries(root);
  return new Map([
    ["man/sts-broker.1", manPage(read(".ci/generate/sts-broker.1.in"), registries)],
    ["man/sts-broker-config.5", manPage(read(".ci/generate/sts-broker-config.5.in"), registries)],
    ["completions/sts-broker.bash", bashCompletion(registries)],
    ["completions/sts-broker.zsh", zshCompletion(registries)],
    ["completions/sts-broker.fish", fishCompletion(registries)],
    ["README.md", readmeWithTables(read("README.md"), registries)],
  ]);
}

/** Files that are not as they would be written. */
export async function drifted() {
  return [...(await generated())].filter(([file, text]) => {
    const full = path.join(root, file);
    return !existsSync(full) || readFileSync(full, "utf8") !== text;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes("--check");
  for (const [file, text] of await drifted()) {
    if (check) {
      process.stderr.write(`${file} is not what the registries say: node .ci/generate.mjs\n`);
      process.exitCode = 1;
    } else {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), text);
      process.stdout.write(`${file}: written\n`);
    }
  }
}
