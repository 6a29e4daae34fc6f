import { spawn } from "node:child_process";
import { startMainJob } from "../../support/main-job.ts";
import { withHomes } from "../home.ts";
import type { Measurement } from "../measurement.ts";
import type { Row } from "../row.ts";
import type { Command } from "../runner.ts";

/** One shell starts them. */
const TOGETHER = 'count=$1; shift; for i in $(seq "$count"); do ("$@" || echo failed) & done; wait';

export const crowd: Measurement = {
  name: "crowd",
  summary: "many processes at once, against as many node -e 0: until the last has ended",
  programs: [],
  async run(bench) {
    const job = await startMainJob();
    try {
      return await withHomes(
        bench.builds,
        (sandbox) => job.configureIn(sandbox),
        async (homes) => {
          const rows: Row[] = [];
          for (const count of bench.quick ? [50] : [200, 1_000]) {
            const base = (await together(count, bench.bare)).tookMs;
            for (const home of homes) {
              const of = { name: "crowd", build: home.build.name };
              const command = home.command(["credential-process", "--profile", "billing", "--store", "file"]);
              home.forget("all");
              const before = job.counts();
              const rush = await together(count, command);
              const after = job.counts();
              const again = await together(count, command);
              for (const [what, { tookMs }] of [
                ["cold", rush],
                ["cached", again],
              ] as const)
                rows.push({
                  ...of,
                  what: `${count} ${what}`,
                  value: tookMs,
                  unit: "ms",
                  base,
                  ratio: tookMs / base,
                  more: tookMs - base,
                });
              const calls = after.token - before.token + after.sts - before.sts;
              const none = { of: "value", atMost: 0 } as const;
              const failed = rush.failed + again.failed;
              rows.push(
                {
                  ...of,
                  what: `${count} cold: token and STS requests of all`,
                  value: calls,
                  unit: "requests",
                  goal: { of: "value", atMost: 2 },
                  met: calls <= 2,
                },
                {
                  ...of,
                  what: `${count} cold and cached: without an answer`,
                  value: failed,
                  unit: "processes",
                  goal: none,
                  met: failed === 0,
                },
              );
            }
          }
          return rows;
        },
      );
    } finally {
      await job.close();
    }
  },
};

/**
 * Starts `count` processes at once. What they say on stderr is not shown, a thousand times the same helps nobody.
 * @returns wall time until the last has ended, and how many failed
 */
async function together(count: number, { argv, env, cwd }: Command): Promise<{ tookMs: number; failed: number }> {
  const startMs = performance.now();
  const shell = spawn("/bin/sh", ["-c", TOGETHER, "sh", String(count), ...argv], {
    env,
    cwd,
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  shell.stdout.on("data", (chunk: Buffer) => {
    text += chunk.toString();
  });
  await new Promise((resolve, reject) => shell.once("error", reject).once("close", resolve));
  const failed = text.split("\n").filter((line) => line === "failed").length;
  return { tookMs: performance.now() - startMs, failed };
}
