// Prepares a machine for the tests: the npm packages, and on Debian, as root, the real servers and shells that test/system
// talks to. Plain Node without dependencies, because it runs before there are any.
//
//   node test/setup.mjs           install what is missing; a failed apt-get is an error only under CI=true
//   node test/setup.mjs --npm     the npm packages alone
//   node test/setup.mjs --check   list what is missing, install nothing; exit 1 if there is something

import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, join } from "node:path";

/** What test/system needs, by Debian package, and what for. */
const DEBIAN_PACKAGES = {
  "gnome-keyring": "a Secret Service",
  dbus: "a private session bus",
  "dbus-x11": "dbus-launch, which must never be started by us",
  "libsecret-1-0": "the keychain addon's client library",
  "libsecret-tools": "secret-tool, a second client of the Secret Service",
  tinyproxy: "an HTTP proxy with authentication",
  "libnss-wrapper": "host names for one process, without /etc/hosts",
  radosgw: "an STS that verifies tokens for real",
  "ceph-mon": "radosgw's cluster",
  "ceph-osd": "radosgw's cluster",
  "ceph-common": "radosgw's cluster",
  awscli: "/usr/bin/aws, a caller",
  "python3-boto3": "boto3 for /usr/bin/python3, a caller",
  "python3-dbus": "a Secret Service that misbehaves",
  "python3-gi": "a Secret Service that misbehaves",
  zsh: "shell output and completions",
  fish: "shell output and completions",
  dash: "shell output",
  strace: "what our processes open and start",
  jq: "shell examples",
  curl: "shell examples",
  mandoc: "man pages",
  shellcheck: "shell scripts",
};

const POLICY_FILE = "/usr/sbin/policy-rc.d";
const POLICY_MARK = "placed by test/setup.mjs of sts-broker, process";

const root = join(import.meta.dirname, "..");
const checkOnly = process.argv.includes("--check");
const npmOnly = process.argv.includes("--npm");
const inCi = process.env.CI === "true" || process.env.CI === "1";

const say = (line) => process.stdout.write(`setup: ${line}\n`);
const warn = (line) => process.stderr.write(`setup: ${line}\n`);

function modifiedMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

/** npm keeps a copy of the lockfile that it installed from in node_modules/.package-lock.json. */
function npmPackagesAreCurrent() {
  const wantedMs = modifiedMs(join(root, "package-lock.json"));
  const installedMs = modifiedMs(join(root, "node_modules", ".package-lock.json"));
  return installedMs !== undefined && (wantedMs === undefined || installedMs >= wantedMs);
}

function onPath(program) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/usr/bin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function missingDebianPackages() {
  const names = Object.keys(DEBIAN_PACKAGES);
  // dpkg-query exits 1 when it does not know one of the names, and still lists the others.
  const query = spawnSync("dpkg-query", ["-W", "-f", `\${Package} \${db:Status-Status}\n`, ...names], {
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  const installed = new Set();
  for (const line of (query.stdout ?? "").split("\n")) {
    const [name, status] = line.split(" ");
    if (status === "installed") installed.add(name);
  }
  return names.filter((name) => !installed.has(name));
}

/** The child that runs now, and the signal that came meanwhile. A signal is passed on, and ends us after the child. */
let running;
let interruptedBy;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    interruptedBy ??= signal;
    running?.kill(signal);
  });
}

/** @returns undefined when the command succeeded, otherwise what went wrong */
function run(command, args, { env = {}, output = "inherit" } = {}) {
  if (interruptedBy !== undefined) return Promise.resolve(`stopped by ${interruptedBy}`);
  return new Promise((resolve) => {
    // Debian's maintainer scripts may read stdin; there is nobody to answer them.
    running = spawn(command, args, { cwd: root, stdio: ["ignore", output, output], env: { ...process.env, ...env } });
    let errors = "";
    running.stdout?.resume();
    running.stderr?.on("data", (chunk) => {
      errors += chunk;
    });
    running.on("error", (error) => resolve(error.message));
    running.on("close", (code, signal) => {
      running = undefined;
      if (code === 0 && interruptedBy === undefined) return resolve(undefined);
      const said = /^npm error (?!code |A complete log)\S.*$/m.exec(errors)?.[0];
      resolve(`${command} ended with ${signal ?? code}${said === undefined ? "" : ` (${said})`}`);
    });
  });
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** A run that was killed could not take its file away again. */
function removeOrphanedPolicy() {
  try {
    const text = readFileSync(POLICY_FILE, "utf8");
    const owner = text.includes(POLICY_MARK) ? Number(/process (\d+)/.exec(text)?.[1]) : undefined;
    if (owner !== undefined && !isAlive(owner)) rmSync(POLICY_FILE, { force: true });
  } catch {
    // There is none, which is the usual case.
  }
}

/** Keeps Debian's packages from starting their services while `work` installs them. */
async function withoutServices(work) {
  removeOrphanedPolicy();
  let ours = false;
  try {
    writeFileSync(POLICY_FILE, `#!/bin/sh\n# ${POLICY_MARK} ${process.pid}\nexit 101\n`, { flag: "wx", mode: 0o755 });
    ours = true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    say(`${POLICY_FILE} is there already and stays in charge of which services start`);
  }
  try {
    return await work();
  } finally {
    if (ours) rmSync(POLICY_FILE, { force: true });
  }
}

async function installDebianPackages(names) {
  const quietly = { env: { DEBIAN_FRONTEND: "noninteractive" } };
  const lock = ["-o", "DPkg::Lock::Timeout=120"];
  const update = await run("apt-get", [...lock, "-q", "update"], quietly);
  if (update !== undefined) warn(`apt-get update failed (${update}); trying with the lists there are`);
  return await withoutServices(() =>
    run("apt-get", [...lock, "-q", "install", "-y", "--no-install-recommends", ...names], quietly),
  );
}

/** @returns whether everything is there now; what is not was said */
async function setUpNpm() {
  if (npmPackagesAreCurrent()) return true;
  if (checkOnly) {
    say("missing: npm packages (node_modules is not there or older than package-lock.json)");
    return false;
  }
  say("npm ci: node_modules is not there or older than package-lock.json");
  const failure = await run("npm", ["ci", "--no-audit", "--no-fund"], { output: "pipe" });
  if (failure !== undefined) throw new Error(`the npm packages could not be installed: ${failure}`);
  return true;
}

/** @returns whether everything is there now; what is not was said */
async function setUpDebian() {
  if (!onPath("apt-get") || !onPath("dpkg-query")) {
    say(
      `not a Debian-like system, nothing installed: tests skip where they find no ${Object.keys(DEBIAN_PACKAGES).join(", ")}`,
    );
    return false;
  }
  const missing = missingDebianPackages();
  if (missing.length === 0) return true;
  if (checkOnly) {
    for (const name of missing) say(`missing: Debian package ${name} (${DEBIAN_PACKAGES[name]})`);
    return false;
  }
  if (process.getuid?.() !== 0) {
    say(`not root, nothing installed: tests are skipped that need ${missing.join(", ")}`);
    return false;
  }
  say(`apt-get install: ${missing.join(" ")}`);
  const failure = await installDebianPackages(missing);
  if (failure === undefined) return true;
  if (interruptedBy !== undefined) throw new Error(failure);
  const line = `could not install ${missingDebianPackages().join(", ")}: ${failure}`;
  if (inCi) throw new Error(line);
  warn(`warning: ${line}; the tests that need them are skipped`);
  return false;
}

try {
  const npmReady = await setUpNpm();
  const debianReady = npmOnly || (await setUpDebian());
  if (npmReady && debianReady) say(npmOnly ? "npm packages are there" : "ready");
  else if (checkOnly) process.exitCode = 1;
} catch (error) {
  warn(error.message);
  process.exitCode = 1;
}
if (interruptedBy !== undefined) process.exitCode = 128 + osConstants.signals[interruptedBy];
