// What is installed where: the one list that .deb, .rpm and tarball are made of.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { name, root } from "./product.mjs";

/** Folders below the prefix. Where they differ between distributions, the package says so. */
export const USUAL = {
  bin: "bin",
  man: "share/man",
  bash: "share/bash-completion/completions",
  zsh: "share/zsh/site-functions",
  fish: "share/fish/vendor_completions.d",
  systemUnits: "lib/systemd/system",
  userUnits: "lib/systemd/user",
  doc: `share/doc/${name}`,
};

/** The machine's configuration lies here; the package brings none along. */
export const CONFIGURATION = { to: `etc/${name}`, mode: 0o755 };

/**
 * @param executable the standalone
 * @param layout {@link USUAL}, or what a distribution makes of it
 * @param program what the units start; undefined leaves them as they are
 * @returns files as { to, mode, and content or, for what is large, from }
 */
export function programFiles({ executable, layout, program }) {
  const text = (to, ...from) => ({ to, mode: 0o644, content: readFileSync(path.join(root, ...from)) });
  const units = (folder, manager) =>
    readdirSync(path.join(root, "systemd", manager)).map((unit) => {
      const file = text(`${folder}/${unit}`, "systemd", manager, unit);
      return program === undefined ? file : { ...file, content: startingWith(program, file.content) };
    });
  return [
    { to: `${layout.bin}/${name}`, mode: 0o755, from: executable },
    ...readdirSync(path.join(root, "man")).map((page) => text(`${layout.man}/man${page.at(-1)}/${page}`, "man", page)),
    text(`${layout.bash}/${name}`, "completions", `${name}.bash`),
    text(`${layout.zsh}/_${name}`, "completions", `${name}.zsh`),
    text(`${layout.fish}/${name}.fish`, "completions", `${name}.fish`),
    ...units(layout.systemUnits, "system"),
    ...units(layout.userUnits, "user"),
  ];
}

/** systemd would look /usr/local/bin up first, where another installation may lie. */
function startingWith(program, unit) {
  return Buffer.from(unit.toString().replace(/^ExecStart=\S+/m, `ExecStart=${program}`));
}

/** As gzip -9n, without name and time, so that the same text makes the same bytes. */
export function gzipped({ to, mode, content }) {
  return { to: `${to}.gz`, mode, content: gzipSync(content, { level: 9 }) };
}

/** Writes the files below a folder, with exactly their modes and the source's time, folders included. */
export function stage(files, folder, seconds) {
  const folders = new Set();
  for (const { to, mode, content, from } of files) {
    const full = path.join(folder, to);
    for (let one = path.dirname(full); one.startsWith(folder); one = path.dirname(one)) folders.add(one);
    mkdirSync(path.dirname(full), { recursive: true });
    if (to === CONFIGURATION.to) {
      mkdirSync(full);
      folders.add(full);
      continue;
    }
    if (from === undefined) writeFileSync(full, content);
    else copyFileSync(from, full);
    chmodSync(full, mode);
    utimesSync(full, seconds, seconds);
  }
  for (const one of folders) {
    chmodSync(one, 0o755);
    utimesSync(one, seconds, seconds);
  }
}
