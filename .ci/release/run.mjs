// One way to run the programs that make packages: quietly, and an error says what they said.
import { spawnSync } from "node:child_process";

/** @returns standard output */
export function run(program, args, { cwd, env } = {}) {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    encoding: "utf8",
    maxBuffer: 256 << 20,
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, LC_ALL: "C.UTF-8", ...env },
  });
  if (status === 0) return stdout;
  if (error?.code === "ENOENT") throw new Error(`${program} is not installed`);
  throw new Error(`${program} ended with ${error?.message ?? signal ?? status}\n${stdout ?? ""}${stderr ?? ""}`.trim());
}
