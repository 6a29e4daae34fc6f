import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RESOLVER_CHILD } from "../../src/host/resolver/child-argument.ts";
import { killableResolve } from "../../src/host/resolver/resolve.ts";
import { programUnderTest } from "../support/program.ts";

const CHILD = [...programUnderTest(), RESOLVER_CHILD];
const NOWHERE = "/nonexistent/program";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "sts-broker-resolve-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program in getent's place. */
function script(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

describe("a host name", () => {
  it("that is an address needs nobody", async () => {
    const resolve = killableResolve({}, [NOWHERE], NOWHERE);
    expect(await resolve("192.0.2.7")).toEqual([{ address: "192.0.2.7", family: 4 }]);
    expect(await resolve("2001:db8::7")).toEqual([{ address: "2001:db8::7", family: 6 }]);
  });

  it("has the addresses that getent says, each once and in its order", async () => {
    const lines = ["2001:db8::7 STREAM host", "2001:db8::7 DGRAM", "192.0.2.7 STREAM", "192.0.2.7 RAW"];
    const getent = script("getent", `echo "$1 $2" >&2\nprintf '%s\\n' ${lines.map((line) => `'${line}'`).join(" ")}`);
    expect(await killableResolve({}, [NOWHERE], getent)("host.corp.example")).toEqual([
      { address: "2001:db8::7", family: 6 },
      { address: "192.0.2.7", family: 4 },
    ]);
  });

  it("is asked for without our environment, except for what resolving needs", async () => {
    const file = path.join(folder, "environment");
    const getent = script("getent-env", `env > '${file}'\necho 192.0.2.7 STREAM x`);
    const env = { PATH: process.env.PATH, AWS_SECRET_ACCESS_KEY: "canary", RES_OPTIONS: "timeout:1" };
    await killableResolve(env, [NOWHERE], getent)("host.corp.example");
    const seen = readFileSync(file, "utf8");
    expect(seen).toContain("RES_OPTIONS=timeout:1");
    expect(seen).not.toContain("canary");
  });

  for (const [name, getent] of [
    ["is not there", () => NOWHERE],
    ["says something else", () => script("getent-odd", "echo usage: getent database; exit 0")],
    ["fails", () => script("getent-fails", "exit 1")],
  ] as const) {
    it(`goes to a child of our own where getent ${name}`, async () => {
      const addresses = await killableResolve({ PATH: process.env.PATH }, CHILD, getent())("localhost");
      expect(addresses).toContainEqual({ address: "127.0.0.1", family: 4 });
    });
  }

  it("that nobody knows says why, as getaddrinfo does", async () => {
    const resolve = killableResolve({ PATH: process.env.PATH }, CHILD, NOWHERE);
    await expect(resolve("no-such-host.invalid")).rejects.toMatchObject({
      code: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
      syscall: "getaddrinfo",
      hostname: "no-such-host.invalid",
    });
  });

  it("that begins with a dash is no option of getent", async () => {
    const getent = script("getent-never", `touch '${folder}/asked'; echo 192.0.2.7 STREAM x`);
    const resolve = killableResolve({ PATH: process.env.PATH }, [NOWHERE], getent);
    await expect(resolve("--service=x.invalid")).rejects.toMatchObject({ syscall: "getaddrinfo" });
    expect(existsSync(`${folder}/asked`)).toBe(false);
  });

  it("is resolved in this process where no child may be started", async () => {
    expect(await killableResolve({}, [NOWHERE], NOWHERE)("localhost")).toContainEqual({
      address: "127.0.0.1",
      family: 4,
    });
  });
});
