/** How long TAB takes after --profile, in bash: the list of profiles is asked of the program each time. The goal: 100 ms more than bare Node. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { makeSandbox, programUnderTest } from "../support/program.ts";
import { need } from "../system/servers/requirements.ts";
import { type Command, interleaved } from "./timing.ts";

const PROFILES = 50;
const GOAL_MS = 100;

export function benchCompletion(rounds: number, say: (line?: string) => void): void {
  const bash = need("bash");
  if (!bash.available) return say(`completion: skipped, ${bash.reason}`);
  const sandbox = makeSandbox();
  try {
    const tables = Array.from({ length: PROFILES }, (_, at) => `[profile.billing-${at}]\nidentity = "corp"\n`);
    sandbox.configure(tables.join(""));
    const argv = programUnderTest().map((word) => `'${word}'`);
    const bin = path.dirname(sandbox.file("bin/sts-broker", `#!/bin/sh\nexec ${argv.join(" ")} "$@"\n`, 0o755));
    const env = { ...sandbox.env, PATH: `${bin}:${sandbox.env.PATH}` };
    const file = fileURLToPath(new URL("../../completions/sts-broker.bash", import.meta.url));
    const script = `source "$0"
      COMP_LINE='sts-broker env --profile b' COMP_POINT=26 COMP_WORDS=(sts-broker env --profile b) COMP_CWORD=3
      _sts_broker; [ "\${#COMPREPLY[@]}" = ${PROFILES} ]`;
    const commands: Command[] = [
      { name: "node -e 0", argv: [process.execPath, "-e", "0"], env },
      { name: "config profiles", argv: [...programUnderTest(), "config", "profiles"], env },
      { name: "TAB in bash", argv: ["bash", "--norc", "--noprofile", "-c", script, file], env },
    ];
    say(`completion of ${PROFILES} profiles (${rounds} rounds, in turn; median, lower quartile)`);
    const [bare, ...timings] = interleaved(commands, rounds);
    for (const { name, medianMs, quartileMs } of timings) {
      const moreMs = medianMs - (bare?.medianMs ?? 0);
      const verdict = moreMs < GOAL_MS ? "within the goal" : "above the goal";
      say(
        `  ${name.padEnd(36)} ${medianMs.toFixed(1)} ms, ${moreMs.toFixed(1)} ms (${(quartileMs - (bare?.quartileMs ?? 0)).toFixed(1)} ms) more than node -e 0: ${verdict}`,
      );
    }
  } finally {
    sandbox.remove();
  }
}
