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
const STEPS = [
  () => packNpm(folder),
  (standalone) => buildDeb(standalone, folder),
  (standalone) => buildRpm(standalone, folder),
  (standalone) => buildTarball(standalone, folder),
  () => npmSbom(folder),
  (standalone) => standaloneSbom(standalone, folder),
];

try {
  const standalone = await freshStandalone();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const made = [];
  for (const step of STEPS) made.push(said(await step(standalone)));
  said(writeChecksums(made, folder));
} catch (error) {
  process.stderr.write(`release: ${error.message}\n`);
  process.exitCode = 1;
}

function said(file) {
  const kib = Math.ceil(statSync(file).size / 1024);
  process.stdout.write(`release: ${path.relative(root, file)} (${kib.toLocaleString("en")} KiB)\n`);
  return file;
}
