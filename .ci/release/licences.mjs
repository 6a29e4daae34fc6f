// The notices that go along with the standalone: bundled packages, embedded addons, Bun and what Bun is linked from.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { BUN_PARTS } from "./bun-parts.mjs";
import { ARCHITECTURES, root } from "./product.mjs";

/** npm packages whose native addon is in the executable. */
export const EMBEDDED = ["kerberos", "keytar"];

const RULE = `\n${"-".repeat(80)}\n\n`;

export function thirdPartyLicences(arch) {
  const bundled = readFileSync(path.join(root, "dist-standalone", "LICENSES.txt"), "utf8");
  return [
    bundled,
    ...EMBEDDED.map(notice).filter((one) => !bundled.includes(one.split("\n", 1)[0])),
    bunNotice(arch),
    ...["LGPL-2.0.txt", "LGPL-2.1.txt"].map((text) =>
      readFileSync(path.join(import.meta.dirname, "licences", text), "utf8"),
    ),
  ].join(RULE);
}

/** package.json of a package in node_modules, or of what stands in for it there. */
export function manifestOf(directory) {
  return JSON.parse(readFileSync(path.join(root, "node_modules", directory, "package.json"), "utf8"));
}

/** Bun's package for another processor need not be installed. */
export function bunManifest(arch) {
  const its = ARCHITECTURES[arch].bun;
  return { ...manifestOf("bun"), name: existsSync(path.join(root, "node_modules", its)) ? its : "bun" };
}

function notice(directory) {
  const { name, version, license } = manifestOf(directory);
  const folder = path.join(root, "node_modules", directory);
  const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
  if (file === undefined) throw new Error(`${name} brings no licence along`);
  return `${name} ${version} (${license})\n\n${readFileSync(path.join(folder, file), "utf8").trim()}\n`;
}

function bunNotice(arch) {
  const { version } = bunManifest(arch);
  const rows = BUN_PARTS.map(([name, license, url]) => `  ${name}: ${license}\n    ${url}\n`).join("");
  return `Bun ${version} (MIT), https://github.com/oven-sh/bun

The standalone executable is Bun with the program appended to it. Bun is linked statically from the following; texts and copyright
holders are at each address, and at https://github.com/oven-sh/bun/blob/bun-v${version}/LICENSE.md.

${rows}
JavaScriptCore, WebKit and tinycc are under the GNU Lesser General Public License, whose texts follow. You may change these libraries and
link Bun anew: https://github.com/oven-sh/bun/blob/bun-v${version}/LICENSE.md says how. The program can then be put on your Bun: its sources
build with any Bun executable (npm run build:standalone).
`;
}
