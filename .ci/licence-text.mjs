// The notice of an npm package that is inside of ours: every licence among them asks that its text goes along.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const root = path.dirname(import.meta.dirname);

/** Under the MIT licence, by their package.json, and published without its text: who holds the copyright, and where that is said. */
const HOLDERS = {
  // The author in its package.json, and in LICENSE of the packages beside it in its repository.
  "proxy-agent-negotiate": "Nathan Rajlich <nathan@tootallnate.net>",
  // The head of its source files.
  "yoga-layout": "Meta Platforms, Inc. and affiliates.",
};

/**
 * @param directory of the package, absolute or below the project's
 * @returns name, version, licence and the licence's text: a file of the package, that part of its README, or what stands above
 * @throws where there is no text
 */
export function licenceNotice(directory) {
  const folder = path.resolve(root, directory);
  const { name, version, license } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
  const text = fromFile(folder) ?? fromReadme(folder) ?? fromHolder(name, license);
  if (!text)
    throw new Error(`${name} ${version} brings no text of its licence along, and .ci/licence-text.mjs has none`);
  return `${name} ${version} (${license})\n\n${text}\n`;
}

/** @param holder without "Copyright (c)" */
export function mitLicence(holder) {
  return `Copyright (c) ${holder}\n\n${MIT}`;
}

function fromFile(folder) {
  const file = readdirSync(folder).find((one) => /^(licen[cs]e|copying)/i.test(one));
  return file === undefined ? undefined : readFileSync(path.join(folder, file), "utf8").trim();
}

/** All sections whose headings speak of licences; a link alone is no text. */
function fromReadme(folder) {
  const file = readdirSync(folder).find((one) => /^readme/i.test(one));
  if (file === undefined) return undefined;
  const sections = readFileSync(path.join(folder, file), "utf8").split(/^(?=#+ )/m);
  const text = sections
    .filter((one) => /^#+ *licen[cs]/i.test(one))
    .map((one) => one.trim())
    .join("\n\n");
  return /permission|redistribution/i.test(text) ? text : undefined;
}

function fromHolder(name, license) {
  const holder = HOLDERS[name];
  return holder === undefined || license !== "MIT" ? undefined : mitLicence(holder);
}

/** @see https://spdx.org/licenses/MIT.html */
const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH
THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
