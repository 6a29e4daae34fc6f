import { spawn } from "node:child_process";
import type { Sandbox } from "../../support/program.ts";
import { heldAgainst } from "../held.ts";
import { withHomes } from "../home.ts";
import type { Measurement } from "../measurement.ts";

const TITLE = "Login for profile billing";
const CONFIGURATION = `
[identity.corp]
type = "token-command"
command = ["/bin/sleep", "3"]
[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/billing"
`;

export const firstFrame: Measurement = {
  name: "first-frame",
  summary: "from the start of login to its first line on a terminal, against a line that Node prints",
  programs: ["script"],
  async run({ builds, rounds }) {
    return withHomes(
      builds,
      (sandbox) => sandbox.configure(CONFIGURATION),
      async (homes) => {
        const subjects = homes.flatMap(({ build, sandbox }) => {
          const login = [...build.argv, "login"];
          return [
            { build, sandbox, what: "login", argv: login },
            { build, sandbox, what: "login --plain", argv: [...login, "--plain"] },
          ];
        });
        const [anywhere] = homes;
        if (anywhere === undefined) return [];
        const bare = [process.execPath, "-e", `console.log("${TITLE}")`];
        const bases: number[] = [];
        const times = subjects.map((): number[] => []);
        for (let round = 0; round < Math.max(5, Math.ceil(rounds / 3)); round++) {
          bases.push(await untilTitle(bare, anywhere.sandbox));
          for (const [index, { argv, sandbox }] of subjects.entries())
            times[index]?.push(await untilTitle(argv, sandbox));
        }
        return subjects.map(({ build, what }, index) => ({
          name: "first-frame",
          what,
          build: build.name,
          ...heldAgainst(times[index] ?? [], bases),
        }));
      },
    );
  },
};

/** On a terminal that script(1) makes. @returns milliseconds until the title is there */
function untilTitle(argv: readonly string[], { env, home }: Sandbox): Promise<number> {
  const line = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn("script", ["-qfec", line, "/dev/null"], {
      cwd: home,
      env: { ...env, TERM: "xterm" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    let shown = "";
    let tookMs: number | undefined;
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
      if (tookMs !== undefined || !shown.includes(TITLE)) return;
      tookMs = performance.now() - startMs;
      // script(1) takes its time to end by anything else; whatever runs on its terminal is hung up on.
      child.kill("SIGKILL");
    });
    child.once("error", reject);
    child.once("close", () => {
      if (tookMs === undefined) reject(new Error(`no first frame, but: ${shown}`));
      else resolve(tookMs);
    });
  });
}
