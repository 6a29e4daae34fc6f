import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { common } from "../build.mjs";

/** The registries as plain values. What a command or a source loads only when it runs is left out. */
export async function loadRegistries(root) {
  const { outputFiles } = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: [".ci/generate/registries.ts"],
    write: false,
    plugins: [{ name: "static-imports-only", setup: leaveOutDynamicImports }],
  });
  const directory = mkdtempSync(path.join(tmpdir(), "sts-broker-registries-"));
  try {
    const file = path.join(directory, "registries.mjs");
    writeFileSync(file, outputFiles[0].text);
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function leaveOutDynamicImports({ onResolve }) {
  onResolve({ filter: /.*/ }, ({ kind, path: wanted }) =>
    kind === "dynamic-import" ? { path: wanted, external: true } : undefined,
  );
}
