import { spawn as start } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, describe, expect, it } from "vitest";
import { realSpawn } from "../../src/host/spawn.ts";
import { until } from "../bin/black-box.ts";
import { failure } from "../config/helpers.ts";

const root = mkdtempSync(path.join(tmpdir(), "sts-broker-spawn-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const spawn = realSpawn({ PATH: process.env.PATH, SECRET: "hunter2marker", WANTED: "w" });
const capture = (
  argv: string[],
  options: { timeoutMs?: number; maxBytes?: number; passEnv?: string[]; input?: string; signal?: AbortSignal } = {},
) => spawn.capture(argv, { timeoutMs: 10_000, maxBytes: 65_536, ...options });
/** Under its name: numbers are soon given to others where tests start thousands of processes. */
const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return /^\d+ \(sleep\) [^Z]/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

describe("a captured program", () => {
  it("gives what it printed and how it ended", async () => {
    expect(await capture(["sh", "-c", "printf abc; exit 3"])).toEqual({
      status: 3,
      signal: undefined,
      stdout: Buffer.from("abc"),
    });
    expect(await capture(["sh", "-c", "kill -TERM $$"])).toMatchObject({ status: undefined, signal: "SIGTERM" });
  });

  it("sees no shell, no stdin and no environment but what is harmless or asked for", async () => {
    const { stdout } = await capture(["sh", "-c", 'cat; echo "$1|$SECRET|$WANTED"', "sh", "a b;c$(id)"], {
      passEnv: ["WANTED"],
    });
    expect(Buffer.from(stdout).toString()).toBe("a b;c$(id)||w\n");
  });

  it("gets its input whole, and may end without reading it", async () => {
    const input = "ä\n".repeat(100_000);
    expect((await capture(["wc", "-c"], { input })).stdout.toString().trim()).toBe("300000");
    expect(await capture(["true"], { input })).toMatchObject({ status: 0 });
  });

  it("is killed at its deadline, with everything it started", async () => {
    const file = path.join(root, "pid");
    const startMs = performance.now();
    const error = await failure(() => capture(["sh", "-c", `sleep 60 & echo $! > ${file}; wait`], { timeoutMs: 300 }));
    expect([error.code, error.message]).toEqual(["TIMEOUT", "sh did not end within 0 s"]);
    expect(performance.now() - startMs).toBeLessThan(3_000);
    await sleep(100);
    expect(alive(Number(readFileSync(file, "utf8")))).toBe(false);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "is ended with us by %s, with everything it started",
    async (signal) => {
      const file = path.join(root, signal);
      rmSync(file, { force: true });
      const child = path.join(root, "captures.mjs");
      await build({
        stdin: {
          contents: `import { realSpawn } from "./src/host/spawn.ts";
          const script = ${JSON.stringify(`sleep 60 & echo $! > ${file}.new; mv ${file}.new ${file}; wait`)};
          void realSpawn(process.env).capture(["sh", "-c", script], { timeoutMs: 60_000, maxBytes: 10 });`,
          resolveDir: path.dirname(path.dirname(import.meta.dirname)),
        },
        bundle: true,
        platform: "node",
        format: "esm",
        outfile: child,
      });
      const us = start(process.execPath, [child], { stdio: "ignore" });
      const ended = once(us, "exit");
      await until("the program runs", () => existsSync(file));
      us.kill(signal);
      expect(await ended).toEqual([null, signal]);
      await until("the program is gone", () => !alive(Number(readFileSync(file, "utf8"))));
    },
  );

  it("leaves nothing running behind when it ends by itself", async () => {
    const file = path.join(root, "left");
    await capture(["sh", "-c", `sleep 60 >/dev/null & echo $! > ${file}`]);
    await sleep(100);
    expect(alive(Number(readFileSync(file, "utf8")))).toBe(false);
  });

  it("is killed when the caller's deadline comes first", async () => {
    const error = await failure(() => capture(["sleep", "60"], { signal: AbortSignal.timeout(100) }));
    expect([error.code, error.message]).toEqual(["TIMEOUT", "sleep was still running at the deadline"]);
  });

  it("may not print without end", async () => {
    const error = await failure(() => capture(["yes"], { maxBytes: 1_000 }));
    expect([error.code, error.message]).toEqual(["COMMAND_FAILED", "yes printed more than 1000 bytes"]);
  });

  it("that does not exist, or may not be run, is named without its arguments", async () => {
    for (const program of ["/no/such/program", root]) {
      const error = await failure(() => capture([program, "hunter2marker"]));
      expect([error.code, error.exitCode]).toEqual(["COMMAND_FAILED", 2]);
      expect(`${error.message}${error.hint}`).not.toContain("hunter2marker");
    }
  });

  // It once ended in kill(0, SIGKILL), which takes this test run and its shell along.
  it("that does not exist harms nobody when the deadline is over already", async () => {
    expect((await failure(() => capture(["/no/such"], { signal: AbortSignal.abort() }))).code).toBe("TIMEOUT");
    // The event comes later, and would end the process if nobody heard it.
    await sleep(50);
  });
});

describe("a program that takes over", () => {
  it.each([0, 1, 42, 255])("hands its status %i back", async (status) => {
    expect(await spawn.handOver(["sh", "-c", `exit ${status}`], { PATH: process.env.PATH ?? "" })).toBe(status);
  });

  it.each([
    ["/no/such/program", 127],
    [root, 126],
  ])("%s is %i, as in env(1)", async (program, exitCode) => {
    const error = await failure(() => spawn.handOver([program], {}));
    expect([error.code, error.exitCode]).toEqual(["COMMAND_FAILED", exitCode]);
  });
});
