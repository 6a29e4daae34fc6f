import { setTimeout as delay } from "node:timers/promises";
import { heldAgainst } from "../held.ts";
import { type Home, withHomes } from "../home.ts";
import type { Bench, Measurement } from "../measurement.ts";
import { missing } from "../missing.ts";
import { type Goal, judged, type Row } from "../row.ts";
import type { Cost } from "../runner.ts";
import { COLD_SOURCES } from "../sources/registry.ts";
import { type Scene, withScene } from "../sources/scene.ts";
import type { ColdSource } from "../sources/source.ts";
import { median } from "../statistics.ts";

const DELAYS_MS = [0, 20, 100];
/** Apache writes its log after it has answered. */
const LOGGED_AFTER_MS = 200;
const STANDALONE_GOAL: Goal = { of: "more", atMost: 25 };

export const cold: Measurement = {
  name: "cold",
  summary: "first credential-process by source, against its requests made in sequence by a warm client (TLS, in turn)",
  programs: [],
  async run(bench) {
    const rows: Row[] = [];
    for (const source of bench.quick ? COLD_SOURCES.slice(0, 1) : COLD_SOURCES) {
      const reason = missing(source.programs);
      if (reason !== undefined) {
        bench.leaveOut(`${source.name}: ${reason}`);
        continue;
      }
      try {
        rows.push(...(await withScene(source, (scene) => measure(source, scene, bench))));
      } catch (error) {
        bench.fail(source.name, error);
      }
    }
    return rows;
  },
};

function measure(source: ColdSource, scene: Scene, bench: Bench): Promise<Row[]> {
  return withHomes(bench.builds, scene.configure, async (homes) => {
    const run = (home: Home): Promise<Cost> => {
      home.forget("all");
      scene.prepare();
      return bench.runner.succeed(home.command(scene.args, scene.env));
    };
    const rows: Row[] = [];
    // Warms everything up, too.
    const requestsOf = async (once: () => Promise<unknown>): Promise<number> => {
      const after = async (): Promise<number> => {
        await once();
        await delay(LOGGED_AFTER_MS);
        return sum(scene.requests());
      };
      const before = await after();
      return (await after()) - before;
    };
    const base = await requestsOf(scene.bare);
    for (const home of homes) {
      const value = await requestsOf(() => run(home));
      rows.push({ name: "cold", what: source.name, build: home.build.name, value, unit: "requests", base });
    }
    for (const delayMs of bench.quick ? DELAYS_MS.slice(0, 2) : DELAYS_MS) {
      scene.setDelay(delayMs);
      const bare: number[] = [];
      const costs = homes.map((): Cost[] => []);
      for (let round = 0; round < Math.max(3, Math.round(bench.rounds / 8)); round++) {
        bare.push(await scene.bare());
        for (const [index, home] of homes.entries()) costs[index]?.push(await run(home));
      }
      for (const [index, { build }] of homes.entries()) {
        const mine = costs[index] ?? [];
        const row = { name: "cold", what: source.name, build: build.name, delayMs };
        const against = heldAgainst(
          mine.map(({ wallMs }) => wallMs),
          bare,
        );
        const cpuMs = median(mine.map((cost) => cost.cpuMs));
        const goal = build.name === "standalone" && source.client === "node" ? STANDALONE_GOAL : undefined;
        rows.push(judged({ ...row, ...against, cpuMs }, goal));
      }
    }
    return rows;
  });
}

function sum({ idp, sts }: ReturnType<Scene["requests"]>): number {
  return idp + sts;
}
