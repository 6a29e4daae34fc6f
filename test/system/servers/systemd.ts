// A real systemd, as PID 1 of namespaces of its own or as a user's manager there, that runs one of our services and ends with it.
// Its /run, /home, cgroups and accounts are its own; the machine's are not touched.

import { spawn, spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { programUnderTest } from "../../support/program.ts";

export const SYSTEMD = "/lib/systemd/systemd";
const UNITS = fileURLToPath(new URL("../../../systemd/", import.meta.url));
const NAMESPACES = ["--mount", "--mount-proc", "--pid", "--fork", "--kill-child=KILL", "--uts", "--ipc"];
const DEADLINE_MS = 60_000;

/** Why this machine lets us run no systemd of our own; undefined when it does. */
export function whyNoSystemd(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  const attempt = ["--cgroup", "mount", "-t", "cgroup2", "none", "/sys/fs/cgroup"];
  const tried = spawnSync("unshare", [...NAMESPACES, ...attempt], { encoding: "utf8" });
  if (tried.status === 0) return undefined;
  return `no namespaces or cgroups can be made here (${tried.error?.message ?? tried.stderr.trim()})`;
}

export interface UnitRun {
  readonly flavour: "system" | "user";
  readonly service: string;
  /** An empty folder for files of the run. */
  readonly folder: string;
  /** Shown inside as /home/NAME, the home of an account that is known there alone. */
  readonly home: string;
  readonly account: { readonly name: string; readonly uid: number };
}

/** Starts a service and waits until it has ended. @returns what it wrote, and how it ended in systemd's words */
export async function runUnit(run: UnitRun): Promise<{ stdout: string; stderr: string; result: string }> {
  const { folder, flavour, service, home, account } = run;
  // Its own account has to reach the program; what it writes goes through systemd.
  chmodSync(folder, 0o755);
  const units = path.join(folder, "units");
  cpSync(path.join(UNITS, flavour), units, { recursive: true });
  const program = path.join(folder, "sts-broker");
  writeFileSync(program, `#!/bin/sh\nexec ${programUnderTest().join(" ")} "$@"\n`, { mode: 0o755 });
  const file = path.join(units, service.replace(/@.*\./, "@."));
  const text = readFileSync(file, "utf8").replace("ExecStart=sts-broker", `ExecStart=${program}`);
  writeFileSync(file, text);
  mkdirSync(`${file}.d`);
  // There is no network target and no journal inside.
  writeFileSync(
    `${file}.d/test.conf`,
    `[Unit]
DefaultDependencies=no
After=
Wants=
[Service]
StandardOutput=file:${folder}/stdout
StandardError=file:${folder}/stderr
ExecStopPost=+/bin/sh -c 'echo "$SERVICE_RESULT" > ${folder}/result'
`.replace("=+", flavour === "system" ? "=+" : "="),
  );
  const group = `sts-broker-test-${process.pid}`;
  const machine = [units, service, flavour, home, account.name, String(account.uid)];
  const inside = ["unshare", ...NAMESPACES, "sh", "-c", INSIDE, AS_MACHINE, group, ...machine];
  const systemd = spawn("sh", ["-c", OUTSIDE, "sh", ...inside], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8", container: "test" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [systemd.stdout, systemd.stderr]) {
    stream.on("data", (bytes) => {
      said += String(bytes);
    });
  }
  const ended = new Promise<void>((resolve) => void systemd.once("close", () => resolve()));
  try {
    const endMs = performance.now() + DEADLINE_MS;
    while (written(folder, "result") === "") {
      if (performance.now() > endMs || systemd.exitCode !== null) throw new Error(`${service} did not end: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return {
      stdout: written(folder, "stdout"),
      stderr: written(folder, "stderr"),
      result: written(folder, "result").trim(),
    };
  } finally {
    systemd.stdin.end();
    await ended;
    spawnSync("unshare", ["--mount", "sh", "-c", REMOVE_GROUP, "sh", group]);
  }
}

function written(folder: string, name: string): string {
  const file = path.join(folder, name);
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

/** Until our end of stdin is closed; then everything inside is killed with its PID 1, and its cgroups are taken away. */
const OUTSIDE = `
"$@" < /dev/null &
read -r _
kill -KILL $!
wait $!
`;

/**
 * As PID 1. A cgroup of version 2 alone, in a cgroup namespace of its own: the controllers of version 1 are the machine's, and systemd would
 * make groups in them.
 */
const INSIDE = `
set -e
group=$1; shift
mount --make-rprivate /
mount -t cgroup2 none /sys/fs/cgroup
mkdir "/sys/fs/cgroup/$group"
echo 0 > "/sys/fs/cgroup/$group/cgroup.procs"
exec unshare --cgroup sh -c "$0" sh "$@"
`;

const AS_MACHINE = `
set -e
units=$1 service=$2 flavour=$3 home=$4 name=$5 uid=$6
umount /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run
mkdir -p /run/systemd/system /run/lock /run/user/0
chmod 700 /run/user/0
{ cat /etc/passwd; echo "$name:x:$uid:$uid::/home/$name:/bin/sh"; } > /run/passwd
{ cat /etc/group; echo "$name:x:$uid:"; } > /run/group
chmod 644 /run/passwd /run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group
mount -t tmpfs -o mode=755 none /home
mkdir "/home/$name"
mount --bind "$home" "/home/$name"
if [ "$flavour" = system ]; then
  mount --bind "$units" /etc/systemd/system
  exec ${SYSTEMD} --system --log-target=console --unit="$service"
fi
export HOME="/home/$name" XDG_RUNTIME_DIR=/run/user/0 SYSTEMD_UNIT_PATH="$units:"
# As PID 1 it refuses to be a user's manager.
${SYSTEMD} --user --log-target=console --unit="$service"
exit
`;

/** What is left of the group's tree once nobody is in it. */
const REMOVE_GROUP = `
mount -t cgroup2 none /sys/fs/cgroup
for try in $(seq 50); do
  find "/sys/fs/cgroup/$1" -depth -type d -exec rmdir {} + 2>/dev/null
  [ -d "/sys/fs/cgroup/$1" ] || exit 0
  sleep 0.1
done
exit 1
`;
