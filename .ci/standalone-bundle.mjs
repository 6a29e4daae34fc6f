// The program as Bun compiles it: what a cached call needs in one module, the rest in modules that are loaded on use. Bun takes 0.1 ms
// for each module that it loads, and twenty of them would be most of what a cached call costs beyond the runtime.

import { existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { ADDONS, buildScreens, common, hotChunks, SCREENS, screensApart } from "./build.mjs";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const host = path.join(root, "src", "host");

/** Written where the path of an addon's file inside the executable belongs. */
const addonFile = (name) => `addon-file:${name}`;

/**
 * Writes main.mjs and what it loads.
 * @param out folder
 * @param addons files of native addons, by name
 * @returns esbuild's inputs, for the licences, and outputs, for the bill of materials
 */
export async function bundleStandalone(out, addons) {
  const { metafile, outputFiles } = await build({
    ...common,
    entryPoints: ["bin/sts-broker.ts"],
    outdir: out,
    splitting: true,
    chunkNames: "[name]-[hash]",
    outExtension: { ".js": ".mjs" },
    minify: true,
    legalComments: "none",
    metafile: true,
    write: false,
    external: ["fs-native-extensions", "koffi", "bun:ffi", SCREENS, ...Object.keys(addons).map(addonFile)],
    plugins: [standIns, embedded(Object.keys(addons)), screensApart],
  });
  const screens = await buildScreens(out);
  const chunks = new Map(outputFiles.map(({ path: file, text }) => [`./${path.basename(file)}`, text]));
  const hot = hotChunks(metafile);
  const cold = [...chunks.keys()].filter((name) => !hot.has(name));
  const write = (name, text) => writeFileSync(path.join(out, name), text);
  for (const name of cold) write(name, await coldChunk(chunks.get(name)));
  write("cold.mjs", coldTable(cold, addons));
  write("loader.mjs", LOADER);
  write("main.mjs", await hotModule(out, chunks, [...hot].sort()));
  return {
    inputs: { ...metafile.inputs, ...screens.inputs },
    outputs: { ...metafile.outputs, ...screens.outputs },
  };
}

/** What differs under Bun lives in src/host/bun, under the name of the file that it stands in for. */
const standIns = {
  name: "stand-ins",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ path: wanted, resolveDir }) => {
      const file = path.join(resolveDir, wanted);
      const instead = path.join(host, "bun", path.basename(file));
      return path.dirname(file) === host && existsSync(instead) ? { path: instead } : undefined;
    });
  },
};

/** Our own loader in the place of the package's search for its binary. */
function embedded(names) {
  const opened = (
    name,
  ) => `import { openEmbeddedAddon } from ${JSON.stringify(path.join(host, "bun", "embedded-addon.ts"))};
import file from "${addonFile(name)}";
`;
  return {
    name: "embedded addons",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^keytar$/ }, () => ({ path: "keytar", namespace: "addon" }));
      onResolve({ filter: /^kerberos$/ }, () =>
        names.includes("kerberos") ? undefined : { path: "kerberos", external: true },
      );
      onResolve({ filter: /^\.\/util$/ }, ({ importer }) =>
        importer.includes(`${path.sep}node_modules${path.sep}kerberos${path.sep}`)
          ? { path: "kerberos", namespace: "addon" }
          : undefined,
      );
      onLoad({ filter: /^keytar$/, namespace: "addon" }, () => ({
        contents: `${opened("keytar")}export default openEmbeddedAddon(file);`,
        resolveDir: root,
      }));
      onLoad({ filter: /^kerberos$/, namespace: "addon" }, () => ({
        contents: `${opened("kerberos")}export const loadBindings = () => openEmbeddedAddon(file);`,
        resolveDir: root,
      }));
    },
  };
}

/** One scope for all hot chunks. What they import() is asked from the loader. */
async function hotModule(out, chunks, names) {
  const imports = names.map((name, index) => `import * as h${index} from ${JSON.stringify(name)};`).join("");
  const table = names.map((name, index) => `${JSON.stringify(name)}:h${index}`).join();
  const { outputFiles } = await build({
    stdin: {
      contents: `import{hot}from"./loader.mjs";${imports}Object.assign(hot,{${table}});`,
      resolveDir: out,
    },
    bundle: true,
    platform: "node",
    target: common.target,
    format: "esm",
    minify: true,
    legalComments: "none",
    write: false,
    inject: [path.join(out, "loader.mjs")],
    external: [...ADDONS, "bun:ffi", "./cold.mjs", SCREENS],
    logLevel: "warning",
    plugins: [
      {
        name: "chunks",
        setup({ onResolve, onLoad }) {
          onResolve({ filter: /^\.\// }, ({ path: name }) =>
            names.includes(name) ? { path: name, namespace: "hot" } : undefined,
          );
          onLoad({ filter: /.*/, namespace: "hot" }, ({ path: name }) => ({
            contents: chunks.get(name).replaceAll('import("./', 'loadChunk("./'),
            resolveDir: out,
          }));
        },
      },
    ],
  });
  return outputFiles[0].text;
}

/** A chunk as a function of CommonJS's three values: a module that it shares with the hot ones stays one module. */
async function coldChunk(text) {
  const { code } = await transform(text.replaceAll('import("./', 'require.loadChunk("./'), {
    format: "cjs",
    platform: "node",
    target: common.target,
    minify: true,
    logLevel: "error",
  });
  return `export default function(exports,require,module){${code}}`;
}

function coldTable(names, addons) {
  const rows = names.map((name) => `${JSON.stringify(name)}:()=>require(${JSON.stringify(name)}).default`).join(",\n");
  const files = Object.keys(addons);
  const imports = files
    .map((name) => `import ${name} from ${JSON.stringify(addons[name])} with{type:"file"};`)
    .join("\n");
  return `${imports}
export const chunks={${rows}};
export const files={${files.map((name) => `${JSON.stringify(addonFile(name))}:${name}`).join()}};
export const builtin=(name)=>import.meta.require(name);
export const screens=()=>import("${SCREENS}");
`;
}

const LOADER = `import{builtin,chunks,files,screens}from"./cold.mjs";
export const hot={};
const loaded={};
const require=(name)=>{
  if(name in files)return{__esModule:true,default:files[name]};
  if(hot[name]!==undefined)return hot[name];
  if(!(name in chunks))return builtin(name);
  if(loaded[name]===undefined){
    const module={exports:{}};
    loaded[name]=module.exports;
    chunks[name]().call(module.exports,module.exports,require,module);
    loaded[name]=module.exports;
  }
  return loaded[name];
};
// In a microtask: the entry asks for its first chunk before the table of the hot ones is complete.
export const loadChunk=(name)=>name==="${SCREENS}"?screens():Promise.resolve().then(()=>require(name));
require.loadChunk=loadChunk;
`;
