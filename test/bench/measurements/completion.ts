import path from "node:path";
import { held } from "../held.ts";
import { withHomes } from "../home.ts";
import type { Measurement } from "../measurement.ts";
import { type Goal, judged, type Row } from "../row.ts";
import { inTurn } from "../runner.ts";

const PROFILES = 50;
const GOAL: Goal = { of: "more", atMost: 100 };

/** TAB after --profile asks the program for its profiles each time. */
const SCRIPT = `source "$0"
  COMP_LINE='sts-broker env --profile b' COMP_POINT=26 COMP_WORDS=(sts-broker env --profile b) COMP_CWORD=3
  _sts_broker; [ "\${#COMPREPLY[@]}" = ${PROFILES} ]`;

export const completion: Measurement = {
  name: "completion",
  summary: `TAB after --profile in bash, ${PROFILES} profiles, against node -e 0`,
  programs: ["bash"],
  async run({ builds, runner, bare, rounds }) {
    const tables = Array.from({ length: PROFILES }, (_, at) => `[profile.billing-${at}]\nidentity = "corp"\n`);
    return withHomes(
      builds,
      (sandbox) => sandbox.configure(tables.join("")),
      async (homes) => {
        const ways = homes.flatMap((home) => {
          const { sandbox, build } = home;
          const argv = build.argv.map((word) => `'${word}'`).join(" ");
          const bin = path.dirname(sandbox.file("bin/sts-broker", `#!/bin/sh\nexec ${argv} "$@"\n`, 0o755));
          const inBash = ["bash", "--norc", "--noprofile", "-c", SCRIPT, path.resolve("completions/sts-broker.bash")];
          const env = { ...sandbox.env, PATH: `${bin}:${sandbox.env.PATH}` };
          return [
            { build, what: "config profiles", command: home.command(["config", "profiles"]) },
            { build, what: "TAB in bash", command: { argv: inBash, env, cwd: sandbox.home } },
          ];
        });
        const commands = [bare, ...ways.map(({ command }) => command)];
        const [base = [], ...costs] = await inTurn(runner, commands, Math.max(5, Math.ceil(rounds / 3)));
        return ways.map(({ build, what }, index): Row => {
          const { cpuMs, cpuRatio, ...walls } = held(costs[index] ?? [], base);
          const row = { name: "completion", what, build: build.name };
          // Bash does not wait for the program, so its processor time is not known.
          return what === "TAB in bash" ? judged({ ...row, ...walls }, GOAL) : { ...row, ...walls, cpuMs, cpuRatio };
        });
      },
    );
  },
};
