/** Whose home it is where $HOME does not say so, from the lines of /etc/passwd that glibc takes: in a mount namespace of the test's own. */
import { beforeAll, expect, test } from "vitest";
import { BUILDING_MS, theStandalone } from "../packages/release.ts";
import { makeSandbox, runProgram } from "../support/program.ts";
import { describeSystem } from "../system/servers/requirements.ts";

const REAL = "root:x:0:0:root:/root:/bin/sh";

describeSystem("the account of an executable that looks for it by itself", ["unshare"], () => {
  let executable: string;
  beforeAll(async () => {
    ({ executable } = await theStandalone());
  }, BUILDING_MS);

  test.each([
    ["#old:x:0:0::/tmp/evil:/bin/sh", REAL],
    [" #old:x:0:0::/tmp/evil:/bin/sh", REAL],
    ["-root:x:0:0::/tmp/evil:/bin/sh", REAL],
    ["", "torn", REAL],
    [REAL, "other:x:0:0::/tmp/evil:/bin/sh"],
  ])("is root's own with %s", async (...lines) => {
    const sandbox = makeSandbox();
    try {
      const passwd = sandbox.file("passwd", `${lines.join("\n")}\n`, 0o644);
      const line = 'mount --bind "$1" /etc/passwd && shift && exec env -u HOME "$@"';
      const argv = ["unshare", "--mount", "sh", "-c", line, "sh", passwd, executable, "config", "path"];
      const { stdout, stderr } = await runProgram(argv, sandbox.env);
      expect(stderr).toBe("");
      expect(stdout).toContain("/root/.config/sts-broker/config.toml");
      expect(stdout).not.toContain("evil");
    } finally {
      sandbox.remove();
    }
  });
});
