import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { startMainJob } from "../../support/main-job.ts";
import { type Keyring, startKeyring } from "../../system/servers/keyring.ts";
import { held } from "../held.ts";
import { type Home, withHomes } from "../home.ts";
import type { Bench, Measurement } from "../measurement.ts";
import { type Goal, judged, type Row } from "../row.ts";
import { type Command, inTurn } from "../runner.ts";

const SHARED_MEMORY = "/dev/shm";

const ratioAtMost = (atMost: number): Goal => ({ of: "ratio", atMost });
const GOALS: Readonly<Record<Home["build"]["name"], Readonly<Record<string, Goal>>>> = {
  npm: {
    file: ratioAtMost(1.2),
    kernel: ratioAtMost(1.2),
    runtime: ratioAtMost(1.2),
    keychain: ratioAtMost(1.5),
  },
  standalone: { file: ratioAtMost(0.3), keychain: ratioAtMost(1) },
};

interface Subject {
  readonly build: Home["build"]["name"];
  readonly store: string;
  readonly command: Command;
}

export const cached: Measurement = {
  name: "cached",
  summary: "cached credential-process by store, against node -e 0 (in turn; medians, ratios round by round)",
  programs: [],
  async run(bench) {
    const job = await startMainJob();
    const memory = existsSync(SHARED_MEMORY) ? mkdtempSync(`${SHARED_MEMORY}/sts-broker-bench-`) : undefined;
    const keyring = await startKeyring().catch((error: unknown) => {
      bench.leaveOut(`store keychain: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
      return undefined;
    });
    try {
      return await withHomes(
        bench.builds,
        (sandbox) => job.configureIn(sandbox),
        async (homes) => {
          const subjects = await working(bench, subjectsOf(homes, memory, keyring));
          const commands = [bench.bare, ...subjects.map(({ command }) => command)];
          const [bare = [], ...costs] = await inTurn(bench.runner, commands, bench.rounds);
          return subjects.map(({ build, store }, index): Row => {
            const row = { name: "cached", what: store, build, ...held(costs[index] ?? [], bare) };
            return judged(row, GOALS[build][store]);
          });
        },
      );
    } finally {
      if (memory !== undefined) rmSync(memory, { recursive: true });
      await keyring?.stop();
      await job.close();
    }
  },
};

function subjectsOf(homes: readonly Home[], memory: string | undefined, keyring: Keyring | undefined): Subject[] {
  const stores: [store: string, env: Readonly<Record<string, string>>][] = [
    ["file", {}],
    // Its key stays in the kernel for three days; it is the one that sts-broker would make for this user anyway.
    ["kernel", {}],
    ...(memory === undefined ? [] : [["runtime", { XDG_RUNTIME_DIR: memory }] as [string, Record<string, string>]]),
    ...(keyring === undefined
      ? []
      : [
          ["keychain", { DBUS_SESSION_BUS_ADDRESS: keyring.env.DBUS_SESSION_BUS_ADDRESS }] as [
            string,
            Record<string, string>,
          ],
        ]),
    // Without a D-Bus in its environment, as for a cron job.
    ["auto", {}],
  ];
  return stores.flatMap(([store, env]) =>
    homes.map((home) => ({
      build: home.build.name,
      store,
      command: home.command(["credential-process", "--profile", "billing", "--store", store], env),
    })),
  );
}

/** Those that answer without a complaint, and have answered once: from now on they are cached. */
async function working({ runner, leaveOut }: Bench, subjects: readonly Subject[]): Promise<Subject[]> {
  const found: Subject[] = [];
  for (const subject of subjects) {
    const { status, stderr } = await runner.run(subject.command);
    if (status === 0 && stderr === "") found.push(subject);
    else leaveOut(`${subject.build} build, store ${subject.store}: ${stderr.trim().split("\n")[0]}`);
  }
  return found;
}
