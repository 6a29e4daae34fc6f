/**
 * What the npm package's `sts-broker` runs: the program from hot.cjs, with V8's compiled code kept between runs. Compiling takes 4 ms
 * of a cached call. The code lies in the user's own cache directory, under the conditions of every entry there (0700, ours), and is
 * checked by its hash: V8 would run, or crash on, whatever it is given.
 *
 * Node keeps compiled code by itself from 22 on (module.enableCompileCache). It is not used: it keeps what loading a module compiles, before
 * any function was called, 1 KB instead of 160, and a cached call took 1.8 times as long as bare Node with it, 1.4 times with this.
 */
import { readFileSync } from "node:fs";
import { Script } from "node:vm";
import { existingCacheDirectory } from "../src/cache/directory.ts";
import { crypto } from "../src/host/crypto.ts";
import { read, stat } from "../src/host/files-read.ts";
import { realSystem } from "../src/host/system.ts";

/** Names the very text of hot.cjs; the build puts it in. */
declare const STS_BROKER_BUILD: string;

/** The file is the code's SHA-256 in hex, then the code. */
const HASH_LENGTH = 64;
/** Whatever is larger is not ours. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Where the compiled code is kept; undefined when there can be no directory of our own. */
function codeFile(): string | undefined {
  const directory = existingCacheDirectory({ env: process.env, system: realSystem(process.env), files: { stat } });
  return directory.ok ? `${directory.path}/code-${STS_BROKER_BUILD}-${process.version}-${process.arch}` : undefined;
}

/** Undefined unless the file holds, whole, what was written there. */
function compiledCode(file: string): Buffer | undefined {
  try {
    const kept = read(file, MAX_BYTES);
    if (kept === undefined) return undefined;
    const bytes = Buffer.from(kept.buffer, kept.byteOffset, kept.length);
    const code = bytes.subarray(HASH_LENGTH);
    return crypto.sha256Hex(code) === bytes.toString("latin1", 0, HASH_LENGTH) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** npm replaces the whole folder, and whoever starts just then finds the old start and no program. */
function program(): string {
  try {
    return readFileSync(filename, "utf8");
  } catch {
    process.stderr.write(
      "sts-broker: another version was installed while this one started\n  hint: run it again; if that does not help, install it again\n",
    );
    return process.exit(process.argv[2] === "exec" ? 125 : 1);
  }
}

const filename = `${__dirname}/hot.cjs`;
const source = program();
const file = codeFile();
const cachedData = file === undefined ? undefined : compiledCode(file);
const script = new Script(source, { filename, ...(cachedData === undefined ? {} : { cachedData }) });
if (file !== undefined && (cachedData === undefined || script.cachedDataRejected === true)) {
  process.once("exit", (code) => {
    // Of a run that loaded no other chunk: any other compiled less of the hot path, or much besides it.
    const chunks = Object.keys(require.cache).filter((name) => name.startsWith(__dirname));
    if (code === 0 && chunks.length === 1)
      (require(`${__dirname}/keep-code.cjs`) as typeof import("./keep-code.ts")).keepCode(file, script);
  });
}
(script.runInThisContext() as (load: NodeJS.Require) => void)(require);
