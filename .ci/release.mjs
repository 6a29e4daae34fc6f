// Everything that a release is made of, into release/, without publishing any of it.
//
//   npm run release:dry
import { mkdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { writeChecksums } from "./release/checksums.mjs";
import { buildDeb } from "./release/deb.mjs";
import { packNpm } from "./release/npm-package.mjs";
import { root } from "./release/product.mjs";
import { buildRpm } from "./release/rpm.mjs";
import { npmSbom, standaloneSbom } from "./release/sbom.mjs";
import { freshStandalone } from "./release/standalone.mjs";
import { buildTarball } from "./release/tarball.mjs";

const folder = path.join(root, "release");
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder);

const standalone = await freshStandalone();
const STEPS = [
  () => packNpm(folder),
  () => buildDeb(standalone, folder),
  () => buildRpm(standalone, folder),
  () => buildTarball(standalone, folder),
  () => npmSbom(folder),
  () => standaloneSbom(standalone, folder),
];
const made = [];
for (const step of STEPS) made.push(said(await step()));
said(writeChecksums(made, folder));

function said(file) {
  const kib = Math.ceil(statSync(file).size / 1024);
  process.stdout.write(`release: ${path.relative(root, file)} (${kib.toLocaleString("en")} KiB)\n`);
  return file;
}
