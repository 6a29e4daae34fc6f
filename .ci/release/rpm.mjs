// The .rpm of the standalone executable, made by rpmbuild of a spec file that only says what is there.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { licenceExpression, thirdPartyLicences } from "./licences.mjs";
import { glibcNeeded } from "./needs.mjs";
import { ARCHITECTURES, about, description, maintainer, name, root, sourceDateSeconds, version } from "./product.mjs";
import { run } from "./run.mjs";
import { CONFIGURATION, gzipped, programFiles, stage, USUAL } from "./tree.mjs";

const RELEASE = 1;

const LAYOUT = Object.fromEntries(Object.entries(USUAL).map(([what, folder]) => [what, `usr/${folder}`]));
const LICENCES = `usr/share/licenses/${name}`;

/** Loaded when they are used: Kerberos and D-Bus's keychain. Distributions call the packages differently, and the libraries alike. */
const RECOMMENDED = ["libgssapi_krb5.so.2()(64bit)", "libsecret-1.so.0()(64bit)", "libstdc++.so.6()(64bit)"];

/** As buildDeb; the architecture need not be this machine's. */
export function buildRpm({ executable, addons, arch }, folder, { quick = false } = {}) {
  const { rpm } = ARCHITECTURES[arch];
  const seconds = sourceDateSeconds();
  const work = mkdtempSync(path.join(tmpdir(), `${name}-rpm-`));
  try {
    const staging = path.join(work, "staging");
    const files = packageFiles(executable, arch);
    stage([...files, CONFIGURATION], staging, seconds);
    const spec = path.join(work, `${name}.spec`);
    writeFileSync(spec, specFile(files, staging, glibcNeeded(executable, ...addons), seconds, quick));
    const args = ["-bb", "--quiet", "--target", `${rpm}-linux`, "--define", `_topdir ${path.join(work, "top")}`, spec];
    run("rpmbuild", args, { env: { SOURCE_DATE_EPOCH: String(seconds), HOME: work } });
    const built = path.join(work, "top", "RPMS", rpm);
    const [file] = readdirSync(built);
    mkdirSync(folder, { recursive: true });
    copyFileSync(path.join(built, file), path.join(folder, file));
    return path.join(folder, file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function packageFiles(executable, arch) {
  const ours = (to, from) => ({ to, mode: 0o644, content: readFileSync(path.join(root, from)) });
  const files = programFiles({ executable, layout: LAYOUT, program: `/usr/bin/${name}` });
  return [
    ...files.map((one) => (one.to.startsWith(LAYOUT.man) ? gzipped(one) : one)),
    ours(`${LAYOUT.doc}/README.md`, "README.md"),
    ours(`${LAYOUT.doc}/CHANGELOG.md`, "CHANGELOG.md"),
    ours(`${LICENCES}/LICENSE`, "LICENSE"),
    { to: `${LICENCES}/third-party-notices`, mode: 0o644, content: thirdPartyLicences(arch) },
  ].sort((left, right) => (left.to < right.to ? -1 : 1));
}

function specFile(files, staging, glibc, seconds, quick) {
  const date = new Date(seconds * 1000).toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) .*/, "$1 $3 $2 $4");
  return `# Stripping would take the program away: it is appended to Bun's executable.
%global debug_package %{nil}
%global __os_install_post %{nil}
%global __strip /bin/true
%global _build_id_links none
%global _buildhost localhost
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1
%global _binary_payload ${quick ? "w1" : "w9"}.zstdio

Name: ${name}
Version: ${version}
Release: ${RELEASE}
Summary: ${description.split(",")[0]}
License: ${licenceExpression()}
Packager: ${maintainer}
Group: Applications/Internet
# What the executable and its addons ask for, as read from them; the addons' libraries are loaded on use.
AutoReqProv: no
Provides: ${name} = %{version}-%{release}
Requires: libc.so.6(GLIBC_${glibc})(64bit)
${RECOMMENDED.map((one) => `Recommends: ${one}`).join("\n")}

%description
${about.replace(/(.{1,78})(?: |$)/g, "$1\n").trimEnd()}

%install
cp -a ${staging}/. %{buildroot}

# Nothing was enabled by this package. What somebody enabled must not go on to start a program that is gone.
%preun
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
  systemctl stop 'sts-broker-refresh@*.timer' >/dev/null 2>&1 || :
fi

%postun
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload >/dev/null 2>&1 || :
fi

%files
%defattr(-,root,root,-)
%dir /${CONFIGURATION.to}
%dir /${LAYOUT.doc}
%dir /${LICENCES}
${files.map(fileLine).join("\n")}

%changelog
* ${date} ${maintainer} - ${version}-${RELEASE}
- Version ${version}. What is new stands in /${LAYOUT.doc}/CHANGELOG.md.
`;
}

function fileLine({ to }) {
  const kind = to.startsWith(LICENCES) ? "%license " : to.startsWith(LAYOUT.doc) ? "%doc " : "";
  return `${kind}/${to}`;
}
