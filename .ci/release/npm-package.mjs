// The npm package; npm itself gives every file of it the same time and owner.
import path from "node:path";
import { root } from "./product.mjs";
import { run } from "./run.mjs";

/** @returns the path of the package. dist/ is built anew by the script prepack. */
export function packNpm(folder) {
  const [{ filename }] = JSON.parse(
    run("npm", ["pack", "--json", "--silent", "--pack-destination", folder], { cwd: root }),
  );
  return path.join(folder, filename);
}
