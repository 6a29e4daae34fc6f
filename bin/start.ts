/**
 * What the npm package's `sts-broker` runs: the program from hot.cjs, with V8's compiled code kept between runs. Compiling takes 4 ms
 * of a cached call, and Node keeps compiled code by itself only from 22 on. The code lies in the user's own cache directory, under the
 * conditions of every entry there (0700, ours), and is checked by its hash: V8 would run, or crash on, whatever it is given.
 */
import { Script } from "node:vm";
import { existingCacheDirectory } from "../src/cache/directory.ts";
import { crypto } from "../src/host/crypto.ts";
import { files } from "../src/host/files.ts";
import { realSystem } from "../src/host/system.ts";

/** Names the very text of hot.cjs; the build puts it in. */
declare const STS_BROKER_BUILD: string;

const HASH_LENGTH = 64;
const MAX_BYTES = 4 * 1024 * 1024;

/** Where the compiled code is kept; undefined when there is no directory of our own yet. */
function codeFile(): string | undefined {
  try {
    const directory = existingCacheDirectory({ env: process.env, system: realSystem(process.env), files });
    if (!directory.ok || files.stat(directory.path) === undefined) return undefined;
    return `${directory.path}/code-${STS_BROKER_BUILD}-${process.version}-${process.arch}`;
  } catch {
    return undefined;
  }
}

function compiledCode(file: string | undefined): Buffer | undefined {
  try {
    const kept = file === undefined ? undefined : files.read(file, MAX_BYTES);
    if (kept === undefined) return undefined;
    const code = Buffer.from(kept.buffer, kept.byteOffset + HASH_LENGTH, kept.length - HASH_LENGTH);
    const hash = Buffer.from(kept.buffer, kept.byteOffset, HASH_LENGTH).toString("latin1");
    return crypto.sha256Hex(code) === hash ? code : undefined;
  } catch {
    return undefined;
  }
}

function keep(file: string, script: Script): void {
  try {
    const code = script.createCachedData();
    const directory = file.slice(0, file.lastIndexOf("/"));
    for (const name of files.list(directory)) if (name.startsWith("code-")) files.remove(`${directory}/${name}`);
    files.writePrivate(file, Buffer.concat([Buffer.from(crypto.sha256Hex(code), "latin1"), code]));
  } catch {
    // A full disk costs 4 ms a run, nothing else.
  }
}

const filename = `${__dirname}/hot.cjs`;
// The build leaves ASCII alone in it, and latin1 makes V8's smallest string.
const source = Buffer.from(files.read(filename, MAX_BYTES) ?? []).toString("latin1");
const file = codeFile();
const cachedData = compiledCode(file);
const script = new Script(source, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
if (file !== undefined && (cachedData === undefined || script.cachedDataRejected === true)) {
  process.once("exit", (code) => {
    if (code === 0) keep(file, script);
  });
}
(script.runInThisContext() as (load: NodeJS.Require) => void)(require);
