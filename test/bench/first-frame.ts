/** How long a person looks at nothing: from the start of `login` to its first line on a terminal, with bare Node in turn. */
import { spawn } from "node:child_process";
import { makeSandbox, programUnderTest, type Sandbox } from "../support/program.ts";
import { need } from "../system/servers/requirements.ts";

const TITLE = "Login for profile billing";

/** On a terminal that script(1) makes. @returns milliseconds until the title is there */
function once(argv: readonly string[], { env, home }: Sandbox): Promise<number> {
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

export async function benchFirstFrame(rounds: number, say: (line?: string) => void): Promise<void> {
  const script = need("script");
  if (!script.available) return say(`first frame of login: skipped, ${script.reason}`);
  const sandbox = makeSandbox();
  try {
    sandbox.configure(`
[identity.corp]
type = "token-command"
command = ["/bin/sleep", "3"]
[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/billing"
`);
    const login = [...programUnderTest(), "login"];
    const commands: readonly (readonly [name: string, argv: readonly string[]])[] = [
      ["node, one line", [process.execPath, "-e", `console.log("${TITLE}")`]],
      ["login", login],
      ["login --plain", [...login, "--plain"]],
    ];
    const times = commands.map((): number[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, [, argv]] of commands.entries()) times[index]?.push(await once(argv, sandbox));
    }
    say("from start to the first line on a terminal (median)");
    for (const [index, [name]] of commands.entries()) {
      const sorted = (times[index] ?? []).sort((a, b) => a - b);
      say(`  ${name.padEnd(36)} ${(sorted[sorted.length >> 1] ?? 0).toFixed(1)} ms`);
    }
  } finally {
    sandbox.remove();
  }
}
