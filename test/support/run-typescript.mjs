// Runs a TypeScript program of test/ under plain Node: installs what is missing, builds the program under test, bundles the entries.
// Plain JavaScript, since nothing is installed yet when it starts.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));

/** @param entries paths below the project; the first one is run, the others lie beside it as .mjs */
export async function runTypeScript(entries, args = []) {
  process.chdir(root);
  // Its stdout is the program's own.
  const setup = spawnSync(process.execPath, ["test/setup.mjs", "--npm"], { stdio: ["inherit", 2, "inherit"] });
  if (setup.status !== 0) return setup.status ?? 1;
  const { buildProgram } = await import("../../.ci/build.mjs");
  await buildProgram();
  const { build } = await import("esbuild");
  // Inside the project, so that its packages are found.
  const out = mkdtempSync(path.join(root, "node_modules", ".run-"));
  try {
    await build({
      entryPoints: entries,
      outdir: out,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      packages: "external",
      platform: "node",
      target: "node20.19",
      format: "esm",
      logLevel: "warning",
    });
    const env = {
      ...process.env,
      STS_BROKER_UNDER_TEST: process.env.STS_BROKER_UNDER_TEST ?? path.join(root, "dist", "sts-broker.cjs"),
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    };
    const [first] = entries;
    const program = path.join(out, `${path.basename(first, ".ts")}.mjs`);
    return spawnSync(process.execPath, [program, ...args], { stdio: "inherit", env }).status ?? 1;
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
