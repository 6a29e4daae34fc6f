// What has to hold wherever the program was installed from a package, below the root of an otherwise empty system.
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import { CREDENTIAL_PROCESS, credentialsOf } from "../bin/black-box.ts";
import { document } from "../docs/documents.ts";
import { startMainJob } from "../support/main-job.ts";
import { runProgram } from "../support/program.ts";
import { needed } from "../system/servers/requirements.ts";
import { ROOT, type Standalone, sha256, succeed } from "./release.ts";

/** For describeSystem: what {@link expectEverythingInPlace} runs. */
export const LOOKING = ["man", "bash", "/usr/share/bash-completion/bash_completion", "zsh", "fish", "systemd-analyze"];

const { version } = JSON.parse(document("package.json")) as { version: string };

/** The very bytes that were built, since stripping would take the program away, and they run: a cold call and a cached one. */
export async function expectProgram(program: string, { executable }: Pick<Standalone, "executable">): Promise<void> {
  expect(sha256(program)).toBe(sha256(executable));
  await expectToRun([program]);
}

export async function expectToRun(argv: readonly string[]): Promise<void> {
  const job = await startMainJob();
  try {
    const run = (...args: string[]) => runProgram([...argv, ...args], job.sandbox.env);
    expect(await run("--version")).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
    const cold = credentialsOf(await run(...CREDENTIAL_PROCESS));
    const cached = credentialsOf(await run(...CREDENTIAL_PROCESS));
    expect(cached).toEqual(cold);
    expect(job.counts()).toEqual({ token: 1, sts: 1 });
  } finally {
    await job.close();
  }
}

/** Every man page, found by its name. */
export async function expectManPages(folder: string): Promise<void> {
  const pages = readdirSync(path.join(ROOT, "man"));
  for (const page of pages) {
    const name = page.slice(0, -2);
    const found = await succeed([needed("man"), "-M", folder, "-w", page.slice(-1), name]);
    // npm makes symbolic links, which man follows.
    const there = path.join(folder, `man${page.slice(-1)}`, page);
    expect(found.trim()).toBe(realpathSync(existsSync(there) ? there : `${there}.gz`));
  }
  expect(await succeed([needed("man"), "-M", folder, "sts-broker"], { MANWIDTH: "100" })).toContain(
    "temporary AWS credentials",
  );
}

/** Each shell finds its completion by itself, in the folder in which it looks. */
export async function expectCompletions(prefix: string, zshFolder: string): Promise<void> {
  const share = path.join(prefix, "share");
  const bash = `
    source /usr/share/bash-completion/bash_completion
    _completion_loader sts-broker
    complete -p sts-broker
    COMP_WORDS=(sts-broker cred); COMP_CWORD=1; COMP_LINE='sts-broker cred'; COMP_POINT=15
    _sts_broker; echo "$COMPREPLY"`;
  // fish completes only commands that are there.
  const inPath = { XDG_DATA_DIRS: `${share}:/usr/share`, PATH: `${prefix}/bin:/usr/bin:/bin` };
  const shells = { XDG_DATA_DIRS: `${share}:/usr/share` };
  expect(await succeed([needed("bash"), "--norc", "-c", bash], shells)).toMatch(/ sts-broker\ncredential-process\n$/);
  const zsh =
    'fpath=($1 $fpath); autoload -Uz compinit; compinit -u -D; print -r -- "$_comps[sts-broker] $functions_source[_sts-broker]"; autoload +X _sts-broker && print loaded';
  expect(await succeed([needed("zsh"), "-f", "-c", zsh, "zsh", path.join(share, zshFolder)])).toMatch(
    /^_sts-broker.*\nloaded\n$/,
  );
  expect(await succeed([needed("fish"), "-c", 'complete -C "sts-broker cred"'], inPath)).toMatch(
    /^credential-process\t/,
  );
}

/** systemd understands the installed units, and they start what is installed. */
export async function expectUnits(
  folders: { readonly system: string; readonly user: string },
  program: string,
): Promise<void> {
  for (const [manager, folder] of Object.entries(folders)) {
    for (const unit of readdirSync(folder)) {
      const text = readFileSync(path.join(folder, unit), "utf8");
      if (unit.endsWith(".service")) expect(text).toMatch(new RegExp(`^ExecStart=${program} refresh$`, "m"));
      const { stdout, stderr } = await runProgram(
        [needed("systemd-analyze"), `--${manager}`, "verify", "--man=no", unit.replace("@.", "@root.")],
        {
          PATH: "/usr/bin:/bin",
          LANG: "C.UTF-8",
          HOME: folder,
          XDG_RUNTIME_DIR: folder,
          SYSTEMD_UNIT_PATH: `${folder}:`,
        },
      );
      // It looks for the program on this machine, where it is not installed.
      const said = `${stdout}${stderr}`
        .split("\n")
        .filter((line) => line !== "" && !line.includes(`Command ${program} is not executable`));
      expect(said).toEqual([]);
    }
  }
}
