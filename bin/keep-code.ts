import type { Script } from "node:vm";
import { crypto } from "../src/host/crypto.ts";
import { files } from "../src/host/files.ts";

/** Keeps what V8 has compiled of a script so far, in the place of what other versions left, if the directory is there. */
export function keepCode(file: string, script: Script): void {
  try {
    const directory = file.slice(0, file.lastIndexOf("/"));
    if (files.stat(directory) === undefined) return;
    const code = script.createCachedData();
    for (const name of files.list(directory)) if (name.startsWith("code-")) files.remove(`${directory}/${name}`);
    files.writePrivate(file, Buffer.concat([Buffer.from(crypto.sha256Hex(code), "latin1"), code]));
  } catch {
    // A full disk costs 4 ms a run, nothing else.
  }
}
