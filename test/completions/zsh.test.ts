import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { document } from "../docs/documents.ts";
import { describeSystem, needed } from "../system/servers/requirements.ts";
import { completionFile, homeWithProfiles, ROOT, stdoutOf } from "./shells.ts";

describeSystem("zsh completion", ["zsh"], () => {
  let home = "";
  beforeAll(() => {
    home = mkdtempSync(path.join(tmpdir(), "sts-broker-zsh-"));
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  /** The line as TAB leaves it, typed into an interactive zsh on a terminal of its own. */
  const completed = (
    line: string,
    env: Readonly<Record<string, string>> = { HOME: home },
    loaded = "autoload -Uz compinit; compinit -u -d $HOME/dump; source $1",
  ): string => {
    const script = `
      zmodload zsh/zpty
      zpty shell "$2 -f -i"
      zpty -w shell "cd $HOME; PS1=; ${loaded}"
      zpty -w shell "setopt no_auto_menu; zstyle ':completion:*' menu no"
      zpty -w shell "show() { print; print -r -- \\"RESULT[\\$BUFFER]\\" }; zle -N show; bindkey '^X' show; print READY\\$((1+1))"
      zpty -r -m shell out '*READY2*'
      zpty -w -n shell "$3"$'\\t\\x18'
      zpty -r -m shell out '*RESULT*\\]*'
      print -r -- "$out"
      zpty -d shell`;
    const zsh = needed("zsh");
    const stdout = stdoutOf(zsh, ["-f", "-c", script, "zsh", completionFile("zsh"), zsh, line], env);
    const [before = "", result] = stdout.split("RESULT[");
    // Nothing of ours may be said into the line.
    if (/sts-broker: /.test(before)) return before;
    return result?.split("]")[0] ?? stdout;
  };

  it("fills in a command, and a second word", () => {
    expect(completed("sts-broker cred")).toBe("sts-broker credential-process ");
    expect(completed("sts-broker config sh")).toBe("sts-broker config show ");
  });

  it("works where it is installed as README says", () => {
    const broker = homeWithProfiles();
    try {
      const [line = ""] = /^install .*sts-broker\.zsh\s+~\S+/m.exec(document("README.md")) ?? [];
      execFileSync("bash", ["-c", line], { cwd: ROOT, env: broker.shellEnv });
      const loaded = "fpath+=~/.zfunc; autoload -Uz compinit; compinit -u -d $HOME/dump";
      expect(completed("sts-broker cred", broker.shellEnv, loaded)).toBe("sts-broker credential-process ");
      expect(completed("sts-broker env --profile bi", broker.shellEnv, loaded)).toBe(
        "sts-broker env --profile billing ",
      );
    } finally {
      broker.remove();
    }
  });

  it("fills in a command's own options", () => {
    expect(completed("sts-broker token --cl")).toBe("sts-broker token --claims ");
    expect(completed("sts-broker env --cl")).toBe("sts-broker env --cl");
    expect(completed("sts-broker config show --role-a")).toBe("sts-broker config show --role-arn=");
  });

  it("fills in the choices of an option, in both spellings", () => {
    expect(completed("sts-broker env --format fi")).toBe("sts-broker env --format fish ");
    expect(completed("sts-broker env --store=keyc")).toBe("sts-broker env --store=keychain ");
    expect(completed("sts-broker env -f win")).toBe("sts-broker env -f windows-cmd ");
  });

  it("keeps apart the choices of options that have one name in two commands", () => {
    expect(completed("sts-broker explain --format te")).toBe("sts-broker explain --format text ");
    expect(completed("sts-broker env --format js")).toBe("sts-broker env --format json ");
  });

  it("fills in a file where a file is wanted", () => {
    expect(completed("sts-broker explain --trust-policy /etc/passw")).toBe(
      "sts-broker explain --trust-policy /etc/passwd",
    );
  });

  it("fills in the profiles of the configuration, in every spelling, and nothing where it has an error", () => {
    const broker = homeWithProfiles();
    try {
      expect(completed("sts-broker env --profile bi", broker.shellEnv)).toBe("sts-broker env --profile billing ");
      expect(completed("sts-broker env --profile=ba", broker.shellEnv)).toBe("sts-broker env --profile=backup-night ");
      expect(completed("sts-broker config show -p bi", broker.shellEnv)).toBe("sts-broker config show -p billing ");
      expect(completed("sts-broker refresh bi", broker.shellEnv)).toBe("sts-broker refresh billing ");
      expect(completed("sts-broker refresh --spread 300 billing ba", broker.shellEnv)).toBe(
        "sts-broker refresh --spread 300 billing backup-night ",
      );
      const broken = { ...broker.shellEnv, STS_BROKER_CONFIG: broker.file("broken.toml", "[profile") };
      expect(completed("sts-broker env --profile bi", broken)).toBe("sts-broker env --profile bi");
    } finally {
      broker.remove();
    }
  });

  it.each([
    ["env --profile my", "env --profile my\\ profile "],
    ["env --profile=my", "env --profile=my\\ profile"],
    ["env -p 'my", "env -p 'my profile' "],
    ["env -p prod:e", "env -p prod:eu-west "],
    ["env --profile=prod:u", "env --profile=prod:us-east"],
    ["env -p o", "env -p o\\'brien "],
    ["env -p say", 'env -p say\\ \\"hi\\" '],
    ["refresh prod:e", "refresh prod:eu-west "],
  ])("quotes a profile's name as the shell needs it: %j", (line, expected) => {
    const broker = homeWithProfiles();
    try {
      expect(completed(`sts-broker ${line}`, broker.shellEnv).trimEnd()).toBe(`sts-broker ${expected}`.trimEnd());
    } finally {
      broker.remove();
    }
  });

  it("fills in nothing, and says nothing, where the program is not in PATH", () => {
    const broker = homeWithProfiles();
    try {
      const env = { ...broker.shellEnv, PATH: "/usr/bin:/bin" };
      expect(completed("sts-broker env --profile bi", env)).toBe("sts-broker env --profile bi");
    } finally {
      broker.remove();
    }
  });

  it("goes on after an option's value, whatever it is", () => {
    expect(completed("sts-broker env --profile exec --fo")).toBe("sts-broker env --profile exec --format=");
  });

  it("leaves what follows exec to the command", () => {
    expect(completed("sts-broker exec --profile billing -- basenam")).toMatch(/ -- basename $/);
    expect(completed("sts-broker exec -- env --form")).toBe("sts-broker exec -- env --form");
  });
});
