import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "vitest";

/** Runs the test where the program is; elsewhere it is skipped by name, except in CI, where a reader must not go missing unseen. */
export function itWith(program: string, title: string, test: () => void): void {
  if (spawnSync("sh", ["-c", `command -v ${program}`]).status === 0) {
    it(title, test);
  } else if (process.env.CI === "true") {
    it(title, () => {
      throw new Error(`${program} is not installed`);
    });
  } else {
    it.skip(`${title} (skipped: ${program} is not installed)`);
  }
}

/** A script in a real shell without rc files and with an empty environment. Anything but exit 0 and a silent stderr throws. */
export function runScript(argv: readonly string[], script: string): string {
  const directory = mkdtempSync(join(tmpdir(), "emit-"));
  try {
    const file = join(directory, "script");
    writeFileSync(file, script);
    const home = `HOME=${directory}`;
    const child = spawnSync("env", ["-i", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", home, ...argv, file], {
      cwd: directory,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
      timeout: 25_000,
    });
    if (child.status !== 0 || child.stderr !== "") {
      throw new Error(`${argv[0]}: status ${child.status}, signal ${child.signal}: ${child.stderr.slice(0, 500)}`);
    }
    return child.stdout;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What the script printed, each value ended by NUL. */
export function nulEnded(output: string): string[] {
  return output.split("\0").slice(0, -1);
}
