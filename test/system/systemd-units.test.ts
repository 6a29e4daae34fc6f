// The units as systemd reads them. None is started: that takes a running systemd.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "../../src/commands/parse.ts";
import { COMMANDS, COMMON_OPTIONS } from "../../src/commands/registry.ts";
import { startMainJob } from "../support/main-job.ts";
import { programUnderTest, runProgram } from "../support/program.ts";
import { describeSystem, needed } from "./servers/requirements.ts";

const UNITS = fileURLToPath(new URL("../../systemd/", import.meta.url));
const SERVICES = [
  { manager: "system", service: "sts-broker-refresh@.service", instance: "sts-broker-refresh@root", exposure: 17 },
  // A user's manager cannot mount; what that would be worth is most of the difference.
  { manager: "user", service: "sts-broker-refresh.service", instance: "sts-broker-refresh", exposure: 65 },
];

const textOf = (manager: string, name: string): string => readFileSync(path.join(UNITS, manager, name), "utf8");
const settings = (text: string, name: string): string[] =>
  [...text.matchAll(new RegExp(`^${name}=(.*)$`, "gm"))].map(([, value = ""]) => value);

describeSystem("the systemd units", ["systemd-analyze", "strace"], () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "sts-broker-units-"));
    for (const { manager } of SERVICES) {
      for (const name of readdirSync(path.join(UNITS, manager))) {
        // The program need not be installed where the tests run.
        const text = textOf(manager, name).replace(/^ExecStart=sts-broker /m, "ExecStart=/bin/true ");
        writeFileSync(path.join(folder, name), text);
      }
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const analyze = (manager: string, ...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(needed("systemd-analyze"), [`--${manager}`, "--no-pager", ...args], {
      encoding: "utf8",
      cwd: folder,
      env: { PATH: "/usr/bin:/bin", LANG: "C.UTF-8", HOME: folder, XDG_RUNTIME_DIR: folder },
    });
    return { status, said: `${stdout}${stderr}` };
  };

  test.each(SERVICES)("of the $manager flavour are what systemd understands", ({ manager, instance }) => {
    const units = [`./${instance}.service`, `./${instance}.timer`];
    expect(analyze(manager, "verify", "--man=no", ...units)).toEqual({ status: 0, said: "" });
  });

  test("would be refused with a setting that systemd does not know", () => {
    writeFileSync(path.join(folder, "broken.service"), "[Service]\nExecStart=/bin/true\nProtectEverything=yes\n");
    expect(analyze("system", "verify", "--man=no", "./broken.service").said).toContain("ProtectEverything");
  });

  test.each(SERVICES)("of the $manager flavour leave an exposure of at most $exposure tenths", (unit) => {
    const { manager, service, exposure } = unit;
    const { status, said } = analyze(manager, "security", "--offline=true", `--threshold=${exposure}`, `./${service}`);
    expect(status, said).toBe(0);
  });

  test.each(SERVICES)("of the $manager flavour start a command line that is taken", ({ manager, service }) => {
    const [line = ""] = settings(textOf(manager, service), "ExecStart");
    const [program, ...argv] = line.split(" ");
    expect(program).toBe("sts-broker");
    const spec = { name: "sts-broker", version: "0", summary: "", commands: COMMANDS, common: COMMON_OPTIONS };
    expect(parse(argv, spec)).toMatchObject({ kind: "command", command: { name: "refresh" } });
  });

  test("allow every system call that a renewal makes", async () => {
    const job = await startMainJob();
    try {
      const trace = path.join(folder, "trace");
      const argv = [needed("strace"), "-f", "-o", trace, ...programUnderTest(), "refresh"];
      expect(await runProgram(argv, job.sandbox.env)).toMatchObject({ status: 0 });
      const made = new Set(
        readFileSync(trace, "utf8")
          .split("\n")
          .flatMap((line) => /^\d+ +(\w+)\(/.exec(line)?.[1] ?? []),
      );
      expect(made).toContain("connect");
      for (const { manager, service } of SERVICES) {
        const allowed = allowedCalls(settings(textOf(manager, service), "SystemCallFilter"));
        expect([...made].filter((call) => !allowed.has(call))).toEqual([]);
      }
    } finally {
      await job.close();
    }
  });

  /** As systemd adds them up: sets that are allowed, less those that begin with "~". */
  function allowedCalls(filters: readonly string[]): Set<string> {
    const sets = new Map<string, string[]>();
    let name = "";
    for (const line of analyze("system", "syscall-filter").said.split("\n")) {
      if (line.startsWith("@")) name = line.trim();
      else if (/^\s+[\w@]/.test(line)) sets.set(name, [...(sets.get(name) ?? []), line.trim()]);
    }
    const callsOf = (call: string): string[] =>
      call.startsWith("@") ? (sets.get(call) ?? []).flatMap(callsOf) : [call];
    const allowed = new Set(callsOf("@default"));
    for (const filter of filters) {
      const calls = filter.replace("~", "").split(" ").flatMap(callsOf);
      for (const call of calls) filter.startsWith("~") ? allowed.delete(call) : allowed.add(call);
    }
    return allowed;
  }
});
