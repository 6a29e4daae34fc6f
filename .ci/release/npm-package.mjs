// The npm package; npm itself gives every file of it the same time and owner.
import path from "node:path";
import { root } from "./product.mjs";
import { run } from "./run.mjs";

/**
 * @param quick takes dist/ as it is; otherwise the script prepack builds it anew
 * @returns the path of the package
 */
export function packNpm(folder, { quick = false } = {}) {
  const options = ["--json", "--silent", "--pack-destination", folder, ...(quick ? ["--ignore-scripts"] : [])];
  const [{ filename }] = JSON.parse(run("npm", ["pack", ...options], { cwd: root }));
  return path.join(folder, filename);
}
