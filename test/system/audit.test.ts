// Records that arrive: a journal daemon of our own, which is the syslog too, in a mount namespace where /run and /dev are private.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunResult, runProgram } from "../support/program.ts";
import { describeSystem } from "./servers/requirements.ts";

/** Whatever is started in it ends with it. */
const NAMESPACES = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"];
const JOURNALD = "/usr/lib/systemd/systemd-journald";
const PRIVATE = `
set -eu
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/systemd /run/dev
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /dev/fd /dev/stdin /dev/stdout /dev/stderr /run/dev/
ln -s /run/systemd/journal/dev-log /run/dev/log
mount --bind /run/dev /dev
`;
const WITH_JOURNAL = `${PRIVATE}
${JOURNALD} >/dev/null 2>&1 & journal=$!
trap 'kill $journal' EXIT
until [ -S /run/systemd/journal/dev-log ] && [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
"$@" > answer
journalctl --sync
journalctl --no-pager -o json -t sts-broker
`;
/** A listener that reads nothing, with its queue full: whoever writes waits. */
const WITH_A_DEAF_SYSLOG = `${PRIVATE}
mkdir -p /run/systemd/journal
python3 -c '
import socket, time
listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listener.bind("/dev/log.new")
writers = []
sent = 1
while sent > 0:
    # A writer has a bound of its own; full is the queue when a new one cannot write at all.
    sent = 0
    writers.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    writers[-1].setblocking(False)
    try:
        while True:
            writers[-1].sendto(b"x", "/dev/log.new")
            sent += 1
    except BlockingIOError:
        pass
open("/run/full", "w").close()
time.sleep(60)
' & deaf=$!
trap 'kill $deaf' EXIT
until [ -e /run/full ]; do sleep 0.05; done
mv /dev/log.new /dev/log
"$@"
`;
const WITH_A_FULL_DISK = `${PRIVATE}
mount -t tmpfs -o size=4k tmpfs /var/log
head -c 4096 /dev/zero > /var/log/filler
"$@"
`;

const mayUnshare = process.getuid?.() === 0 && spawnSync("env", [...NAMESPACES, "true"]).status === 0;
const reason = mayUnshare ? "" : " (skipped: needs root and mount namespaces)";

describeSystem(
  `audit records on a real system${reason}`,
  ["unshare", "logger", "python3", "journalctl", JOURNALD],
  () => {
    if (!mayUnshare) return void it.skip("everything (skipped: needs root and mount namespaces)", () => {});
    let job: MainJob;
    beforeAll(async () => {
      job = await startMainJob();
    });
    afterAll(() => job?.close());

    /** A cold call within a shell script, in which "$@" is the program. */
    const call = (script: string, audit: string): Promise<RunResult> => {
      job.configure({ profile: 'store = "none"', after: `[audit]\n${audit}\n` });
      const line = [...programUnderTest(), "credential-process", "--profile", "billing"];
      return runProgram([...NAMESPACES, "sh", "-c", script, "sh", ...line], job.sandbox.env);
    };

    it.each(["syslog", "journald"])("arrive by %s, with facility authpriv and the tag sts-broker", async (place) => {
      const result = await call(WITH_JOURNAL, `${place} = true\nrequired = true`);
      expect(result, result.stderr).toMatchObject({ status: 0, stderr: "" });
      const { AccessKeyId } = JSON.parse(readFileSync(path.join(job.sandbox.home, "answer"), "utf8")) as {
        AccessKeyId: string;
      };
      const entries = result.stdout.trimEnd().split("\n");
      const [entry] = entries.map((one) => JSON.parse(one) as Record<string, string>);
      expect(entries).toHaveLength(1);
      expect(entry).toMatchObject({ SYSLOG_IDENTIFIER: "sts-broker", SYSLOG_FACILITY: "10", PRIORITY: "6" });
      expect(JSON.parse(entry?.MESSAGE ?? "")).toMatchObject({ version: 1, outcome: "ok", access_key_id: AccessKeyId });
    });

    it("that a syslog does not take in time are a warning, and where they are required a refusal", async () => {
      const warned = await call(WITH_A_DEAF_SYSLOG, "syslog = true");
      expect(warned.stderr).toMatch(/^sts-broker: warning: audit record not written to syslog: \S+ did not end within/);
      expect(JSON.parse(warned.stdout)).toMatchObject({ Version: 1 });
      const refused = await call(WITH_A_DEAF_SYSLOG, "syslog = true\nrequired = true");
      expect(refused).toMatchObject({ status: 2, stdout: "" });
      expect(refused.stderr).toMatch(/was not written to syslog .* so the new credentials are thrown away\n/);
    });

    it("for which the disk has no room are a warning, and where they are required a refusal", async () => {
      const file = 'file = "/var/log/audit.log"';
      const warned = await call(WITH_A_FULL_DISK, file);
      expect(warned.stderr).toMatch(/audit record not written to \/var\/log\/audit\.log: no space left, ENOSPC\n$/);
      expect(JSON.parse(warned.stdout)).toMatchObject({ Version: 1 });
      expect(await call(WITH_A_FULL_DISK, `${file}\nrequired = true`)).toMatchObject({ status: 2, stdout: "" });
    });
  },
);
