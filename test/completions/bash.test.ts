import { existsSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeSystem, needed } from "../system/servers/requirements.ts";
import { completionFile, homeWithProfiles, PROFILES, stdoutOf } from "./shells.ts";

/** What TAB offers after these words, the last of which is being typed. readline makes a word of every "=". */
function offered(...words: string[]): string[] {
  return offeredIn({}, ...words);
}

function offeredIn(env: Readonly<Record<string, string>>, ...words: string[]): string[] {
  // What goes to stderr stands in the line that is being typed, too.
  const script = `
    exec 2>&1
    source "$1"; shift
    COMP_WORDS=(sts-broker "$@"); COMP_CWORD=$#
    for word in "\${COMP_WORDS[@]}"; do
      [[ $word == [=:] || $COMP_LINE == *[=:] || -z $COMP_LINE ]] || COMP_LINE+=' '
      COMP_LINE+=$word
    done
    COMP_POINT=\${#COMP_LINE}
    _sts_broker
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const args = ["--norc", "--noprofile", "-c", script, "bash", completionFile("bash"), ...words];
  const stdout = stdoutOf(needed("bash"), args, env);
  return stdout.split("\n").filter((line) => line !== "");
}

describeSystem("bash completion", ["bash"], () => {
  it("offers the commands", () => {
    expect(offered("")).toEqual(
      expect.arrayContaining(["credential-process", "env", "exec", "token", "config", "--version"]),
    );
    expect(offered("cred")).toEqual(["credential-process"]);
  });

  it("offers the second word of a command", () => {
    expect(offered("config", "sh")).toEqual(["show"]);
  });

  it("offers a command's own options", () => {
    expect(offered("token", "--cl")).toEqual(["--claims"]);
    expect(offered("env", "--cl")).toEqual([]);
    expect(offered("config", "show", "--role-a")).toEqual(["--role-arn"]);
  });

  it("offers the choices of an option, in both spellings", () => {
    expect(offered("env", "--format", "f")).toEqual(["fish"]);
    expect(offered("env", "-f", "windows")).toEqual(["windows-cmd"]);
    expect(offered("env", "--store", "=", "fi")).toEqual(["file"]);
    expect(offered("env", "--store", "=")).toEqual([
      "auto",
      "keychain",
      "kernel",
      "runtime",
      "file",
      "systemd",
      "none",
    ]);
  });

  it("keeps apart the choices of options that have one name in two commands", () => {
    expect(offered("explain", "--format", "")).toEqual(["text", "json"]);
    expect(offered("explain", "-f", "j")).toEqual(["json"]);
    expect(offered("env", "--format", "json")).toEqual(["json"]);
  });

  it("offers files where a file is wanted", () => {
    expect(offered("explain", "--trust-policy", "/etc/pass")).toContain("/etc/passwd");
  });

  it("goes on after an option's value, whatever it is", () => {
    expect(offered("env", "--profile", "exec", "--fo")).toEqual(["--format"]);
    expect(offered("env", "--profile", "=", "exec", "--fo")).toEqual(["--format"]);
    expect(offered("env", "--profile", "")).toEqual([]);
  });

  it("leaves what follows exec to the command", () => {
    expect(offered("exec", "--profile", "billing", "--", "bas")).toContain("bash");
    expect(offered("exec", "--", "env", "--form")).toEqual([]);
  });
});

describeSystem("bash completion of --profile", ["bash"], () => {
  let home: ReturnType<typeof homeWithProfiles>;
  beforeAll(() => {
    home = homeWithProfiles();
  });
  afterAll(() => home.remove());

  it("offers the profiles of the configuration, in every spelling", () => {
    expect(offeredIn(home.shellEnv, "env", "--profile", "b")).toEqual(["billing", "backup-night"]);
    expect(offeredIn(home.shellEnv, "env", "--profile", "=", "bi")).toEqual(["billing"]);
    expect(offeredIn(home.shellEnv, "config", "show", "-p", "ba")).toEqual(["backup-night"]);
  });

  it("offers them where names stand alone, after another name and an option, too", () => {
    expect(offeredIn(home.shellEnv, "refresh", "bi")).toEqual(["billing"]);
    expect(offeredIn(home.shellEnv, "refresh", "--spread", "300", "billing", "ba")).toEqual(["backup-night"]);
    expect(offeredIn(home.shellEnv, "refresh", "--spread", "")).toEqual([]);
    expect(offeredIn(home.shellEnv, "refresh", "billing", "--sp")).toEqual(["--spread"]);
  });

  it("quotes a name, and expands nothing in it", () => {
    expect(offeredIn(home.shellEnv, "env", "--profile", "$")).toEqual(["\\$\\(touch\\ pwned\\)"]);
    expect(offeredIn(home.shellEnv, "env", "--profile", "")).toHaveLength(PROFILES.length);
    expect(existsSync("pwned") || existsSync(path.join(home.home, "pwned"))).toBe(false);
  });

  it("offers nothing, and says nothing, where the configuration has an error", () => {
    const broken = home.file("broken.toml", "[profile");
    expect(offeredIn({ ...home.shellEnv, STS_BROKER_CONFIG: broken }, "env", "--profile", "")).toEqual([]);
  });
});

describeSystem("bash completion, typed", ["bash", "zsh"], () => {
  let home: ReturnType<typeof homeWithProfiles>;
  beforeAll(() => {
    home = homeWithProfiles();
  });
  afterAll(() => home.remove());

  /** What the program is given when this is typed, TAB for \t, into an interactive bash on a terminal of its own. */
  const given = (line: string, env: Readonly<Record<string, string>> = home.shellEnv): string => {
    // zsh lends the terminal.
    const script = `
      zmodload zsh/zpty
      zpty shell "$2 --norc --noprofile -i"
      zpty -w shell "PS1=; unset HISTFILE; source $1; $3"
      zpty -w -n shell "\${(e)4}"$'\\n'
      zpty -r -m shell out '*]GOT*'
      print -r -- "$out"
      zpty -d shell`;
    const stub = `sts-broker() { printf 'g''ot'; printf '[%s]' "$@"; echo G''OT; }; bind 'set enable-bracketed-paste off'`;
    const typed = line.replaceAll("\t", "\u0009");
    const args = [
      "-f",
      "-c",
      script,
      "zsh",
      completionFile("bash"),
      needed("bash"),
      stub,
      typed.replaceAll("$", "\\$"),
    ];
    const stdout = stdoutOf(needed("zsh"), args, { TERM: "dumb", ...env });
    return /got((?:\[[^\]]*\])+)GOT/.exec(stdout)?.[1] ?? stdout;
  };

  it("fills in words at TAB", () => {
    expect(given("sts-broker env --store=fi\t--format fi\t")).toBe("[env][--store=file][--format][fish]");
  });

  it.each([
    ["env -p my\t", "[env][-p][my profile]"],
    ["env -p my\\ p\t", "[env][-p][my profile]"],
    ["env -p 'my p\t", "[env][-p][my profile]"],
    ['env -p "my\t', "[env][-p][my profile]"],
    ["env --profile=my\t", "[env][--profile=my profile]"],
    ["env -p prod:e\t", "[env][-p][prod:eu-west]"],
    ["env -p pr\tu\t", "[env][-p][prod:us-east]"],
    ["env --profile=prod:u\t", "[env][--profile=prod:us-east]"],
    ["env -p 'prod:e\t", "[env][-p][prod:eu-west]"],
    ["env -p o\t", "[env][-p][o'brien]"],
    ['env -p "o\t', "[env][-p][o'brien]"],
    ["env -p say\t", '[env][-p][say "hi"]'],
    ["env -p 'say\t", '[env][-p][say "hi"]'],
    ['env -p "say\t', '[env][-p][say "hi"]'],
    ["env -p '$\t", "[env][-p][$(touch pwned)]"],
    ['env -p "\\$\t', "[env][-p][$(touch pwned)]"],
    ["env -p 'end\t", "[env][-p][end']"],
    ["refresh my\tbil\t", "[refresh][my profile][billing]"],
  ])("quotes a profile's name as the shell needs it: %j", (line, expected) => {
    expect(given(`sts-broker ${line}`)).toBe(expected);
    expect(existsSync(path.join(home.home, "pwned"))).toBe(false);
  });

  it("offers nothing, and says nothing, where the program is not in PATH", () => {
    expect(given("sts-broker env -p bi\t", { ...home.shellEnv, PATH: "/usr/bin:/bin" })).toBe("[env][-p][bi]");
  });
});
