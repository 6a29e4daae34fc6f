// The systemd store with a credential that systemd-creds(1) encrypted and decrypted. The directory is laid out as a unit has it; no systemd
// need run here.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning } from "../bin/black-box.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { describeSystem, needed } from "./servers/requirements.ts";

describeSystem("the systemd store", ["root", "systemd-creds"], () => {
  let job: MainJob;
  let root: string;
  let unit: string;

  beforeAll(async () => {
    job = await startMainJob();
    root = mkdtempSync(path.join(tmpdir(), "sts-broker-systemd-"));
  });
  beforeEach(() => {
    job.world.reset();
    job.configure({ profile: 'store = "systemd"' });
    rmSync(job.sandbox.cacheDirectory, { recursive: true, force: true });
    unit = path.join(root, "credentials");
    rmSync(unit, { recursive: true, force: true });
    mkdirSync(unit, { mode: 0o700 });
  });
  afterAll(async () => {
    rmSync(root, { recursive: true, force: true });
    await job?.close();
  });

  /** With a machine's secret of our own. */
  function bash(line: string): void {
    const env = { PATH: process.env.PATH, SYSTEMD_CREDENTIAL_SECRET: path.join(root, "credential.secret") };
    execFileSync("bash", ["-eo", "pipefail", "-c", line], { env, stdio: ["ignore", "ignore", "pipe"] });
  }

  /** As systemd does it when the unit starts. */
  function startUnit(encrypted: string): Record<string, string> {
    const credential = path.join(unit, "sts-broker-key");
    rmSync(credential, { force: true });
    bash(`${needed("systemd-creds")} decrypt --name=sts-broker-key ${encrypted} ${credential}`);
    chmodSync(credential, 0o400);
    return { CREDENTIALS_DIRECTORY: unit };
  }

  function encrypt(name: string): string {
    const file = path.join(root, `${name}.cred`);
    bash(
      `head -c 32 /dev/urandom | ${needed("systemd-creds")} encrypt --with-key=host --name=sts-broker-key - ${file}`,
    );
    return file;
  }

  test("keeps entries from one start of the unit to the next, and for nobody without its credential", async () => {
    const encrypted = encrypt("key");
    const first = await job.sandbox.run(CREDENTIAL_PROCESS, { env: startUnit(encrypted) });
    const answer = credentialsOf(first);
    const counts = job.counts();
    const again = await job.sandbox.run(CREDENTIAL_PROCESS, { env: startUnit(encrypted) });
    expect(again.stdout).toBe(first.stdout);
    expect(job.counts()).toEqual(counts);

    const [entry = "", ...others] = readdirSync(path.join(job.sandbox.cacheDirectory, "systemd"));
    expect(others).toEqual([]);
    const sealed = readFileSync(path.join(job.sandbox.cacheDirectory, "systemd", entry));
    for (const secret of [answer.SecretAccessKey, readFileSync(path.join(unit, "sts-broker-key"))])
      expect(sealed.includes(secret)).toBe(false);

    const other = await job.sandbox.run(CREDENTIAL_PROCESS, { env: startUnit(encrypt("other")) });
    expect(credentialsOf(other)).not.toEqual(answer);
    expect(job.counts().sts).toBe(counts.sts + 1);
  });

  test("is not chosen by auto, whatever the unit was given", async () => {
    job.configure({ profile: 'store = "auto"' });
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env: startUnit(encrypt("key")) }));
    expect(readdirSync(job.sandbox.cacheDirectory)).not.toContain("systemd");
  });

  test("names a command that makes a credential it can use", async () => {
    const without = await job.sandbox.run(CREDENTIAL_PROCESS, { env: { CREDENTIALS_DIRECTORY: unit } });
    credentialsWithWarning(without, /systemd: the unit has no credential sts-broker-key/);
    const [, command = "", target = ""] = /\((head .* - (\S+)), and LoadCredentialEncrypted=sts-broker-key:\2 /.exec(
      without.stderr,
    ) ?? [without.stderr];
    const encrypted = path.join(root, "pasted.cred");
    bash(command.replace(target, encrypted));
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env: startUnit(encrypted) }));
  });
});
