// The kernel store against the kernel itself, with keyctl(1) as the second opinion. The persistent keyring is a user's own, so the tests
// run as users of their own.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { credentialsOf, credentialsWithWarning } from "../bin/black-box.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunResult, runProgram } from "../support/program.ts";
import { describeSystem, needed } from "./servers/requirements.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const SEALING_KEY = "sts-broker:sealing-key";

interface User {
  readonly name: string;
  readonly home: string;
}

describeSystem("the kernel store", ["root", "keyctl", "useradd", "userdel", "runuser", "setsid"], () => {
  let job: MainJob;
  let root: string;
  let ana: User;
  let bob: User;

  beforeAll(async () => {
    root = mkdtempSync(path.join(tmpdir(), "sts-broker-keyring-"));
    chmodSync(root, 0o755);
    job = await startMainJob();
    ana = addUser("k");
    bob = addUser("l");
  });
  beforeEach(async () => {
    job.world.reset();
    await keyctl(`for key in $(keyctl rlist $ring); do keyctl unlink $key $ring; done`);
    rmSync(path.join(ana.home, ".cache"), { recursive: true, force: true });
    configure('store = "kernel"');
  });
  afterAll(async () => {
    for (const user of [ana, bob]) if (user !== undefined) execFileSync(needed("userdel"), [user.name]);
    rmSync(root, { recursive: true, force: true });
    await job?.close();
  });

  function addUser(letter: string): User {
    const name = `stsb-${process.pid}${letter}`;
    const home = path.join(root, letter);
    execFileSync(needed("useradd"), ["--no-create-home", "--home-dir", home, "--shell", "/bin/sh", name]);
    execFileSync("install", ["-d", "-o", name, "-m", "700", home]);
    return { name, home };
  }

  function configure(profile: string, after = ""): void {
    const secret = path.join(ana.home, "billing.secret");
    writeFileSync(secret, `${job.world.op.clients.secretBasic.clientSecret}\n`, { mode: 0o600 });
    const text = readFileSync(job.configure({ profile, after }), "utf8").replace(
      /\{ file = .* \}/,
      `{ file = "${secret}" }`,
    );
    const folder = path.join(ana.home, ".config/sts-broker");
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, "config.toml"), text);
    execFileSync("chown", ["-R", ana.name, ana.home]);
  }

  /** A shell line as this user with an environment as cron's; `with` is what stands before the shell. */
  function shell(user: User, line: string, args: readonly string[] = [], before: readonly string[] = []) {
    const env = [`PATH=${PATH}`, `HOME=${user.home}`, `STS_BROKER_SYSTEM_CONFIG=${path.join(root, "etc")}`];
    const as = [needed("runuser"), "-u", user.name, "--", "/usr/bin/env", "-i", ...env, ...before];
    return runProgram([...as, "/bin/sh", "-c", line, "sh", ...args], { PATH, HOME: "/" });
  }

  /** In a session keyring of its own, with the user's persistent keyring in $ring. */
  async function keyctl(line: string, user = ana): Promise<RunResult> {
    const found = "ring=$(keyctl get_persistent @s) || exit 9; ";
    return shell(user, found + line, [], [needed("keyctl"), "session", "-"]);
  }

  async function keyId(): Promise<string> {
    const { stdout, stderr } = await keyctl(`keyctl search $ring user ${SEALING_KEY}`);
    expect(stderr).not.toMatch(/not available/);
    return stdout.trim().split("\n").at(-1) ?? "";
  }

  function obtain(profile = "billing", before: readonly string[] = []): Promise<RunResult> {
    const args = [...programUnderTest(), "credential-process", "--profile", profile];
    return shell(ana, 'exec "$@"', args, before);
  }

  const kept = (folder: string): string[] => {
    const directory = path.join(ana.home, ".cache/sts-broker", folder);
    return existsSync(directory) ? readdirSync(directory) : [];
  };

  test("has its key in the user's persistent keyring, and none on the disk", async () => {
    const answer = credentialsOf(await obtain());
    expect(kept("kernel")).toHaveLength(1);
    expect(kept("entries")).toEqual([]);
    const id = await keyId();
    const hex = (await keyctl(`keyctl pipe ${id} | od -An -v -tx1 | tr -d ' \\n'`)).stdout.split("\n").at(-1) ?? "";
    expect(hex).toMatch(/^[0-9a-f]{64}$/);
    for (const file of readdirSync(path.join(ana.home, ".cache"), { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const bytes = readFileSync(path.join(file.parentPath, file.name));
      expect(bytes.includes(Buffer.from(hex, "hex"))).toBe(false);
      expect(bytes.includes(answer.SecretAccessKey)).toBe(false);
    }
  });

  test.each([
    ["by a job as cron starts it", ["setsid", "--wait"]],
    ["in a session keyring of its own", ["keyctl", "session", "-"]],
  ])("is read %s", async (_, before) => {
    configure('store = "auto"');
    const cold = await obtain();
    const counts = job.counts();
    const warm = await obtain("billing", before);
    expect(warm.stdout).toBe(cold.stdout);
    expect(credentialsOf(cold).Version).toBe(1);
    expect(kept("kernel")).toHaveLength(1);
    expect(job.counts()).toEqual(counts);
  });

  test("is closed to another user", async () => {
    credentialsOf(await obtain());
    const id = await keyId();
    const pipe = await shell(bob, `keyctl pipe ${id}`);
    expect(pipe.status).not.toBe(0);
    expect(pipe.stderr).toContain("Permission denied");
    const whole = await shell(bob, `keyctl get_persistent @s $(id -u ${ana.name})`, [], ["keyctl", "session", "-"]);
    expect(whole.status).not.toBe(0);
  });

  test.each([
    ["gone, as after a reboot", (id: string) => `keyctl unlink ${id} $ring`],
    ["revoked", (id: string) => `keyctl revoke ${id}`],
  ])("misses and renews its entries when the key is %s", async (_, line) => {
    credentialsOf(await obtain());
    const before = await keyId();
    expect(await keyctl(line(before))).toMatchObject({ status: 0 });
    const counts = job.counts();
    const renewed = await obtain();
    credentialsOf(renewed);
    expect(job.counts().sts).toBe(counts.sts + 1);
    expect((await obtain()).stdout).toBe(renewed.stdout);
    expect(job.counts().sts).toBe(counts.sts + 1);
    const after = await keyId();
    expect(after).toMatch(/^\d+$/);
    expect(after).not.toBe(before);
  });

  test("is one key for many that make it together", async () => {
    const names = Array.from({ length: 8 }, (_, index) => `p${index}`);
    const tables = names.map(
      (name) =>
        `[profile.${name}]\nidentity = "corp"\nrole_arn = "${job.world.roleArn}"\nrole_session_name = "${name}"\nregion = "eu-west-1"\nendpoint_url = "${job.world.sts.url}"\nstore = "kernel"\n`,
    );
    configure('store = "kernel"', tables.join("\n"));
    const cold = await Promise.all(names.map((name) => obtain(name)));
    const counts = job.counts();
    const warm = await Promise.all(names.map((name) => obtain(name)));
    expect(warm.map((one) => credentialsOf(one))).toEqual(cold.map((one) => credentialsOf(one)));
    expect(job.counts()).toEqual(counts);
    expect((await keyctl("keyctl rlist $ring")).stdout.trim().split("\n").at(-1)).toMatch(/^\d+$/);
  });

  test("serves sixty processes of a user at once, whose process keyrings count against the quota too", async () => {
    credentialsOf(await obtain());
    const counts = job.counts();
    const args = [...programUnderTest(), "credential-process", "--profile", "billing"];
    const { stdout, stderr } = await shell(ana, 'for i in $(seq 60); do "$@" & done; wait', args);
    expect(stderr).toBe("");
    expect(new Set(stdout.trim().split("\n")).size).toBe(1);
    expect(stdout.trim().split("\n")).toHaveLength(60);
    expect(job.counts()).toEqual(counts);
  });

  test("says how to get koffi where it is not installed", async () => {
    const [node = "", script] = programUnderTest();
    if (script === undefined) return;
    const copy = path.join(root, "copy");
    cpSync(path.dirname(script), copy, { recursive: true });
    const bare = path.join(copy, path.basename(script));
    const args = [node, bare, "credential-process", "--profile", "billing"];
    const named = await shell(ana, 'exec "$@"', args);
    credentialsWithWarning(named, /kernel: the optional package koffi is not installed.*--include=optional/);
    credentialsOf(await shell(ana, 'exec "$@"', [...args, "--store", "auto"]));
    expect([kept("kernel"), kept("entries").length]).toEqual([[], 1]);
  });

  // The last one: the kernel takes its time to forget the keys that fill the quota.
  test("gives way to the next store when the user's quota of keys is used up", async () => {
    const fill = 'i=0; while [ $i -lt 5000 ] && keyctl add user "filler$i" x @s >/dev/null 2>&1; do i=$((i+1)); done';
    const args = [...programUnderTest(), "credential-process", "--profile", "billing"];
    const line = `${fill}; "$@" --store auto && "$@" --store kernel >/dev/null`;
    const { status, stdout, stderr } = await shell(ana, line, args, [needed("keyctl"), "session", "-"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringContaining("AccessKeyId") });
    expect([kept("kernel"), kept("entries").length]).toEqual([[], 1]);
    expect(stderr.match(/warning/g)).toHaveLength(1);
    expect(stderr).toContain("kernel: the user's quota of kernel keys is used up");
  });
});
