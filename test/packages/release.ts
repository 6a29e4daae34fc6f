// What .ci/release makes, for the tests: quickly compressed, in a folder of their own.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { runProgram } from "../support/program.ts";
import { KERBEROS_ADDON } from "../system/servers/kerberos-addon.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** For hooks that build: the executable takes 10 s of two processors, which others may be using. */
export const BUILDING_MS = 300_000;

export interface Standalone {
  readonly executable: string;
  /** The native addons that are in it, as files. */
  readonly addons: readonly string[];
  /** Node's name of the processor. */
  readonly arch: string;
}

const TARGET = `${process.platform}-${process.arch}`;

/** For describeSystem: what {@link theStandalone} is built with. */
export const BUILDING = [
  KERBEROS_ADDON,
  path.join(ROOT, `node_modules/keytar/prebuilds/${TARGET}/keytar.node`),
  path.join(ROOT, `node_modules/@oven/bun-${TARGET.replace("arm64", "aarch64")}/bin/bun`),
];

type Build = (
  standalone: Standalone,
  folder: string,
  options?: { readonly quick?: boolean },
) => string | Promise<string>;

/** A module of .ci/release. It is JavaScript, and no part of what tsc checks. */
export async function release<Module>(name: string): Promise<Module> {
  return (await import(path.join(ROOT, ".ci", "release", name))) as Module;
}

/** The standalone executable, which is built if it is older than its sources, by one test file while the others wait. */
export async function theStandalone(): Promise<Standalone> {
  const lock = path.join(ROOT, "node_modules", ".standalone.lock");
  await succeed(["flock", lock, process.execPath, path.join(ROOT, ".ci", "release", "standalone.mjs")]);
  const { standalone } = await release<{ standalone: () => Promise<Standalone> }>("standalone.mjs");
  return standalone();
}

/** A program of the machine in the executable's place, for tests that are about the package and not about what is in it. */
export function standIn({ addons, arch }: Standalone): Standalone {
  return { executable: realpathSync("/bin/true"), addons, arch };
}

/** One kind of package, made quickly. */
export async function built(name: "deb" | "rpm" | "tarball", folder: string, standalone?: Standalone): Promise<string> {
  const kinds = await release<Record<string, Build>>(`${name}.mjs`);
  const build = kinds[`build${name[0]?.toUpperCase()}${name.slice(1)}`];
  if (build === undefined) throw new Error(`.ci/release/${name}.mjs builds nothing`);
  return build(standalone ?? (await theStandalone()), folder, { quick: true });
}

/** Two builds of the same sources are the same bytes. */
export async function expectReproducible(name: Parameters<typeof built>[0], standalone: Standalone): Promise<void> {
  const [one, other] = [temporaryFolder(), temporaryFolder()];
  try {
    const first = await built(name, one.path, standIn(standalone));
    expect(sha256(await built(name, other.path, standIn(standalone)))).toBe(sha256(first));
  } finally {
    one.remove();
    other.remove();
  }
}

export function temporaryFolder(): { readonly path: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), "sts-broker-package-"));
  return { path: folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** Files below a folder, by their path in it, without what a package manager notes for itself. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((file) => !file.startsWith("var/lib/"))
    .sort();
}

/** Runs a program of the machine in an empty home, which goes with what it leaves there. @throws with what it said, unless it succeeds */
export async function succeed(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const home = temporaryFolder();
  const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  const result = await runProgram(
    argv,
    { PATH, LANG: "C.UTF-8", HOME: home.path, ...env },
    // lintian reads a hundred megabytes, and needs a minute for it on a busy machine.
    { cwd: "/", deadlineMs: 170_000 },
  ).finally(home.remove);
  if (result.status === 0) return result.stdout;
  throw new Error(`${argv.join(" ")}: ${result.status ?? result.signal}\n${result.stdout}${result.stderr}`);
}
