import { defineConfig } from "vitest/config";
import { SlowestFirst } from "./.ci/slowest-first.mjs";

/** Hundreds of processes at once, whose servers need a processor too: nothing else runs beside them. */
const ALONE = ["test/bin/crowd.test.ts"];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: "tests", include: ["test/**/*.test.ts"], exclude: ALONE } },
      { extends: true, test: { name: "alone", include: ALONE, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
    globalSetup: [".ci/build-if-stale.mjs"],
    // Processes, since tests send signals and change the working directory; three, since they wait for half of their time, on two cores.
    pool: "forks",
    maxWorkers: 3,
    sequence: { sequencer: SlowestFirst },
    // A machine that others use as well may starve a test; one that needed its second try is marked so in the output.
    retry: process.env.CI === "true" ? 1 : 0,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // ES modules that Node would take for CommonJS: the build bundles them.
    server: { deps: { inline: [/client-sts\/dist-es/] } },
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
  },
});
