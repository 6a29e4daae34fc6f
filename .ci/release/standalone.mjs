// The executable that is packed, and what is in it.
import { closeSync, openSync, readSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { isStale } from "../build-if-stale.mjs";
import { addonFiles, buildStandalone } from "../build-standalone.mjs";
import { root } from "./product.mjs";

const EXECUTABLE = path.join(root, "dist-standalone", "sts-broker");

/** By e_machine of the ELF header. */
const MACHINES = { 62: "x64", 183: "arm64" };

/** @returns { executable, addons, arch }, built now for this machine's processor */
export async function freshStandalone() {
  await buildStandalone(`linux-${process.arch}`);
  return asItIs();
}

/** @returns { executable, addons, arch }, built now only if its sources are newer */
export async function standalone() {
  return isStale(EXECUTABLE) ? freshStandalone() : asItIs();
}

function asItIs() {
  const arch = MACHINES[machineOf(EXECUTABLE)];
  if (arch === undefined) throw new Error(`${EXECUTABLE} is for a processor that no package is made for`);
  return { executable: EXECUTABLE, addons: Object.values(addonFiles(`linux-${arch}`)), arch };
}

function machineOf(executable) {
  const header = Buffer.alloc(20);
  const file = openSync(executable, "r");
  try {
    readSync(file, header, 0, header.length, 0);
  } finally {
    closeSync(file);
  }
  return header.readUInt16LE(18);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await standalone();
  } catch (error) {
    process.stderr.write(`standalone: ${error.message}\n`);
    process.exitCode = 1;
  }
}
