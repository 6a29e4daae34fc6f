// What a system test needs of the machine. A missing program skips the suite, with the reason in its title; on CI it fails it.

import { accessSync, constants, readdirSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { describe, test } from "vitest";

export type Availability =
  | { readonly available: true; readonly path: string }
  | { readonly available: false; readonly reason: string };

/** Where Debian keeps a program, when the package's name is another one. */
const DEBIAN_PACKAGES: Readonly<Record<string, string>> = {
  "/usr/sbin/llng-fastcgi-server": "lemonldap-ng-fastcgi-server",
  "/usr/share/simplesamlphp/bin/pwgen.php": "simplesamlphp",
  php: "php-cli",
  "/usr/lib/apache2/modules/mod_auth_gssapi.so": "libapache2-mod-auth-gssapi",
  kinit: "krb5-user",
  klist: "krb5-user",
  krb5kdc: "krb5-kdc",
  kdb5_util: "krb5-kdc",
  "kadmin.local": "krb5-admin-server",
  runuser: "util-linux",
  ip: "iproute2",
  nft: "nftables",
  setpriv: "util-linux",
  unshare: "util-linux",
  logger: "bsdutils",
  journalctl: "systemd",
  "/usr/lib/systemd/systemd-journald": "systemd",
  setsid: "util-linux",
  umount: "mount",
  keyctl: "keyutils",
  "systemd-creds": "systemd",
  useradd: "passwd",
  userdel: "passwd",
  ldbmodify: "ldb-tools",
  "systemd-analyze": "systemd",
  "/lib/systemd/systemd": "systemd",
  "samba-tool": "samba-ad-provision",
  "/usr/bin/aws": "awscli",
  "/usr/bin/python3": "python3-boto3",
  aws: "awscli",
  ceph: "ceph-common",
  "ceph-authtool": "ceph-common",
  "/usr/share/bash-completion/bash_completion": "bash-completion",
  "dpkg-deb": "dpkg",
  man: "man-db",
  readelf: "binutils",
  rpmbuild: "rpm",
  "dbus-daemon": "dbus",
  "dbus-launch": "dbus-x11",
  "dbus-send": "dbus",
  "gnome-keyring-daemon": "gnome-keyring",
  "libnss_wrapper.so": "libnss-wrapper",
  "libsecret-1.so.0": "libsecret-1-0",
  monmaptool: "ceph-common",
  "radosgw-admin": "ceph-common",
  "secret-tool": "libsecret-tools",
};

const SYSTEM_FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
const LIBRARY_FOLDERS = ["/usr/lib", "/lib", "/usr/lib64", "/usr/local/lib"];

/** Whether a program (`radosgw`), an exact file (`/usr/bin/aws`) or a shared library (`libnss_wrapper.so`) is there; or we are `root`. */
export function need(program: string): Availability {
  if (program === "root") {
    return process.getuid?.() === 0 ? { available: true, path: "/" } : { available: false, reason: "it needs root" };
  }
  const path = candidates(program).find((candidate) => isReadable(candidate, program));
  if (path !== undefined) return { available: true, path };
  if (program.includes("/node_modules/"))
    return { available: false, reason: `${program} is missing: node test/setup.mjs` };
  const name = DEBIAN_PACKAGES[program] ?? program;
  return { available: false, reason: `${program} is not installed (Debian package ${name})` };
}

function candidates(program: string): string[] {
  if (isAbsolute(program)) return [program];
  if (!isLibrary(program)) {
    // The system's folders first: an aws or python3 that somebody put in front may lack what Debian's have.
    return [...SYSTEM_FOLDERS, ...(process.env.PATH ?? "").split(":")].map((folder) => join(folder, program));
  }
  const perArchitecture = listed("/usr/lib").filter((name) => name.endsWith("-linux-gnu"));
  return [...perArchitecture.map((name) => join("/usr/lib", name)), ...LIBRARY_FOLDERS].map((folder) =>
    join(folder, program),
  );
}

function isLibrary(program: string): boolean {
  return /\.so(\.\d+)*$/.test(program);
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isReadable(path: string, program: string): boolean {
  try {
    accessSync(path, isLibrary(program) || /^\/usr\/share\/|\.node$/.test(program) ? constants.R_OK : constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of something that has to be there. */
export function needed(program: string): string {
  const found = need(program);
  if (!found.available) throw new Error(found.reason);
  return found.path;
}

function inCi(): boolean {
  return process.env.CI === "true" || process.env.CI === "1";
}

/** `describe`, if all programs are there. Otherwise the suite is skipped, or on CI fails, by name and with the reason. */
export function describeSystem(name: string, programs: readonly string[], suite: () => void): void {
  const reasons = programs.map(need).flatMap((found) => (found.available ? [] : [found.reason]));
  if (reasons.length === 0) {
    describe(name, suite);
  } else if (inCi()) {
    describe(name, () => {
      test("finds its programs", () => {
        throw new Error(reasons.join("; "));
      });
    });
  } else {
    describe.skip(`${name} (skipped: ${reasons.join("; ")})`, suite);
  }
}
