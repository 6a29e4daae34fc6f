import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { makeSandbox, type Sandbox } from "../support/program.ts";
import type { Build } from "./builds.ts";
import type { Command } from "./runner.ts";

/** A home of one build: what another one keeps is not in it. */
export interface Home {
  readonly build: Build;
  readonly sandbox: Sandbox;
  command(args: readonly string[], env?: Readonly<Record<string, string>>): Command;
  /** Takes credentials away, or everything that is kept but compiled code. */
  forget(what: "credentials" | "all"): void;
}

export function makeHome(build: Build): Home {
  const sandbox = makeSandbox();
  return {
    build,
    sandbox,
    command: (args, env = {}) => ({
      argv: [...build.argv, ...args],
      env: { ...sandbox.env, ...env },
      cwd: sandbox.home,
    }),
    forget: (what) => {
      const { cacheDirectory } = sandbox;
      for (const name of existsSync(cacheDirectory) ? readdirSync(cacheDirectory) : []) {
        if (what === "all" ? !name.startsWith("code-") : name === "entries")
          rmSync(path.join(cacheDirectory, name), { recursive: true, force: true });
      }
    },
  };
}

/** A home for each build, set up and taken away again. */
export async function withHomes<T>(
  builds: readonly Build[],
  setUp: (sandbox: Sandbox) => void,
  use: (homes: readonly Home[]) => Promise<T>,
): Promise<T> {
  const homes = builds.map(makeHome);
  try {
    for (const { sandbox } of homes) setUp(sandbox);
    return await use(homes);
  } finally {
    for (const { sandbox } of homes) sandbox.remove();
  }
}
