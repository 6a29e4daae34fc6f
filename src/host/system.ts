import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { isAbsolute } from "../core/absolute-path.ts";
import { ownAccount } from "./account.ts";
import type { ParentProcess, System } from "./host.ts";

export function realSystem(env: Readonly<Record<string, string | undefined>>): System {
  return {
    platform: process.platform,
    pid: process.pid,
    uid: process.getuid?.(),
    verb: process.argv.slice(2).find((one) => !one.startsWith("-")),
    parent,
    hostname: () => hostname(),
    username() {
      try {
        return ownAccount().username;
      } catch {
        // A uid without a passwd entry, as in many containers.
        return `uid-${process.getuid?.() ?? "unknown"}`;
      }
    },
    homeDir() {
      const stated = process.platform === "win32" ? env.USERPROFILE : env.HOME;
      // A relative one would lead into the current directory, from which nothing is read.
      if (stated !== undefined && isAbsolute(stated, process.platform)) return stated;
      try {
        return ownAccount().homeDir || undefined;
      } catch {
        return undefined;
      }
    },
  };
}

function parent(): ParentProcess {
  const pid = process.ppid;
  const executable = told(() => readlinkSync(`/proc/${pid}/exe`));
  const name = told(() => readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd());
  return { pid, ...(executable === undefined ? {} : { executable }), ...(name === undefined ? {} : { name }) };
}

function told(ask: () => string): string | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
