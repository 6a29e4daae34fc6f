// npm run demo: installs what is missing, builds, and runs the demo. Plain JavaScript, since nothing is installed yet.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
process.chdir(root);

const setup = spawnSync(process.execPath, ["test/setup.mjs", "--npm"], { stdio: "inherit" });
if (setup.status !== 0) process.exit(setup.status ?? 1);
const { buildProgram } = await import("../../.ci/build.mjs");
await buildProgram();
const { build } = await import("esbuild");
// Inside the project, so that its packages are found.
const out = mkdtempSync(path.join(root, "node_modules", ".demo-"));
let status = 1;
try {
  await build({
    entryPoints: ["test/demo/demo.ts", "test/demo/caller.ts"],
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
  };
  env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  status = spawnSync(process.execPath, [path.join(out, "demo.mjs")], { stdio: "inherit", env }).status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
process.exit(status);
