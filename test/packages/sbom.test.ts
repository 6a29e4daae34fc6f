import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { afterAll, beforeAll, expect, it } from "vitest";
import { document } from "../docs/documents.ts";
import { describeSystem } from "../system/servers/requirements.ts";
import {
  BUILDING,
  BUILDING_MS,
  release,
  type Standalone,
  standIn,
  succeed,
  temporaryFolder,
  theStandalone,
} from "./release.ts";

interface Component {
  readonly name: string;
  readonly group?: string;
  readonly version?: string;
  readonly purl?: string;
  readonly scope?: string;
  readonly licenses?: readonly unknown[];
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly components?: readonly Component[];
}

interface Sbom {
  readonly npmSbom: (folder: string) => string;
  readonly standaloneSbom: (standalone: Standalone, folder: string) => string;
}

describeSystem("the bills of materials", ["sha256sum", ...BUILDING], () => {
  const folder = temporaryFolder();
  let files: string[] = [];
  let npm: Component[] = [];
  let standalone: Component[] = [];

  beforeAll(async () => {
    const { npmSbom, standaloneSbom } = await release<Sbom>("sbom.mjs");
    files = [npmSbom(folder.path), standaloneSbom(standIn(await theStandalone()), folder.path)];
    [npm = [], standalone = []] = files.map((file) => JSON.parse(readFileSync(file, "utf8")).components as Component[]);
  }, BUILDING_MS);
  afterAll(() => folder.remove());

  const named = (components: readonly Component[]) =>
    components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));

  it("are what CycloneDX 1.6 says they have to be", async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    for (const file of files) expect(await validator.validate(readFileSync(file, "utf8"))).toBeNull();
    const [file = ""] = files;
    expect(await validator.validate(readFileSync(file, "utf8").replace('"library"', '"book"'))).not.toBeNull();
  });

  it("say of each package its version, licence, address and hash", () => {
    const lacking = [...npm, ...standalone].filter(
      ({ version, purl, licenses, hashes }) =>
        version === undefined ||
        !purl?.startsWith("pkg:npm/") ||
        licenses?.length !== 1 ||
        !/^[0-9a-f]{128}$/.test(hashes?.[0]?.content ?? ""),
    );
    expect(lacking).toEqual([]);
  });

  it("list what is inside, and not what only builds it", () => {
    const bundled = ["@aws-sdk/client-sts", "commander", "ink", "jose", "openid-client", "samlify", "smol-toml"];
    expect(named(npm)).toEqual(expect.arrayContaining([...bundled, "@github/keytar", "koffi", "fs-native-extensions"]));
    expect(named(standalone)).toEqual(expect.arrayContaining([...bundled, "@github/keytar", "kerberos", "bun"]));
    for (const name of ["vitest", "typescript", "esbuild"]) expect(named([...npm, ...standalone])).not.toContain(name);
    expect(named(npm)).not.toContain("bun");
  });

  it("list every package whose code the program was made of, as the notices do", () => {
    const notices = document("dist/LICENSES.txt");
    const inside = named(npm.filter(({ scope }) => scope === "required"));
    expect(inside.filter((name) => !new RegExp(`^${name} \\d`, "m").test(notices))).toEqual([]);
  });

  it("list what npm installs beside it, on whatever machine", () => {
    const optional = named(npm.filter(({ scope }) => scope === "optional"));
    const direct = ["@github/keytar", "fs-native-extensions", "koffi"];
    const theirs = ["node-addon-api", "require-addon", "which-runtime", "bare-semver"];
    const perMachine = ["@koromix/koffi-linux-x64", "@koromix/koffi-darwin-arm64"];
    expect(optional).toEqual(expect.arrayContaining([...direct, ...theirs, ...perMachine]));
    expect(optional.filter((name) => /bun|rolldown|esbuild|kerberos|playwright/.test(name))).toEqual([]);
  });

  it("list what Bun is linked from", () => {
    const { components: parts = [] } = standalone.find(({ name }) => name === "bun") ?? {};
    expect(named(parts)).toEqual(expect.arrayContaining(["boringssl", "icu", "zlib-ng", "stream-browserify"]));
  });

  it("have checksums that sha256sum reads", async () => {
    const { writeChecksums } = await release<{ writeChecksums: (files: string[], folder: string) => string }>(
      "checksums.mjs",
    );
    const sums = writeChecksums(files, folder.path);
    const check = ["sh", "-c", 'cd "$1" && sha256sum --strict --check SHA256SUMS', "sh", folder.path];
    expect(await succeed(check)).toMatch(/^(\S+\.cdx\.json: OK\n){2}$/);
    expect(readFileSync(sums, "utf8").trim().split("\n")).toHaveLength(2);
    writeFileSync(files[0] ?? path.join(folder.path, "none"), "changed");
    await expect(succeed(check)).rejects.toThrow("FAILED");
  });
});
