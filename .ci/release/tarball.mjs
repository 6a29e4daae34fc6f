// The archive for everybody else: the same files below one folder, and a script that installs them.
import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { thirdPartyLicences } from "./licences.mjs";
import { glibcNeeded } from "./needs.mjs";
import { ARCHITECTURES, name, root, sourceDateSeconds, version } from "./product.mjs";
import { run } from "./run.mjs";
import { programFiles, stage, USUAL } from "./tree.mjs";

/** install.sh knows where units belong. */
const LAYOUT = { ...USUAL, systemUnits: "systemd/system", userUnits: "systemd/user" };

/** As buildDeb. */
export async function buildTarball({ executable, addons, arch }, folder, { quick = false } = {}) {
  const seconds = sourceDateSeconds();
  const top = `${name}-${version}-linux-${arch}`;
  const work = mkdtempSync(path.join(tmpdir(), `${name}-tar-`));
  try {
    stage(archived({ executable, addons, arch }), path.join(work, top), seconds);
    const tar = path.join(work, `${top}.tar`);
    run("tar", [
      ...["--create", "--file", tar, "--directory", work, "--format=gnu", "--sort=name"],
      ...["--owner=0", "--group=0", "--numeric-owner", `--mtime=@${seconds}`, top],
    ]);
    const file = path.join(folder, `${top}.tar.gz`);
    await pipeline(createReadStream(tar), createGzip({ level: quick ? 1 : 9 }), createWriteStream(file));
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function archived({ executable, addons, arch }) {
  const ours = (to, from, mode = 0o644) => ({ to, mode, content: readFileSync(path.join(root, from)) });
  const script = ours(`${LAYOUT.doc}/install.sh`, ".ci/release/tarball/install.sh", 0o755);
  const values = {
    VERSION: version,
    MACHINE: ARCHITECTURES[arch].uname,
    GLIBC: glibcNeeded(executable),
    GLIBC_KERBEROS: glibcNeeded(executable, ...addons),
  };
  script.content = Buffer.from(script.content.toString().replace(/@([A-Z_]+)@/g, (_, value) => values[value]));
  const installed = [
    ...programFiles({ executable, layout: LAYOUT }),
    ours(`${LAYOUT.doc}/README.md`, "README.md"),
    ours(`${LAYOUT.doc}/CHANGELOG.md`, "CHANGELOG.md"),
    ours(`${LAYOUT.doc}/LICENSE`, "LICENSE"),
    { to: `${LAYOUT.doc}/third-party-notices`, mode: 0o644, content: thirdPartyLicences(arch) },
    script,
  ].sort((left, right) => (left.to < right.to ? -1 : 1));
  return [
    ...installed,
    { ...script, to: "install.sh" },
    ours("README.md", "README.md"),
    ours("LICENSE", "LICENSE"),
    { to: "files", mode: 0o644, content: installed.map(({ to }) => `${to}\n`).join("") },
  ];
}
