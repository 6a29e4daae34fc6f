// The Nodes that the program is tested under, as nodes.json names them: the platform packages that npm's `node` package installs.
//
//   node .ci/nodes.mjs        fetch what is missing; print version and path of each
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { fetchPackage } from "./fetch-package.mjs";

const integrities = JSON.parse(readFileSync(path.join(import.meta.dirname, "nodes.json"), "utf8"));

/** Oldest first. */
export const NODE_VERSIONS = Object.keys(integrities);

/** @returns the path of that Node, which is there afterwards */
export function fetchNode(version) {
  const platform = `${process.platform}-${process.arch}`;
  const integrity = integrities[version]?.[platform];
  if (integrity === undefined) throw new Error(`.ci/nodes.json names no Node ${version} for ${platform}`);
  return fetchPackage({ name: `node-${platform}`, version, integrity, file: "bin/node" });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const version of NODE_VERSIONS) process.stdout.write(`${version} ${fetchNode(version)}\n`);
}
