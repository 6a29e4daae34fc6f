// Builds dist/: the program as CommonJS chunks. CommonJS starts 4 ms sooner than ES modules on Node 20, and the entry chunk holds
// the hot path alone; what a cold start needs is loaded from the other chunks. Libraries are bundled (their licences with them),
// native addons are not.

import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { licenceNotice } from "./licence-text.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const dist = path.join(root, "dist");
const { version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));

/** Loaded at run time, if they are installed. */
export const ADDONS = ["keytar", "fs-native-extensions", "kerberos", "koffi"];

/** esbuild options that every bundle of the program shares. */
export const common = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "esm",
  external: ADDONS,
  // Tree-shakable sources load in half the time of the CommonJS ones.
  mainFields: ["module", "main"],
  // The SDK would load its whole chain of credential providers for a call that is not signed.
  alias: {
    "@aws-sdk/credential-provider-node": "./src/exchange/no-ambient-credentials.ts",
    "react-devtools-core": "./src/ui/no-devtools.ts",
    ws: "./src/ui/no-devtools.ts",
    "is-in-ci": "./src/ui/not-in-ci.ts",
    "terminal-size": "./src/ui/terminal-size.ts",
  },
  inject: ["./src/identity/lib/fetch-types.ts"],
  define: {
    STS_BROKER_VERSION: JSON.stringify(version),
    "process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED": '"true"',
    "import.meta.url": '""',
  },
  logLevel: "warning",
};

export async function buildProgram() {
  const { metafile, outputFiles } = await build({
    ...common,
    entryPoints: ["bin/sts-broker.ts"],
    outdir: dist,
    splitting: true,
    chunkNames: "[name]-[hash]",
    outExtension: { ".js": ".cjs" },
    minify: true,
    legalComments: "none",
    metafile: true,
    write: false,
    plugins: [screensApart],
  });
  // Built beside it and renamed, so that whoever runs the program meanwhile has the old one or the new one.
  const out = `${dist}.${process.pid}`;
  mkdirSync(out, { recursive: true });
  const chunks = new Map(outputFiles.map(({ path: file, text }) => [`./${path.basename(file)}`, text]));
  const hot = hotChunks(metafile);
  const exported = new Map(
    Object.entries(metafile.outputs).map(([file, output]) => [`./${path.basename(file)}`, output.exports]),
  );
  const program = await hotFile(chunks, exported, hot);
  writeFileSync(path.join(out, "hot.cjs"), program);
  const entry = path.join(out, "sts-broker.cjs");
  const start = { ...common, format: "cjs", minify: true };
  await build({
    ...start,
    entryPoints: ["bin/start.ts"],
    outfile: entry,
    banner: { js: "#!/usr/bin/env node" },
    // It starts nothing that asks for them.
    inject: [],
    define: {
      ...common.define,
      STS_BROKER_BUILD: JSON.stringify(createHash("sha256").update(program).digest("hex").slice(0, 16)),
    },
  });
  await build({ ...start, entryPoints: ["bin/keep-code.ts"], outfile: path.join(out, "keep-code.cjs") });
  chmodSync(entry, 0o755);
  for (const [name, text] of chunks) {
    if (!hot.has(name))
      writeFileSync(path.join(out, name), `module.exports=function(exports,require,module){${await asCommonJs(text)}}`);
  }
  const screens = await buildScreens(out);
  writeFileSync(path.join(out, "LICENSES.txt"), licences({ ...metafile.inputs, ...screens.inputs }));
  const outputs = { ...metafile.outputs, ...screens.outputs };
  writeFileSync(path.join(out, "metafile.json"), JSON.stringify({ ...metafile, outputs }));
  const old = `${out}.old`;
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(out, dist);
  rmSync(old, { recursive: true, force: true });
  return metafile;
}

/** Loaded by import() in the sources, but on every hot run: one file to open instead of many. */
const HOT = [
  "src/commands/credential-process.ts",
  "src/commands/env.ts",
  "src/host/keychain/keychain.ts",
  "src/host/keyring.ts",
  "src/host/syscall.ts",
];

/** The entry's chunk, the hot commands' and whatever those import statically. */
export function hotChunks({ outputs }) {
  const byName = new Map(Object.entries(outputs).map(([file, output]) => [`./${path.basename(file)}`, output]));
  const hot = new Set();
  const add = (name) => {
    if (hot.has(name)) return;
    hot.add(name);
    for (const { path: file, kind, external } of byName.get(name)?.imports ?? []) {
      if (kind === "import-statement" && external !== true) add(`./${path.basename(file)}`);
    }
  };
  for (const [name, { entryPoint }] of byName)
    if (entryPoint === "bin/sts-broker.ts" || HOT.includes(entryPoint)) add(name);
  return hot;
}

export const SCREENS = "./ui.mjs";

/** Leaves src/ui out of the program's chunks: it is loaded by the one import() that stays one. */
export const screensApart = {
  name: "screens apart",
  setup({ onResolve }) {
    onResolve({ filter: /\/ui\/main\.tsx$/ }, () => ({ path: SCREENS, external: true }));
  },
};

/** src/ui with ink and react. */
export async function buildScreens(out) {
  const { metafile } = await build({
    ...common,
    inject: [],
    entryPoints: ["src/ui/main.tsx"],
    outfile: path.join(out, SCREENS),
    jsx: "automatic",
    minify: true,
    legalComments: "none",
    metafile: true,
    banner: {
      js: 'import{createRequire as nodeRequire}from"node:module";const require=nodeRequire(import.meta.url);',
    },
    // Without fetch the layout engine decodes the WebAssembly that it holds by itself; with it a whole HTTP client is loaded first.
    define: { "process.env.NODE_ENV": '"production"', "process.env.DEV": '"false"', fetch: "undefined" },
  });
  return metafile;
}

/** A chunk as CommonJS; import() becomes require(), but for the one of an ES module. */
async function asCommonJs(chunk) {
  const text = chunk.replaceAll(`import("${SCREENS}")`, `importScreens("${SCREENS}")`);
  const { code } = await transform(text, {
    format: "cjs",
    platform: "node",
    target: "node20.19",
    minify: true,
    supported: { "dynamic-import": false },
    logLevel: "error",
  });
  return code.replace(/importScreens\((".*?")\)/g, "import($1).catch(require.missing)");
}

/**
 * The hot chunks in one scope: a wrapper for each would cost half a millisecond a piece, and so would a getter for each export. Cold chunks
 * are files that export a function; they are given a `require` that finds a hot chunk's exports here, so that one module stays one module.
 * A chunk that is gone means that npm has put another version in our place: half of the old one can do nothing sensible any more, and
 * ends on the spot.
 */
async function hotFile(chunks, exported, hot) {
  const names = [...hot].sort();
  const local = (index, name) => `h${index}_${name}`;
  const imports = names.map((chunk, index) => {
    const list = exported.get(chunk).map((name) => `${name} as ${local(index, name)}`);
    return `import {${list.join(",")}} from ${JSON.stringify(chunk)};`;
  });
  // Values instead of live bindings: a chunk has run when it is registered, and no module of ours changes what it exports.
  const table = names.map((chunk, index) => {
    const list = exported.get(chunk).map((name) => `${name}:${local(index, name)}`);
    return `${JSON.stringify(chunk)}:{${list.join(",")}}`;
  });
  const { outputFiles } = await build({
    stdin: { contents: `${imports.join("")}\nregister({${table.join(",")}});`, resolveDir: root },
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "cjs",
    minify: true,
    legalComments: "none",
    write: false,
    external: ADDONS,
    logLevel: "warning",
    supported: { "dynamic-import": false },
    plugins: [
      {
        name: "chunks",
        setup({ onResolve, onLoad }) {
          // import() of a hot chunk asks the table too: esbuild would wrap whatever is loaded both ways, and a file that is named .cjs.
          onResolve({ filter: /^\.\// }, ({ path: name, kind }) =>
            hot.has(name) && kind === "import-statement"
              ? { path: path.basename(name, ".cjs"), namespace: "hot" }
              : { path: name, external: true },
          );
          onLoad({ filter: /.*/, namespace: "hot" }, ({ path: name }) => ({ contents: chunks.get(`./${name}.cjs`) }));
        },
      },
    ],
  });
  // import() of a chunk runs before the table is complete only if an entry did it while loading; ours starts in a microtask.
  return `(nodeRequire)=>{"use strict";
const loaded={},register=(hot)=>Object.assign(loaded,hot);
const missing=(error)=>{
  if(!/MODULE_NOT_FOUND/.test(error.code))throw error;
  process.stderr.write("sts-broker: another version was installed while this one ran\\n  hint: run it again; if that does not help, install it again\\n");
  process.exit(process.argv[2]==="exec"?125:1);
};
const find=(name)=>{try{return nodeRequire(name)}catch(error){return missing(error)}};
const load=(name)=>{
  if(!name.startsWith("./"))return nodeRequire(name);
  if(loaded[name]===undefined){
    const chunk=find(name),module={exports:{}};
    loaded[name]=module.exports;
    chunk.call(module.exports,module.exports,load,module);
    loaded[name]=module.exports;
  }
  return loaded[name];
};
load.missing=missing;
((require)=>{${outputFiles[0].text}})(load);
}
`;
}

/** The licences of what is bundled, as they ask for. */
export function licences(inputs) {
  const packages = new Set();
  for (const input of Object.keys(inputs)) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) packages.add(match[1]);
  }
  const texts = [...packages].sort().map(licenceNotice);
  return `sts-broker holds the following packages.\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!existsSync(path.join(root, "node_modules"))) throw new Error("run npm ci first");
  await buildProgram();
}
