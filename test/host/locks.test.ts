import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { loadFileLocks } from "../../src/host/file-locks.ts";
import { realLocks } from "../../src/host/locks.ts";

const project = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const root = mkdtempSync(path.join(tmpdir(), "sts-broker-locks-"));
// Inside the project, so that the addon is found.
const bundle = mkdtempSync(path.join(project, "node_modules", ".locks-"));
const children: ChildProcess[] = [];
let count = 0;

beforeAll(async () => {
  const entry = path.join(bundle, "child.ts");
  writeFileSync(
    entry,
    `import { loadFileLocks } from ${JSON.stringify(path.join(project, "src/host/file-locks.ts"))};
     import { realLocks } from ${JSON.stringify(path.join(project, "src/host/locks.ts"))};
     const [file = "", kind = ""] = process.argv.slice(2);
     const locks = realLocks(kind === "addon" ? loadFileLocks : async () => { throw new Error("musl") });
     const lock = await locks.tryAcquire(file);
     console.log(lock === undefined ? "taken" : "held");
     process.stdin.on("data", () => { lock?.release(); console.log("released"); });
     if (lock === undefined) process.exit(0);
     setInterval(() => {}, 1000);`,
  );
  await build({
    entryPoints: [entry],
    outfile: path.join(bundle, "child.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    external: ["fs-native-extensions"],
    logLevel: "error",
  });
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => {
  for (const directory of [root, bundle]) rmSync(directory, { recursive: true, force: true });
});

async function start(file: string, kind: string): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [path.join(bundle, "child.mjs"), file, kind], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  const [chunk] = (await once(child.stdout as NodeJS.ReadableStream, "data")) as [Buffer];
  return { child, said: String(chunk).trim() };
}

describe.each([
  ["addon", "file lock"],
  ["fallback", "abstract socket (fs-native-extensions is not available)"],
])("a lock by %s", (kind, name) => {
  const here = () => realLocks(kind === "addon" ? loadFileLocks : () => Promise.reject(new Error("musl")));
  const fresh = (): string => path.join(root, `${++count}`.padStart(64, "a"));

  it("is held by one process, freed by release, and named", async () => {
    const file = fresh();
    const { child, said } = await start(file, kind);
    expect(said).toBe("held");
    const locks = here();
    expect(await locks.tryAcquire(file)).toBeUndefined();
    expect((await start(file, kind)).said).toBe("taken");
    child.stdin?.write("x");
    await once(child.stdout as NodeJS.ReadableStream, "data");
    const lock = await locks.tryAcquire(file);
    expect(lock).toBeDefined();
    expect((await start(file, kind)).said).toBe("taken");
    lock?.release();
    expect(locks.kind()).toBe(name);
  });

  it("goes with its holder, SIGKILL included", async () => {
    const file = fresh();
    const { child } = await start(file, kind);
    child.kill("SIGKILL");
    await once(child, "exit");
    const lock = await here().tryAcquire(file);
    expect(lock).toBeDefined();
    lock?.release();
  });

  it("is one a name", async () => {
    const locks = here();
    const [one, other] = [await locks.tryAcquire(fresh()), await locks.tryAcquire(fresh())];
    expect([one, other].every((lock) => lock !== undefined)).toBe(true);
    one?.release();
    other?.release();
  });
});

describe("a lock that cannot be had", () => {
  it("throws where the directory is missing", async () => {
    await expect(realLocks(loadFileLocks).tryAcquire("/no/such/lock")).rejects.toThrow(/ENOENT/);
  });

  // libuv has no name for ENOLCK, so the addon reports a number.
  it.each(["ENOTSUP", "EOPNOTSUPP", "Unknown system error -37"])(
    "falls back where the file system has no locks (%s), and says why",
    async (code) => {
      const unsupported = () => {
        throw Object.assign(new Error("no locks here"), { code });
      };
      const locks = realLocks(async () => unsupported);
      const lock = await locks.tryAcquire(path.join(root, "unsupported"));
      expect([lock !== undefined, locks.kind()]).toEqual([true, "abstract socket (the file system has no locks)"]);
      lock?.release();
    },
  );

  it("falls back where the lock file is no file, and leaves alone what a symbolic link points to", async () => {
    const target = path.join(root, "target");
    writeFileSync(target, "mine", { mode: 0o644 });
    const plants: Record<string, (file: string) => void> = {
      link: (file) => symlinkSync(target, file),
      dangling: (file) => symlinkSync(`${target}-none`, file),
      directory: (file) => mkdirSync(file),
      fifo: (file) => execFileSync("mkfifo", [file]),
    };
    for (const [name, plant] of Object.entries(plants)) {
      const file = path.join(root, name);
      plant(file);
      const locks = realLocks(loadFileLocks);
      const lock = await locks.tryAcquire(file);
      expect([lock !== undefined, locks.kind()]).toEqual([
        true,
        expect.stringMatching(/lock file is not ours to lock: E/),
      ]);
      expect((await start(file, "addon")).said).toBe("taken");
      lock?.release();
    }
    expect([readFileSync(target, "utf8"), statSync(target).mode & 0o777]).toEqual(["mine", 0o644]);
    expect(existsSync(`${target}-none`)).toBe(false);
  });
});
