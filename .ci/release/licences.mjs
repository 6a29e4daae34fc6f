// The notices that go along with the standalone: bundled packages, embedded addons, Bun and what Bun is linked from.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { licenceNotice, mitLicence } from "../licence-text.mjs";
import { BUN_HOLDER, BUN_LICENCE, BUN_PARTS } from "./bun-parts.mjs";
import { ARCHITECTURES, license, root } from "./product.mjs";

/** npm packages whose native addon is in the executable. */
export const EMBEDDED = ["kerberos", "keytar"];

const RULE = `\n${"-".repeat(80)}\n\n`;

export function thirdPartyLicences(arch) {
  const bundled = readFileSync(path.join(root, "dist-standalone", "LICENSES.txt"), "utf8");
  return [
    bundled,
    ...EMBEDDED.map((one) => licenceNotice(`node_modules/${one}`)).filter(
      (one) => !bundled.includes(one.split("\n", 1)[0]),
    ),
    bunNotice(arch),
    ...["LGPL-2.0.txt", "LGPL-2.1.txt"].map((text) =>
      readFileSync(path.join(import.meta.dirname, "licences", text), "utf8"),
    ),
  ].join(RULE);
}

/** package.json of a package in node_modules, or of what stands in for it there. */
function manifestOf(directory) {
  return JSON.parse(readFileSync(path.join(root, "node_modules", directory, "package.json"), "utf8"));
}

/** What package.json has for a licence, of which not every author knows SPDX's names. */
export function spdx(license) {
  return license === "MIT License" ? "MIT" : license;
}

/** Bun's package for another processor need not be installed. */
export function bunManifest(arch) {
  const its = ARCHITECTURES[arch].bun;
  return { ...manifestOf("bun"), name: existsSync(path.join(root, "node_modules", its)) ? its : "bun" };
}

/** In a build, without what it only read and left out again. @returns directories below node_modules */
export function bundledPackages(build) {
  const { outputs } = JSON.parse(readFileSync(path.join(root, build, "metafile.json"), "utf8"));
  const directories = new Set();
  for (const { inputs } of Object.values(outputs)) {
    for (const [input, { bytesInOutput }] of Object.entries(inputs)) {
      const [, directory] = /^node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
      if (directory !== undefined && bytesInOutput > 0) directories.add(directory);
    }
  }
  return [...directories];
}

/** @returns what the standalone and all that is in it is under, as an SPDX expression, the program's own licence first */
export function licenceExpression() {
  const packages = [...bundledPackages("dist-standalone"), ...EMBEDDED].map((one) => spdx(manifestOf(one).license));
  const parts = [...packages, BUN_LICENCE, ...BUN_PARTS.map(([, expression]) => expression)].flatMap((one) =>
    one.includes(" OR ") ? [`(${one.replace(/^\((.*)\)$/, "$1")})`] : one.split(" AND "),
  );
  return [...new Set([license, ...parts.sort()])].join(" AND ");
}

function bunNotice(arch) {
  const { version } = bunManifest(arch);
  const rows = BUN_PARTS.map(([name, license, url]) => `  ${name}: ${license}\n    ${url}\n`).join("");
  return `Bun ${version} (${BUN_LICENCE})

https://github.com/oven-sh/bun

${mitLicence(BUN_HOLDER)}

The standalone executable is Bun with the program appended to it. Bun is linked statically from the following, or holds it in place of
modules of Node's; texts and copyright holders are at each address, and at https://github.com/oven-sh/bun/blob/bun-v${version}/LICENSE.md.

${rows}
JavaScriptCore, WebKit and tinycc are under the GNU Lesser General Public License, whose texts follow. You may change these libraries and
link Bun anew: https://github.com/oven-sh/bun/blob/bun-v${version}/LICENSE.md says how. The program can then be put on your Bun: its sources
build with any Bun executable (npm run build:standalone).
`;
}
