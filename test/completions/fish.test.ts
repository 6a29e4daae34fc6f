import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { document } from "../docs/documents.ts";
import { describeSystem, needed } from "../system/servers/requirements.ts";
import { completionFile, homeWithProfiles, PROFILES, ROOT, stdoutOf } from "./shells.ts";

describeSystem("fish completion", ["fish"], () => {
  let home = "";
  beforeAll(() => {
    home = mkdtempSync(path.join(tmpdir(), "sts-broker-fish-"));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  /** What TAB offers at the end of this line, without descriptions. */
  const offered = (line: string, env: Readonly<Record<string, string>> = { HOME: home }): string[] => {
    // A command of the user's own, whose completions stand behind ours.
    const script = 'source $argv[1]; complete -c payroll -l dry-run; complete -C "$argv[2]"';
    // What goes to stderr stands in the line that is being typed, too.
    const args = ["-c", 'exec "$@" 2>&1', "sh", needed("fish"), "--no-config", "-c", script, completionFile("fish")];
    return stdoutOf("/bin/sh", [...args, line], env)
      .split("\n")
      .filter((one) => one !== "")
      .map((one) => one.split("\t")[0] ?? "");
  };

  it("works where it is installed as README says", () => {
    const broker = homeWithProfiles();
    try {
      const [line = ""] = /^install .*sts-broker\.fish\s+~\S+/m.exec(document("README.md")) ?? [];
      execFileSync("bash", ["-c", line], { cwd: ROOT, env: broker.shellEnv });
      const words = ["-c", 'complete -C "sts-broker env --profile bi"'];
      expect(stdoutOf(needed("fish"), words, broker.shellEnv)).toMatch(/^billing\t.*\n$/);
    } finally {
      broker.remove();
    }
  });

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

  it("keeps apart the choices of options that have one name in two commands", () => {
    expect(offered("sts-broker explain --format ").toSorted()).toEqual(["json", "text"]);
    expect(offered("sts-broker env --format json")).toEqual(["json"]);
  });

  it("offers files where a file is wanted", () => {
    expect(offered("sts-broker explain --trust-policy /etc/pass")).toContain("/etc/passwd");
  });

  it("offers the profiles of the configuration, in every spelling, and nothing where it has an error", () => {
    const broker = homeWithProfiles();
    try {
      expect(offered("sts-broker env --profile b", broker.shellEnv).toSorted()).toEqual(["backup-night", "billing"]);
      expect(offered("sts-broker env --profile=bi", broker.shellEnv)).toEqual(["--profile=billing"]);
      expect(offered("sts-broker config show -p ba", broker.shellEnv)).toEqual(["backup-night"]);
      expect(offered("sts-broker refresh bi", broker.shellEnv)).toEqual(["billing"]);
      expect(offered("sts-broker refresh --spread 300 billing ba", broker.shellEnv)).toEqual(["backup-night"]);
      expect(offered("sts-broker refresh billing --sp", broker.shellEnv)).toEqual(["--spread"]);
      expect(offered("sts-broker env --profile ", broker.shellEnv)).toHaveLength(PROFILES.length);
      const broken = { ...broker.shellEnv, STS_BROKER_CONFIG: broker.file("broken.toml", "[profile") };
      expect(offered("sts-broker env --profile ", broken)).toEqual([]);
    } finally {
      broker.remove();
    }
  });

  it("offers names that hold blanks, colons and quotes, whole", () => {
    const broker = homeWithProfiles();
    try {
      const there = (line: string): string[] => offered(`sts-broker ${line}`, broker.shellEnv);
      expect(there("env --profile my")).toEqual(["my profile"]);
      expect(there("env --profile 'my p")).toEqual(["my profile"]);
      expect(there("env --profile=my")).toEqual(["--profile=my profile"]);
      expect(there("env -p prod:e")).toEqual(["prod:eu-west"]);
      expect(there("env --profile=prod:u")).toEqual(["--profile=prod:us-east"]);
      expect(there("env -p o")).toEqual(["o'brien"]);
      expect(there("env -p say")).toEqual(['say "hi"']);
      expect(there("refresh 'my profile' bil")).toEqual(["billing"]);
    } finally {
      broker.remove();
    }
  });

  it("offers nothing, and says nothing, where the program is not in PATH", () => {
    const broker = homeWithProfiles();
    try {
      expect(offered("sts-broker env --profile bi", { ...broker.shellEnv, PATH: "/usr/bin:/bin" })).toEqual([]);
    } finally {
      broker.remove();
    }
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
