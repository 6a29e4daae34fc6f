// The executable that is packed, and what is in it.
import { existsSync } from "node:fs";
import path from "node:path";
import { EMBEDDED } from "./licences.mjs";
import { root } from "./product.mjs";
import { run } from "./run.mjs";

const EXECUTABLE = path.join(root, "dist-standalone", "sts-broker");

/** Where each package keeps its addon. */
const ADDON_FILES = {
  "fs-native-extensions": (arch) => `prebuilds/linux-${arch}/fs-native-extensions.node`,
  kerberos: () => "build/Release/kerberos.node",
  keytar: (arch) => `prebuilds/linux-${arch}/keytar.node`,
};

/** @returns { executable, addons, arch }, built now */
export function freshStandalone() {
  run(process.execPath, [path.join(root, ".ci", "build-standalone.mjs")], { cwd: root });
  return standalone();
}

/** @returns { executable, addons, arch }, built now only if it is not there */
export function standalone() {
  if (!existsSync(EXECUTABLE)) return freshStandalone();
  const { arch } = process;
  const addons = EMBEDDED.map((one) => path.join(root, "node_modules", one, ADDON_FILES[one](arch)));
  return { executable: EXECUTABLE, addons, arch };
}
