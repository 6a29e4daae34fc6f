import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeSystem, needed } from "../system/servers/requirements.ts";
import { completionFile, stdoutOf } from "./shells.ts";

describeSystem("fish completion", ["fish"], () => {
  let home = "";
  beforeAll(() => {
    home = mkdtempSync(path.join(tmpdir(), "sts-broker-fish-"));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  /** What TAB offers at the end of this line, without descriptions. */
  const offered = (line: string): string[] => {
    // A command of the user's own, whose completions stand behind ours.
    const script = 'source $argv[1]; complete -c payroll -l dry-run; complete -C "$argv[2]"';
    const args = ["--no-config", "-c", script, completionFile("fish"), line];
    return stdoutOf(needed("fish"), args, { HOME: home })
      .split("\n")
      .filter((one) => one !== "")
      .map((one) => one.split("\t")[0] ?? "");
  };

  it("offers the commands", () => {
    const words = offered("sts-broker ");
    expect(words).toEqual(expect.arrayContaining(["credential-process", "env", "exec", "token", "config", "help"]));
    expect(words).not.toContain("check");
  });

  it("offers the second word of a command", () => {
    expect(offered("sts-broker config sh")).toEqual(["show"]);
  });

  it("offers a command's own options", () => {
    expect(offered("sts-broker token --cl")).toEqual(["--claims"]);
    expect(offered("sts-broker env --cl")).toEqual([]);
    expect(offered("sts-broker config show --role-a")).toEqual(["--role-arn"]);
  });

  it("offers the choices of an option, in both spellings", () => {
    expect(offered("sts-broker env --format f")).toEqual(["fish"]);
    expect(offered("sts-broker env --store=")).toEqual(
      expect.arrayContaining(["--store=auto", "--store=keychain", "--store=file", "--store=none"]),
    );
  });

  it("goes on after an option's value, whatever it is", () => {
    expect(offered("sts-broker env --profile exec --fo")).toEqual(["--format"]);
    expect(offered("sts-broker env --profile ")).toEqual([]);
  });

  it("leaves what follows exec to the command", () => {
    expect(offered("sts-broker exec --profile billing -- bas")).toContain("bash");
    expect(offered("sts-broker exec -- payroll --dry")).toEqual(["--dry-run"]);
    expect(offered("sts-broker exec -- env --form")).toEqual([]);
  });
});
