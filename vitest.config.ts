import { defineConfig } from "vitest/config";
import { SlowestFirst } from "./.ci/slowest-first.mjs";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: [".ci/build-if-stale.mjs"],
    // Processes, since tests send signals and change the working directory; three, since they wait for half of their time, on two cores.
    pool: "forks",
    maxWorkers: 3,
    sequence: { sequencer: SlowestFirst },
    testTimeout: 30_000,
    hookTimeout: 120_000,
    // ES modules that Node would take for CommonJS: the build bundles them.
    server: { deps: { inline: [/client-sts\/dist-es/] } },
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  },
});
