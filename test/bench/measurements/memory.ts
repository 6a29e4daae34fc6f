import { startMainJob } from "../../support/main-job.ts";
import { withHomes } from "../home.ts";
import type { Measurement } from "../measurement.ts";
import { type Goal, judged, type Row } from "../row.ts";
import { median } from "../statistics.ts";

const RUNS = 5;
const STANDALONE_GOAL: Goal = { of: "value", atMost: 40 };

export const memory: Measurement = {
  name: "memory",
  summary: "largest resident size of one process, against node -e 0",
  programs: [],
  async run({ builds, runner, bare }) {
    const job = await startMainJob();
    const peak = async (once: () => Promise<{ readonly peakMb: number }>): Promise<number> => {
      const sizes: number[] = [];
      for (let run = 0; run < RUNS; run++) sizes.push((await once()).peakMb);
      return median(sizes);
    };
    try {
      const base = await peak(() => runner.succeed(bare));
      return await withHomes(
        builds,
        (sandbox) => job.configureIn(sandbox),
        async (homes) => {
          const rows: Row[] = [];
          for (const home of homes) {
            const command = home.command(["credential-process", "--profile", "billing", "--store", "file"]);
            const cold = await peak(() => {
              home.forget("all");
              return runner.succeed(command);
            });
            const cached = await peak(() => runner.succeed(command));
            for (const [what, value] of [
              ["cached", cached],
              ["cold", cold],
            ] as const) {
              const row = { name: "memory", what, build: home.build.name, value, unit: "MB" as const, base };
              const goal = home.build.name === "standalone" && what === "cached" ? STANDALONE_GOAL : undefined;
              rows.push(judged({ ...row, ratio: value / base }, goal));
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
