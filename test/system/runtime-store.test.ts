// The runtime store on a tmpfs that the test mounts, and its refusal of a disk.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { CREDENTIAL_PROCESS, credentialsOf, credentialsWithWarning } from "../bin/black-box.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { describeSystem, needed } from "./servers/requirements.ts";

describeSystem("the runtime store", ["root", "mount", "umount"], () => {
  let job: MainJob;
  let memory: string;
  let mounted = false;

  beforeAll(async () => {
    job = await startMainJob();
    memory = path.join(job.sandbox.home, "run");
    mkdirSync(memory, { mode: 0o700 });
    execFileSync(needed("mount"), ["-t", "tmpfs", "-o", "mode=0700,size=1m", "tmpfs", memory]);
    mounted = true;
  });
  beforeEach(() => {
    job.world.reset();
    job.configure({ profile: 'store = "runtime"' });
  });
  afterAll(async () => {
    if (mounted) execFileSync(needed("umount"), [memory]);
    await job?.close();
  });

  test("keeps private files on a tmpfs, and nothing on the disk", async () => {
    const env = { XDG_RUNTIME_DIR: memory };
    const cold = await job.sandbox.run(["credential-process", "--profile", "billing"], { env });
    const answer = credentialsOf(cold);
    const counts = job.counts();
    expect((await job.sandbox.run(CREDENTIAL_PROCESS, { env })).stdout).toBe(cold.stdout);
    expect(job.counts()).toEqual(counts);
    const entries = path.join(memory, "sts-broker", "entries");
    const [entry = "", ...others] = readdirSync(entries);
    expect(others).toEqual([]);
    expect(statSync(path.join(entries, entry)).mode & 0o777).toBe(0o600);
    expect(statSync(path.join(memory, "sts-broker")).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(job.sandbox.cacheDirectory, { recursive: true, withFileTypes: true }))
      if (file.isFile())
        expect(readFileSync(path.join(file.parentPath, file.name)).includes(answer.SecretAccessKey)).toBe(false);
  });

  test("takes the directory of a systemd unit", async () => {
    const directory = path.join(memory, "billing");
    mkdirSync(directory, { mode: 0o755 });
    credentialsOf(await job.sandbox.run(CREDENTIAL_PROCESS, { env: { RUNTIME_DIRECTORY: directory } }));
    expect(readdirSync(path.join(directory, "sts-broker", "entries"))).toHaveLength(1);
  });

  test("refuses a disk, and says so", async () => {
    const disk = path.join(job.sandbox.home, "disk");
    mkdirSync(disk, { mode: 0o700 });
    const onDisk = execFileSync("stat", ["-f", "-c", "%T", disk], { encoding: "utf8" }).trim() !== "tmpfs";
    if (!onDisk) return;
    const result = await job.sandbox.run(CREDENTIAL_PROCESS, { env: { XDG_RUNTIME_DIR: disk } });
    credentialsWithWarning(result, /runtime: \S+disk is on .*, and this store keeps nothing on a disk/);
    expect(readdirSync(disk)).toEqual([]);
  });
});
