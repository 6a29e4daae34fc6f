/** Two real users of one machine, made and removed here: what the one may see or spoil of the other's, and what sudo leaves behind. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning, expectFailure } from "../bin/black-box.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunResult, runProgram } from "../support/program.ts";
import { describeSystem, needed } from "./servers/requirements.ts";

interface User {
  readonly name: string;
  readonly uid: number;
  readonly home: string;
}

/** As sudo and cron have it. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

describeSystem("two users of one machine", ["root", "useradd", "userdel", "runuser", "sudo", "/dev/shm"], () => {
  let job: MainJob;
  let root: string;
  let ana: User;
  let bob: User;
  /** A directory as /tmp is. */
  let shared: string;
  /** On tmpfs, for the store "runtime". */
  const memory = `/dev/shm/sts-broker-users-${process.pid}`;

  beforeAll(async () => {
    root = mkdtempSync(path.join(tmpdir(), "sts-broker-users-"));
    chmodSync(root, 0o755);
    job = await startMainJob();
    ana = addUser("a");
    bob = addUser("b");
  });
  beforeEach(() => {
    job.world.reset();
    shared = path.join(root, "shared");
    rmSync(shared, { recursive: true, force: true });
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    for (const one of [ana.home, memory]) rmSync(one, { recursive: true, force: true });
    const { clientSecret } = job.world.op.clients.secretBasic;
    const secret = put(path.join(ana.home, "billing.secret"), `${clientSecret}\n`);
    const config = readFileSync(job.configure(), "utf8").replace(/\{ file = .* \}/, `{ file = "${secret}" }`);
    put(path.join(ana.home, ".config/sts-broker/config.toml"), config);
    execFileSync("chown", ["-R", ana.name, ana.home]);
    // So that what is ours has to protect itself.
    chmodSync(ana.home, 0o755);
  });
  afterAll(async () => {
    for (const user of [ana, bob]) if (user !== undefined) execFileSync(needed("userdel"), [user.name]);
    for (const one of [root, memory]) rmSync(one, { recursive: true, force: true });
    await job.close();
  });

  function addUser(letter: string): User {
    const name = `stsb-${process.pid}${letter}`;
    const home = path.join(root, letter);
    execFileSync(needed("useradd"), ["--no-create-home", "--home-dir", home, "--shell", "/bin/sh", name]);
    const uid = Number(execFileSync("id", ["-u", name], { encoding: "utf8" }));
    execFileSync("install", ["-d", "-o", name, "-m", "755", home]);
    return { name, uid, home };
  }

  function put(file: string, text: string): string {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  /** A shell line as this user, with nothing but this in the environment; "$@" are the arguments. */
  function shell(user: User, line: string, args: readonly string[], env: Record<string, string> = {}) {
    const as = [needed("runuser"), "-u", user.name, "--", "/usr/bin/env", "-i", `PATH=${PATH}`];
    const system = `STS_BROKER_SYSTEM_CONFIG=${path.join(root, "etc")}`;
    const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return runProgram([...as, system, ...assignments, "/bin/sh", "-c", line, "sh", ...args], { PATH, HOME: "/" });
  }
  const run = (
    user: User,
    env: Record<string, string> = {},
    umask = "022",
    more: readonly string[] = [],
  ): Promise<RunResult> =>
    shell(user, `umask ${umask}; exec "$@"`, [...programUnderTest(), ...CREDENTIAL_PROCESS, ...more], env);

  function everythingBelow(directory: string): string[] {
    return readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => path.join(directory, name));
  }
  /** Which of these the user may read, write or enter. */
  async function accessible(user: User, files: readonly string[]): Promise<string[]> {
    const line = 'for f; do if [ -r "$f" ] || [ -w "$f" ] || [ -x "$f" ]; then echo "$f"; fi; done';
    return (await shell(user, line, files)).stdout.split("\n").filter((one) => one !== "");
  }
  const cacheOf = (user: User, ...names: string[]) => path.join(user.home, ".cache", "sts-broker", ...names);
  const owned = (directory: string, uid: number) =>
    everythingBelow(directory).filter((one) => lstatSync(one).uid === uid);

  test("cron's environment without HOME uses the home of the passwd entry", async () => {
    const cold = credentialsOf(await run(ana));
    expect(credentialsOf(await run(ana))).toEqual(cold);
    expect(existsSync(cacheOf(ana, "entries"))).toBe(true);
  });

  for (const umask of ["0000", "0777"]) {
    test(`the second user can read, write and enter nothing of the first's, under umask ${umask} too`, async () => {
      execFileSync("install", ["-d", "-o", ana.name, "-m", "755", memory]);
      const before = everythingBelow(ana.home);
      const env = { STS_BROKER_DEBUG: path.join(ana.home, "debug.log"), XDG_RUNTIME_DIR: memory };
      credentialsOf(await run(ana, env, umask));
      credentialsOf(await run(ana, env, umask, ["--store", "runtime"]));
      job.world.sts.status(500);
      expectFailure(await run(ana, env, umask, ["--duration-seconds", "1800"]), { status: 5, says: /HTTP 500/ });
      const inMemory = everythingBelow(memory);
      expect(inMemory.map((one) => path.basename(path.dirname(one)))).toContain("entries");
      const made = [...everythingBelow(ana.home).filter((one) => !before.includes(one)), ...inMemory];
      for (const one of made) {
        const found = lstatSync(one);
        expect([one, (found.mode & 0o7777).toString(8)]).toEqual([one, found.isDirectory() ? "700" : "600"]);
        expect([one, found.uid]).toEqual([one, ana.uid]);
      }
      const rooms = new Set(made.map((one) => path.basename(one)));
      for (const room of ["entries", "locks", "failures", "sealing-key", "debug.log"]) expect(rooms).toContain(room);
      expect(await accessible(bob, made)).toEqual([]);
      // The question can be answered otherwise.
      expect(await accessible(bob, [shared, ana.home])).toEqual([shared, ana.home]);
      expect((await accessible(ana, made)).length).toBe(made.length);
    });
  }

  describe("where others may write (as in /tmp)", () => {
    test("a cache directory that the second user made is refused, and nothing is written into it", async () => {
      const planted = path.join(shared, "sts-broker");
      await shell(bob, 'mkdir -m 777 "$1"', [planted]);
      const warning = new RegExp(`${planted} belongs to another user \\(uid ${bob.uid}\\) \\(sudo rm -r `);
      credentialsWithWarning(await run(ana, { XDG_CACHE_HOME: shared }), warning);
      expect([readdirSync(planted), statSync(planted).mode & 0o777]).toEqual([[], 0o777]);
    });

    for (const [where, target] of [
      ["a directory of the second user's", () => path.join(bob.home, "trap")],
      ["a directory of the first user's", () => path.join(ana.home, "mine")],
    ] as const) {
      test(`a symbolic link to ${where} is not followed`, async () => {
        const owner = where.includes("second") ? bob : ana;
        execFileSync("install", ["-d", "-o", owner.name, "-m", "755", target()]);
        await shell(bob, 'ln -s "$1" "$2"', [target(), path.join(shared, "sts-broker")]);
        credentialsWithWarning(await run(ana, { XDG_CACHE_HOME: shared }), /symbolic link .* not followed/);
        expect([readdirSync(target()), statSync(target()).mode & 0o777]).toEqual([[], 0o755]);
      });
    }

    test("a debug log that the second user prepared is not written: a link, a file of his, a FIFO", async () => {
      const profile = path.join(ana.home, ".profile");
      writeFileSync(profile, "mine\n");
      chownSync(profile, ana.uid, 0);
      const log = path.join(shared, "debug.log");
      for (const line of ['ln -s "$2" "$1"', 'touch "$1"; chmod 666 "$1"', 'mkfifo -m 666 "$1"']) {
        rmSync(log, { force: true });
        await shell(bob, line, [log, profile]);
        const result = await run(ana, { STS_BROKER_DEBUG: log });
        credentialsWithWarning(result);
        expect(result.stderr).toMatch(/^\S+ \d+ sts-broker: cache: file: /m);
        expect(readFileSync(profile, "utf8")).toBe("mine\n");
        if (lstatSync(log).isFile()) expect(statSync(log).size).toBe(0);
      }
    });
  });

  describe("sudo once, then the user", () => {
    const asRoot = (env: Record<string, string>): Promise<RunResult> => {
      const names = ["HOME", "STS_BROKER_SYSTEM_CONFIG", ...Object.keys(env)];
      const base = { PATH, HOME: ana.home, STS_BROKER_SYSTEM_CONFIG: path.join(root, "etc"), ...env };
      const sudo = [needed("sudo"), "-n", `--preserve-env=${names.join(",")}`];
      return runProgram([...sudo, ...programUnderTest(), ...CREDENTIAL_PROCESS], base);
    };
    /** Root takes no configuration that another user could change. */
    const rootsConfiguration = (): Record<string, string> => {
      const config = path.join(root, "root.toml");
      writeFileSync(config, readFileSync(job.configure(), "utf8"), { mode: 0o600 });
      return { STS_BROKER_CONFIG: config };
    };

    test("with HOME kept: root's run leaves nothing in the user's home, before and after the user's own", async () => {
      expectFailure(await asRoot({}), { status: 2, says: /config\.toml/ });
      credentialsWithWarning(
        await asRoot(rootsConfiguration()),
        /home of another user .*\(sudo -H, or run it as that user\)/,
      );
      expect(owned(ana.home, 0)).toEqual([]);
      const cold = credentialsOf(await run(ana));
      credentialsWithWarning(await asRoot(rootsConfiguration()), /belongs to another user .*\(run it as that user\)/);
      expect(owned(ana.home, 0)).toEqual([]);
      expect(credentialsOf(await run(ana))).toEqual(cold);
    });

    for (const what of ["", "entries"]) {
      test(`a root-owned cache directory${what && `'s ${what}/`}: printed, and the line that is shown mends it`, async () => {
        credentialsOf(await run(ana));
        rmSync(cacheOf(ana, "entries"), { recursive: true });
        mkdirSync(cacheOf(ana, "entries"), { mode: 0o700 });
        if (what === "") execFileSync("chown", ["-R", "0:0", cacheOf(ana)]);
        const { stderr, ...result } = await run(ana);
        credentialsWithWarning({ stderr, ...result }, /not cached/);
        const [, hint = ""] = /\((sudo chown -R .*)\)$/m.exec(stderr) ?? [];
        expect(hint).toContain(`sudo chown -R ${ana.name} ${cacheOf(ana)}`);
        execFileSync("sh", ["-c", hint]);
        const kept = credentialsOf(await run(ana));
        expect(credentialsOf(await run(ana))).toEqual(kept);
      });
    }

    test("single files of root's in the user's cache are replaced without a word", async () => {
      credentialsOf(await run(ana));
      for (const one of everythingBelow(cacheOf(ana))) if (lstatSync(one).isFile()) chownSync(one, 0, 0);
      const before = job.counts().sts;
      const kept = credentialsOf(await run(ana));
      expect(credentialsOf(await run(ana))).toEqual(kept);
      expect(job.counts().sts).toBe(before + 1);
    });

    test("directories of root's for locks and failures cost the user nothing", async () => {
      credentialsOf(await run(ana));
      for (const one of ["locks", "failures"]) {
        rmSync(cacheOf(ana, one), { recursive: true, force: true });
        mkdirSync(cacheOf(ana, one), { mode: 0o700 });
      }
      rmSync(cacheOf(ana, "entries"), { recursive: true });
      const before = job.counts().sts;
      const [first, ...rest] = (await Promise.all(Array.from({ length: 8 }, () => run(ana)))).map(credentialsOf);
      for (const one of rest) expect(one).toEqual(first);
      expect(job.counts().sts).toBe(before + 1);
    });
  });
});
