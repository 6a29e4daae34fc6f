import os from "node:os";
import path from "node:path";
import type { System } from "./host.ts";

export function realSystem(env: Readonly<Record<string, string | undefined>>): System {
  return {
    platform: process.platform,
    pid: process.pid,
    uid: process.getuid?.(),
    hostname: () => os.hostname(),
    username() {
      try {
        return os.userInfo().username;
      } catch {
        // A uid without a passwd entry, as in many containers.
        return `uid-${process.getuid?.() ?? "unknown"}`;
      }
    },
    homeDir() {
      const stated = process.platform === "win32" ? env.USERPROFILE : env.HOME;
      // A relative one would lead into the current directory, from which nothing is read.
      if (stated !== undefined && path.isAbsolute(stated)) return stated;
      try {
        return os.userInfo().homedir || undefined;
      } catch {
        return undefined;
      }
    },
  };
}
