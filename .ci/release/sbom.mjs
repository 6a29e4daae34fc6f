// What is really inside, as CycloneDX JSON: the packages of which esbuild put bytes into the program, native addons, Bun and its parts.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Enums, Models, Serialize, Spec } from "@cyclonedx/cyclonedx-library";
import { BUN_LICENCE, BUN_PARTS } from "./bun-parts.mjs";
import { sha256 } from "./checksums.mjs";
import { bundledPackages, bunManifest, EMBEDDED, spdx } from "./licences.mjs";
import { description, license, name, root, sourceDateSeconds, version } from "./product.mjs";

const { ComponentType, ComponentScope, HashAlgorithm } = Enums;
const read = (file) => JSON.parse(readFileSync(path.join(root, file), "utf8"));

/** Of the npm package: what is bundled, and what npm installs beside it where it can. */
export function npmSbom(folder) {
  return writeSbom(`${name}-${version}-npm`, [...bundled("dist"), ...besideIt()], folder, {
    purl: `pkg:npm/${name}@${version}`,
  });
}

/** Of the standalone, and so of everything that installs it. */
export function standaloneSbom({ executable, arch }, folder) {
  const inside = [...bundled("dist-standalone", EMBEDDED), bun(arch)];
  return writeSbom(`${name}-${version}-linux-${arch}`, inside, folder, {
    purl: `pkg:generic/${name}@${version}?arch=${arch}&os=linux`,
    hashes: new Models.HashDictionary([[HashAlgorithm["SHA-256"], sha256(executable)]]),
  });
}

function writeSbom(title, components, folder, its) {
  const program = new Models.Component(ComponentType.Application, name, {
    version,
    description,
    licenses: licences(license),
    bomRef: its.purl,
    ...its,
  });
  for (const { bomRef } of components) program.dependencies.add(bomRef);
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ timestamp: new Date(sourceDateSeconds() * 1000), component: program }),
    components: new Models.ComponentRepository(components),
  });
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  const file = path.join(folder, `${title}.cdx.json`);
  writeFileSync(file, `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`);
  return file;
}

/** Optional packages and theirs, for every kind of machine: npm installs those of its own. */
function besideIt() {
  return Object.entries(lockedPackages())
    .filter(([place, { dev, optional, devOptional }]) => place !== "" && !dev && (optional || devOptional))
    .map(([place]) => packageComponent(place.replace(/^node_modules\//, ""), ComponentScope.Optional));
}

const lockedPackages = () => read("package-lock.json").packages;

function bundled(build, more = []) {
  return [...new Set([...more, ...bundledPackages(build)])].map((directory) =>
    packageComponent(directory, ComponentScope.Required),
  );
}

function packageComponent(directory, scope) {
  const locked = lockedPackages()[`node_modules/${directory}`];
  // The name is there only if it is another than the folder's.
  const { name: full = directory.split("node_modules/").at(-1), version: its, license: expression, integrity } = locked;
  const [group, short] = full.includes("/") ? full.split("/") : [undefined, full];
  const purl = `pkg:npm/${full.replace("@", "%40")}@${its}`;
  return new Models.Component(ComponentType.Library, short, {
    ...(group === undefined ? {} : { group }),
    version: its,
    scope,
    licenses: licences(expression),
    hashes: new Models.HashDictionary([[HashAlgorithm["SHA-512"], inHex(integrity)]]),
    purl,
    bomRef: purl,
  });
}

/** The package's hash as npm's lockfile has it. */
function inHex(integrity) {
  const [, base64] = /sha512-(\S+)/.exec(integrity) ?? [];
  if (base64 === undefined) throw new Error("package-lock.json has a package without a SHA-512");
  return Buffer.from(base64, "base64").toString("hex");
}

function bun(arch) {
  const { name: full, version: its } = bunManifest(arch);
  const { integrity } = lockedPackages()[`node_modules/${full}`];
  const purl = `pkg:npm/${full.replace("@", "%40")}@${its}`;
  const parts = BUN_PARTS.map(
    ([part, expression, url]) =>
      new Models.Component(ComponentType.Library, part, {
        licenses: licences(expression),
        bomRef: `${purl}#${part}`,
        externalReferences: new Models.ExternalReferenceRepository([
          new Models.ExternalReference(url, Enums.ExternalReferenceType.Website),
        ]),
      }),
  );
  return new Models.Component(ComponentType.Platform, "bun", {
    version: its,
    scope: ComponentScope.Required,
    description: "The JavaScript runtime that the program is appended to",
    licenses: licences(BUN_LICENCE),
    hashes: new Models.HashDictionary([[HashAlgorithm["SHA-512"], inHex(integrity)]]),
    purl,
    bomRef: purl,
    components: new Models.ComponentRepository(parts),
  });
}

function licences(license) {
  const expression = spdx(license);
  const one = / (AND|OR|WITH) /.test(expression)
    ? new Models.LicenseExpression(expression)
    : new Models.SpdxLicense(expression);
  return new Models.LicenseRepository([one]);
}
