import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { makeSandbox, programUnderTest, type Sandbox } from "../support/program.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export function completionFile(shell: "bash" | "zsh" | "fish"): string {
  return fileURLToPath(new URL(`../../completions/sts-broker.${shell}`, import.meta.url));
}

/** One of them is a trap for whoever expands a name, the others for whoever splits or quotes it badly. */
export const PROFILES = [
  "billing",
  "backup-night",
  "$(touch pwned)",
  "my profile",
  "prod:eu-west",
  "prod:us-east",
  "o'brien",
  'say "hi"',
  "end'",
];

/** A home with profiles, and the program in PATH, as the completions look for it. */
export function homeWithProfiles(): Sandbox & { readonly shellEnv: Readonly<Record<string, string>> } {
  const sandbox = makeSandbox();
  const bin = path.dirname(sandbox.file("bin/sts-broker", "", 0o755));
  const quoted = programUnderTest().map((word) => `'${word}'`);
  sandbox.file("bin/sts-broker", `#!/bin/sh\nexec ${quoted.join(" ")} "$@"\n`, 0o755);
  sandbox.configure(PROFILES.map((name) => `[profile.${JSON.stringify(name)}]\nidentity = "corp"\n`).join(""));
  return { ...sandbox, shellEnv: { ...sandbox.env, PATH: `${bin}:/usr/bin:/bin` } };
}

/** Runs a shell with nothing of the developer's in it, in a home that goes with what the shell leaves there. */
export function stdoutOf(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const HOME = mkdtempSync(path.join(tmpdir(), "sts-broker-shell-"));
  const { stdout, stderr, status, error } = spawnSync(program, args, {
    encoding: "utf8",
    env: { PATH: "/usr/bin:/bin", HOME, LANG: "C.UTF-8", TERM: "dumb", ...env },
    timeout: 20_000,
  });
  rmSync(HOME, { recursive: true, force: true });
  if (error !== undefined || status !== 0)
    throw new Error(`${program}: ${error?.message ?? `status ${status}`}: ${stderr}`);
  return stdout;
}
