// Prepares a machine for the tests: the npm packages, on Debian, as root, the real servers and shells that test/system talks to,
// and the kerberos addon, compiled here. Plain Node without dependencies, because it runs before there are any.
//
//   node test/setup.mjs           install what is missing; a failed apt-get is an error only under CI=true
//   node test/setup.mjs --npm     the npm packages alone
//   node test/setup.mjs --check   list what is missing, install nothing; exit 1 if there is something

import { spawn, spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, dirname, join } from "node:path";

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
  tmux: "a terminal with somebody at its keys",
  chromium: "a browser, in which a person logs in",
  strace: "what our processes open and start",
  keyutils: "keyctl, a second opinion on the kernel's keyring",
  systemd:
    "systemd-creds, systemd-analyze and a systemd of the tests' own, for our units; a journal and a syslog for audit records",
  jq: "shell examples",
  curl: "shell examples",
  mandoc: "man pages",
  shellcheck: "shell scripts",
  rpm: "rpmbuild and rpm, for our .rpm",
  lintian: "what Debian thinks of our .deb",
  binutils: "readelf, which versions of the C library our executables need",
  "bash-completion": "completions as they are loaded where they are installed",
  "man-db": "man pages as they are found where they are installed",
  "krb5-user": "kinit and klist",
  "krb5-kdc": "an MIT KDC",
  "krb5-admin-server": "kadmin.local, for its principals",
  samba: "an Active Directory domain controller",
  "samba-ad-dc": "an Active Directory domain controller",
  "samba-ad-provision": "an Active Directory domain controller",
  winbind: "an Active Directory domain controller",
  "ldb-tools": "changes to Samba's directory",
  "libapache2-mod-auth-gssapi": "Apache that answers Negotiate",
  gssproxy: "keytabs for jobs that may not read them",
  gcc: "a library that plays file systems without locks, links or modes",
  sudo: "what sudo leaves in a user's home",
  iproute2: "network namespaces, in which networks fail",
  nftables: "lost, reset and rejected packets",
  faketime: "servers whose clock is wrong",
  xmlsec1: "a second opinion on XML signatures",
  "libkrb5-dev": "the kerberos addon's headers",
  "g++": "the kerberos addon",
  make: "the kerberos addon",
  python3: "node-gyp, which builds the kerberos addon",
  apache2: "private web servers; the machine's own is not started",
  "php-cli": "SimpleSAMLphp, under PHP's own server",
  "php-xml": "SimpleSAMLphp",
  "php-mbstring": "SimpleSAMLphp",
  "php-ldap": "SimpleSAMLphp",
  simplesamlphp: "a SAML identity provider",
  "lemonldap-ng": "a SAML identity provider",
  "lemonldap-ng-fastcgi-server": "LemonLDAP::NG",
  "liblasso-perl": "LemonLDAP::NG",
  "libglib-perl": "LemonLDAP::NG",
  "libgssapi-perl": "LemonLDAP::NG",
  "libcrypt-openssl-rsa-perl": "LemonLDAP::NG",
  "libcrypt-openssl-x509-perl": "LemonLDAP::NG",
  "libconvert-pem-perl": "LemonLDAP::NG",
  "libdatetime-format-rfc3339-perl": "LemonLDAP::NG",
  "libsoap-lite-perl": "LemonLDAP::NG",
  "libplack-perl": "LemonLDAP::NG",
  starman: "LemonLDAP::NG",
  "libcrypt-jwt-perl": "LemonLDAP::NG",
  "libgd-securityimage-perl": "LemonLDAP::NG",
  "libimage-magick-perl": "LemonLDAP::NG",
  "libxml-simple-perl": "LemonLDAP::NG",
  "libxml-libxml-perl": "LemonLDAP::NG",
  "libunicode-string-perl": "LemonLDAP::NG",
  "libio-string-perl": "LemonLDAP::NG",
  "libstring-random-perl": "LemonLDAP::NG",
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

/** npm's own node-gyp: the one that an allowed install script would use. */
function nodeGyp() {
  const npm = (process.env.PATH ?? "").split(delimiter).flatMap((folder) => {
    const path = join(folder, "npm");
    return existsSync(path) ? [join(dirname(realpathSync(path)), "..", "node_modules")] : [];
  });
  const installed = [...npm, join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "node_modules")];
  return installed.map((folder) => join(folder, "node-gyp", "bin", "node-gyp.js")).find((path) => existsSync(path));
}

/** Files of a build of the addon, gone from node_modules after every npm ci; a copy outside of it survives. */
function kerberosFiles() {
  const directory = join(root, "node_modules", "kerberos");
  const manifest = join(directory, "package.json");
  if (!existsSync(manifest)) return undefined;
  const { version } = JSON.parse(readFileSync(manifest, "utf8"));
  const { glibcVersionRuntime } = process.report.getReport().header;
  const system = `${process.platform}-${process.arch}-${glibcVersionRuntime === undefined ? "other" : "glibc"}`;
  return {
    directory,
    binary: join(directory, "build", "Release", "kerberos.node"),
    copy: join(root, ".cache", `kerberos-${version}-${system}.node`),
  };
}

function copyWhole(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, `${to}.${process.pid}`);
  renameSync(`${to}.${process.pid}`, to);
}

/**
 * The kerberos addon ships no binary and its install script is denied (allowScripts of package.json): the script would download one.
 * Here it is compiled, with this Node's headers, from what is installed.
 * @returns whether it is there now; what is not was said
 */
async function setUpKerberos() {
  const files = kerberosFiles();
  if (files === undefined) {
    say("the optional package kerberos is not installed: its tests are skipped");
    return false;
  }
  if (existsSync(files.binary)) return true;
  if (checkOnly) {
    say("missing: the kerberos addon's binary (node test/setup.mjs compiles it)");
    return false;
  }
  if (existsSync(files.copy)) {
    copyWhole(files.copy, files.binary);
    return true;
  }
  const nodeDirectory = join(dirname(realpathSync(process.execPath)), "..");
  const gyp = nodeGyp();
  const lacks = [
    gyp === undefined && "npm's node-gyp",
    !existsSync(join(nodeDirectory, "include", "node", "node_api.h")) && "this Node's headers (include/node)",
    !existsSync("/usr/include/gssapi/gssapi.h") && "GSSAPI's headers (Debian libkrb5-dev, RHEL krb5-devel)",
    ...["g++", "make", "python3"].map((program) => !onPath(program) && program),
  ].filter(Boolean);
  if (lacks.length > 0) {
    const line = `the kerberos addon cannot be compiled without ${lacks.join(", ")}`;
    if (inCi && !npmOnly) throw new Error(line);
    say(`${line}: its tests are skipped`);
    return npmOnly;
  }
  say("node-gyp rebuild: the kerberos addon is compiled, which takes some 10 s");
  const failure = await run(process.execPath, [gyp, "rebuild", "-C", files.directory, `--nodedir=${nodeDirectory}`], {
    output: "pipe",
  });
  if (failure !== undefined) {
    const line = `the kerberos addon could not be compiled: ${failure}`;
    if ((inCi && !npmOnly) || interruptedBy !== undefined) throw new Error(line);
    warn(`warning: ${line}; the tests that need it are skipped`);
    return false;
  }
  copyWhole(files.binary, files.copy);
  return true;
}

try {
  const npmReady = await setUpNpm();
  const debianReady = npmOnly || (await setUpDebian());
  const kerberosReady = await setUpKerberos();
  if (npmReady && debianReady && kerberosReady) say(npmOnly ? "npm packages are there" : "ready");
  else if (checkOnly) process.exitCode = 1;
} catch (error) {
  warn(error.message);
  process.exitCode = 1;
}
if (interruptedBy !== undefined) process.exitCode = 128 + osConstants.signals[interruptedBy];
