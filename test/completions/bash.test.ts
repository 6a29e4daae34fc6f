import { expect, it } from "vitest";
import { describeSystem, needed } from "../system/servers/requirements.ts";
import { completionFile, stdoutOf } from "./shells.ts";

/** What TAB offers after these words, the last of which is being typed. readline makes a word of every "=". */
function offered(...words: string[]): string[] {
  const script = `
    source "$1"; shift
    COMP_WORDS=(sts-broker "$@"); COMP_CWORD=$#
    _sts_broker
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const stdout = stdoutOf(needed("bash"), [
    "--norc",
    "--noprofile",
    "-c",
    script,
    "bash",
    completionFile("bash"),
    ...words,
  ]);
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
    expect(offered("env", "--store", "=")).toEqual(["auto", "keychain", "file", "none"]);
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

describeSystem("bash completion, typed", ["bash", "zsh"], () => {
  it("fills in words at TAB", () => {
    // zsh lends the terminal.
    const script = `
      zmodload zsh/zpty
      zpty shell "$2 --norc --noprofile -i"
      zpty -w shell "source $1; sts-broker() { printf 'g''ot[%s]\\\\n' \\"\\$*\\"; }"
      zpty -w -n shell $'sts-broker env --store=fi\\t--format fi\\t\\n'
      zpty -r -m shell out '*got\\[*\\]*'
      print -r -- "$out"
      zpty -d shell`;
    const stdout = stdoutOf(needed("zsh"), ["-f", "-c", script, "zsh", completionFile("bash"), needed("bash")]);
    expect(stdout).toContain("got[env --store=file --format fish]");
  });
});
