import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export function completionFile(shell: "bash" | "zsh" | "fish"): string {
  return fileURLToPath(new URL(`../../completions/sts-broker.${shell}`, import.meta.url));
}

/** Runs a shell with nothing of the developer's in it. */
export function stdoutOf(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const { stdout, stderr, status, error } = spawnSync(program, args, {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", HOME: "/nonexistent", LANG: "C.UTF-8", TERM: "dumb", ...env },
    timeout: 20_000,
  });
  if (error !== undefined || status !== 0)
    throw new Error(`${program}: ${error?.message ?? `status ${status}`}: ${stderr}`);
  return stdout;
}
