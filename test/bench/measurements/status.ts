import { startMainJob } from "../../support/main-job.ts";
import { held } from "../held.ts";
import { withHomes } from "../home.ts";
import type { Measurement } from "../measurement.ts";
import { inTurn } from "../runner.ts";

const PROFILES = 50;

export const status: Measurement = {
  name: "status",
  summary: `status of ${PROFILES} cached profiles, against node -e 0`,
  programs: [],
  async run({ builds, runner, bare, rounds }) {
    const job = await startMainJob();
    const table = (index: number): string => `[profile.p${index}]
identity = "corp"
role_arn = "${job.world.roleArn}"
role_session_name = "p${index}"
region = "eu-west-1"
endpoint_url = "${job.world.sts.url}"
store = "file"
`;
    // The main job's own profile is one of them.
    const after = Array.from({ length: PROFILES - 1 }, (_, index) => table(index)).join("\n");
    try {
      return await withHomes(
        builds,
        (sandbox) => job.configureIn(sandbox, { after }),
        async (homes) => {
          for (const home of homes) await runner.succeed(home.command(["refresh"]));
          const commands = [bare, ...homes.map((home) => home.command(["status"]))];
          const [base = [], ...costs] = await inTurn(runner, commands, Math.max(5, Math.ceil(rounds / 3)));
          return homes.map(({ build }, index) => ({
            name: "status",
            what: `${PROFILES} profiles`,
            build: build.name,
            ...held(costs[index] ?? [], base),
          }));
        },
      );
    } finally {
      await job.close();
    }
  },
};
