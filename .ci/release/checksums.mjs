// SHA256SUMS, as sha256sum --check reads it.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

/** @param files paths in one folder, in which SHA256SUMS is written */
export function writeChecksums(files, folder) {
  const lines = files.map((file) => `${sha256(file)}  ${path.basename(file)}\n`);
  const sums = path.join(folder, "SHA256SUMS");
  writeFileSync(sums, lines.sort((left, right) => (left.slice(66) < right.slice(66) ? -1 : 1)).join(""));
  return sums;
}

export function sha256(file) {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
