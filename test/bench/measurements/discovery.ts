import { heldAgainst } from "../held.ts";
import { withHomes } from "../home.ts";
import type { Measurement } from "../measurement.ts";
import type { Row } from "../row.ts";
import { COLD_SOURCES } from "../sources/registry.ts";
import { withScene } from "../sources/scene.ts";

const DELAY_MS = 20;

/** The main job: the provider's documents are as old as the last renewal. */
export const discovery: Measurement = {
  name: "discovery",
  summary: "renewing with the provider's documents kept, against a home where nothing is kept (20 ms a round trip)",
  programs: [],
  async run(bench) {
    const [source] = COLD_SOURCES;
    if (source === undefined) return [];
    return withScene(source, (scene) =>
      withHomes(bench.builds, scene.configure, async (homes) => {
        const rows: Row[] = [];
        scene.setDelay(DELAY_MS);
        for (const home of homes) {
          const once = async (forgotten: "all" | "credentials") => {
            home.forget(forgotten);
            const before = scene.requests().idp;
            const { wallMs } = await bench.runner.succeed(home.command(scene.args, scene.env));
            return { wallMs, requests: scene.requests().idp - before };
          };
          await once("all");
          const first = [];
          const next = [];
          for (let round = 0; round < Math.max(3, Math.round(bench.rounds / 8)); round++) {
            first.push(await once("all"));
            next.push(await once("credentials"));
          }
          const [times, timesFirst] = [next, first].map((runs) => runs.map(({ wallMs }) => wallMs));
          const of = { name: "discovery", build: home.build.name, delayMs: DELAY_MS };
          const requests = { value: next[0]?.requests ?? 0, unit: "requests" as const, base: first[0]?.requests ?? 0 };
          rows.push({ ...of, what: `${source.name}: requests to the provider`, ...requests });
          rows.push({ ...of, what: source.name, ...heldAgainst(times ?? [], timesFirst ?? []) });
        }
        return rows;
      }),
    );
  },
};
