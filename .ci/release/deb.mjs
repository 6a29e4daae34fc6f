// The .deb of the standalone executable, made by dpkg-deb of files that are written here.
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { thirdPartyLicences } from "./licences.mjs";
import { glibcNeeded } from "./needs.mjs";
import { ARCHITECTURES, about, description, maintainer, name, root, sourceDateSeconds, version } from "./product.mjs";
import { run } from "./run.mjs";
import { CONFIGURATION, gzipped, programFiles, stage, USUAL } from "./tree.mjs";

/** Of the package, not of the program: counted up where the same version is packed anew. */
const REVISION = 1;

const LAYOUT = {
  ...Object.fromEntries(Object.entries(USUAL).map(([what, folder]) => [what, `usr/${folder}`])),
  zsh: "usr/share/zsh/vendor-completions",
};

/** Loaded when they are used: D-Bus's keychain and Kerberos. */
const RECOMMENDED = ["libgssapi-krb5-2", "libsecret-1-0", "libstdc++6"];

/**
 * @param standalone { executable, addons, arch } with Node's name of the processor
 * @param quick compresses badly in a tenth of the time, for tests
 * @returns the path of the package
 */
export function buildDeb({ executable, addons, arch }, folder, { quick = false } = {}) {
  const { deb } = ARCHITECTURES[arch];
  const seconds = sourceDateSeconds();
  const file = path.join(folder, `${name}_${version}-${REVISION}_${deb}.deb`);
  const staging = mkdtempSync(path.join(tmpdir(), `${name}-deb-`));
  try {
    const files = packageFiles(executable, arch, seconds);
    stage([...files, CONFIGURATION], staging, seconds);
    const control = [
      plain("DEBIAN/control", controlFile(deb, glibcNeeded(executable, ...addons), installedKiB(files))),
      plain("DEBIAN/md5sums", files.map((one) => `${md5(path.join(staging, one.to))}  ${one.to}\n`).join("")),
      ...["postrm", "prerm"].map((script) => ({
        to: `DEBIAN/${script}`,
        mode: 0o755,
        content: readFileSync(path.join(import.meta.dirname, "deb", script)),
      })),
    ];
    stage(control, staging, seconds);
    run(
      "dpkg-deb",
      [
        "--root-owner-group",
        "--uniform-compression",
        // One thread: with more, xz cuts the data into blocks by what the machine has.
        // Higher levels take ten times as long for a tenth less.
        ...(quick ? ["-Zgzip", "-z1"] : ["-Zxz", "-z1", "--threads-max=1"]),
        "--build",
        staging,
        file,
      ],
      { env: { SOURCE_DATE_EPOCH: String(seconds) } },
    );
    return file;
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function packageFiles(executable, arch, seconds) {
  const doc = (file) => ({ to: `${LAYOUT.doc}/${file}`, mode: 0o644 });
  const ours = (file, from) => ({ ...doc(file), content: readFileSync(path.join(root, from)) });
  const files = programFiles({ executable, layout: LAYOUT, program: `/usr/bin/${name}` });
  return [
    ...files.map((one) => (one.to.startsWith(LAYOUT.man) ? gzipped(one) : one)),
    gzipped(ours("README.md", "README.md")),
    gzipped(ours("changelog", "CHANGELOG.md")),
    gzipped({ ...doc("changelog.Debian"), content: changelog(seconds) }),
    gzipped({ ...doc("third-party-notices"), content: thirdPartyLicences(arch) }),
    ours("copyright", ".ci/release/deb/copyright"),
    { ...ours("", ".ci/release/deb/lintian-overrides"), to: `usr/share/lintian/overrides/${name}` },
  ].sort((left, right) => (left.to < right.to ? -1 : 1));
}

const plain = (to, text) => ({ to, mode: 0o644, content: text });

function controlFile(architecture, glibc, sizeKiB) {
  return `Package: ${name}
Version: ${version}-${REVISION}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${sizeKiB}
Depends: libc6 (>= ${glibc})
Recommends: ${RECOMMENDED.join(", ")}
Section: net
Priority: optional
Description: ${description.replace(/^T/, "t").split(",")[0]}
${wrapped(about)}
`;
}

/** Lines of a description begin with a blank. */
function wrapped(text) {
  return text.replace(/(.{1,76})(?: |$)/g, " $1\n").trimEnd();
}

function changelog(seconds) {
  const date = new Date(seconds * 1000).toUTCString().replace("GMT", "+0000");
  return `${name} (${version}-${REVISION}) stable; urgency=medium

  * Version ${version}. What is new stands in /usr/share/doc/${name}/changelog.gz.

 -- ${maintainer}  ${date}
`;
}

function installedKiB(files) {
  const kib = ({ content, from }) => Math.ceil((from === undefined ? content.length : statSync(from).size) / 1024);
  return files.reduce((sum, file) => sum + kib(file), 0);
}

function md5(file) {
  return createHash("md5").update(readFileSync(file)).digest("hex");
}
