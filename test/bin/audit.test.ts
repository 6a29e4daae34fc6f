import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import {
  CREDENTIAL_PROCESS,
  credentialsOf,
  credentialsWithWarning,
  expectFailure,
  isRoot,
  NOBODY,
  runAs,
  runInShell,
} from "./black-box.ts";

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
beforeEach(() => {
  const { home } = job.sandbox;
  for (const left of [".cache", "log", "etc"]) rmSync(path.join(home, left), { recursive: true, force: true });
  mkdirSync(path.join(home, "log"));
  job.world.reset();
  configure();
});
afterAll(() => job.close());

const log = () => path.join(job.sandbox.home, "log", "audit.log");
const configure = (more = "") =>
  job.configure({ profile: 'store = "none"', after: `[audit]\nfile = "${log()}"\n${more}` });
const run = (args: readonly string[] = CREDENTIAL_PROCESS) => job.sandbox.run(args);
const records = () =>
  readFileSync(log(), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("the audit record", () => {
  it("joins the credentials that were printed with the caller, the identity and AWS's request", async () => {
    const result = await runInShell(job.sandbox, '"$@"; exit $?', CREDENTIAL_PROCESS);
    const { AccessKeyId, Expiration } = credentialsOf(result);
    expect(records()).toEqual([
      expect.objectContaining({
        version: 1,
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        outcome: "ok",
        uid: process.getuid?.(),
        command: "credential-process",
        parent_name: "sh",
        parent_executable: realpathSync("/bin/sh"),
        profile: "billing",
        identity: "corp",
        identity_type: "oidc-client-credentials",
        issuer: job.world.op.issuer,
        subject: "cc-basic",
        role_arn: job.world.roleArn,
        access_key_id: AccessKeyId,
        request_id: expect.stringMatching(/^[\da-f-]{36}$/),
      }),
    ]);
    expect(new Date(String(records()[0]?.expires)).getTime()).toBe(new Date(Expiration).getTime());
    expect(statSync(log()).mode & 0o777).toBe(0o600);
  });

  it("names the command that asked: exec, env", async () => {
    await run(["exec", "--", "true"]);
    await run(["env"]);
    expect(records().map(({ command }) => command)).toEqual(["exec", "env"]);
  });

  it("names refresh, which renews ahead of time", async () => {
    job.configure({ after: `[audit]\nfile = "${log()}"\n` });
    expect((await run(["refresh"])).status).toBe(0);
    expect(records()).toMatchObject([{ command: "refresh", outcome: "ok", profile: "billing" }]);
  });

  it("is kept of failures too, with the line that was said", async () => {
    job.world.trust();
    const result = await run();
    expectFailure(result, { status: 4, says: /trust policy/ });
    expect(records()).toMatchObject([{ outcome: "STS_REFUSED", access_key_id: null, role_arn: job.world.roleArn }]);
    expect(result.stderr).toContain(`sts-broker: ${records()[0]?.message}\n`);
  });

  it("goes to the machine's file and to the user's own", async () => {
    const theirs = path.join(job.sandbox.home, "log", "machine.log");
    job.sandbox.file("etc/config.toml", `[audit]\nfile = "${theirs}"\n`, 0o644);
    credentialsOf(await run());
    expect(JSON.parse(readFileSync(theirs, "utf8"))).toEqual(records()[0]);
  });

  it("is one whole line for each of many processes at once", { timeout: 120_000 }, async () => {
    const results = await Promise.all(Array.from({ length: 12 }, () => run()));
    const keys = results.map((result) => credentialsOf(result).AccessKeyId);
    expect(
      records()
        .map(({ access_key_id }) => access_key_id)
        .sort(),
    ).toEqual(keys.sort());
  });

  it("is made once where many processes share one exchange", { timeout: 120_000 }, async () => {
    job.configure({ after: `[audit]\nfile = "${log()}"\n` });
    const results = await Promise.all(Array.from({ length: 8 }, () => run()));
    const [first, ...rest] = results.map(credentialsOf);
    for (const one of rest) expect(one).toEqual(first);
    expect(records()).toHaveLength(1);
  });
});

const BROKEN: [string, () => void, RegExp][] = [
  ["a missing directory", () => rmSync(path.dirname(log()), { recursive: true }), /no such directory, ENOENT/],
  ["a symbolic link", () => symlinkSync("/dev/null", log()), /a symbolic link, which is not followed, ELOOP/],
  ["a pipe that nobody reads", () => execFileSync("mkfifo", [log()]), /not a regular file, E(?:NXIO|INVAL)/],
  ["a directory in its place", () => mkdirSync(log()), /a directory, EISDIR/],
];

describe("a record that cannot be written", () => {
  it.each(BROKEN)("(%s) is a warning beside the credentials", async (_, breakIt, why) => {
    breakIt();
    const result = await run();
    credentialsWithWarning(result, /audit record not written to /);
    expect(result.stderr).toMatch(why);
  });

  it.each(BROKEN)("(%s) and is required lets nobody be asked", async (_, breakIt, why) => {
    configure("required = true\n");
    breakIt();
    const before = job.counts();
    const result = await run();
    expectFailure(result, { status: 2, says: why, hint: /required = true/ });
    expect(job.counts()).toEqual(before);
    expectFailure(await run(["exec", "--", "true"]), { status: 125, says: why });
  });

  it("and is required: a user's own [audit] does not help", async () => {
    const theirs = path.join(job.sandbox.home, "none", "audit.log");
    job.sandbox.file("etc/config.toml", `[audit]\nfile = "${theirs}"\nrequired = true\n`, 0o644);
    expectFailure(await run(), { status: 2, says: /none\/audit\.log \(no such directory/ });
    expect(records()).toMatchObject([{ outcome: "AUDIT_FAILED" }]);
  });

  it.skipIf(existsSync("/dev/log"))("is a warning where there is no syslog (needs a machine without)", async () => {
    job.configure({ profile: 'store = "none"', after: "[audit]\nsyslog = true\n" });
    credentialsWithWarning(await run(), /audit record not written to syslog: there is no \/dev\/log/);
  });
});

describe.skipIf(!isRoot)("a file of another user (needs root)", () => {
  it("is a refusal where it is required, and takes records once its group may write", async () => {
    configure("required = true\n");
    writeFileSync(log(), "");
    execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, job.sandbox.home]);
    execFileSync("chown", [`0:${NOBODY}`, log()]);
    chmodSync(log(), 0o640);
    const asNobody = () => runAs(NOBODY, job.sandbox, CREDENTIAL_PROCESS);
    expectFailure(await asNobody(), { status: 2, says: /permission denied, EACCES/, hint: /let user "nobody" write/ });
    chmodSync(log(), 0o620);
    credentialsOf(await asNobody());
    expect(records()).toMatchObject([{ outcome: "ok", uid: NOBODY, user: "nobody" }]);
    execFileSync("chown", ["-R", "0:0", job.sandbox.home]);
  });
});
