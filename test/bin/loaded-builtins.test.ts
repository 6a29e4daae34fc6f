/**
 * What a cached call loads of Node itself beyond what bare Node has loaded, each with its reason: whatever is not in Node's own start-up
 * snapshot costs a tenth of a millisecond or more on every AWS call.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, runProgram } from "../support/program.ts";
import { KEYRING_PROGRAMS, startKeyring } from "../system/servers/keyring.ts";
import { describeSystem } from "../system/servers/requirements.ts";
import { CREDENTIAL_PROCESS, credentialsOf } from "./black-box.ts";

const STREAMS: readonly [pattern: RegExp, reason: string][] = [
  [/^internal\/streams\/|^stream(\/promises)?$/, "node:crypto makes streams of hashes and ciphers, a socket is one"],
  [/^internal\/abort_controller$|^string_decoder$/, "streams load them"],
];
const ALLOWED: readonly [pattern: RegExp, reason: string][] = [
  [/^vm$/, "a script with its compiled code is made by node:vm alone"],
  [/^os$/, "host and user name are part of the default session name, so of the cache key"],
  [/^internal\/crypto\/|^crypto$/, "SHA-256 of the cache key and AES-GCM of the sealed entry"],
  ...STREAMS,
];
const ALLOWED_ON_A_BUS: readonly [pattern: RegExp, reason: string][] = [
  ...ALLOWED,
  [/^net$/, "the session bus is a socket"],
  [/^internal\/(stream_base_commons|net|dtrace|blocklist|socketaddress)$|^diagnostics_channel$/, "node:net loads them"],
  [/^internal\/perf\//, "node:net loads them"],
  [/^internal\/fs\/sync_write_stream$|^timers$|^internal\/timers$/, "node:net loads them"],
];

/** Prints the modules of Node that were loaded, and ends as if it were not there. */
const REPORT = `process.on("exit", () => {
  const names = process.moduleLoadList.filter((one) => one.startsWith("NativeModule "));
  require("node:fs").writeFileSync(process.env.LOADED_MODULES, JSON.stringify(names.map((one) => one.slice(13))));
});`;

const [node = "", ...script] = programUnderTest();
const isScript = script.length > 0;

let job: MainJob;
beforeAll(async () => {
  job = await startMainJob();
});
afterAll(() => job.close());

async function loaded(args: readonly string[], env: Readonly<Record<string, string>>): Promise<string[]> {
  const list = job.sandbox.file("loaded.json", "");
  const report = job.sandbox.file("report.cjs", REPORT);
  const hooked = { ...job.sandbox.env, ...env, LOADED_MODULES: list };
  const result = await runProgram([node, "--require", report, ...args], hooked);
  expect(result).toMatchObject({ status: 0, stderr: "" });
  return JSON.parse(readFileSync(list, "utf8")) as string[];
}

/** Of a call that finds the entry, and the program's compiled code, as the two calls before left them. */
async function beyondBareNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  for (const _ of ["cold", "compiling"]) credentialsOf(await job.sandbox.run(args, { env }));
  const bare = await loaded(["-e", "0"], env);
  return (await loaded([...script, ...args], env)).filter((one) => !bare.includes(one));
}

const unexplained = (names: readonly string[], allowed: typeof ALLOWED): string[] =>
  names.filter((name) => !allowed.some(([pattern]) => pattern.test(name)));

describe.skipIf(!isScript)("of Node itself a cached call loads", () => {
  it("what hashing, opening and naming the user take, from the sealed file", async () => {
    const names = await beyondBareNode(CREDENTIAL_PROCESS);
    expect(names).toContain("crypto");
    expect(unexplained(names, ALLOWED)).toEqual([]);
  });
});

if (isScript)
  describeSystem("of Node itself a cached call loads", KEYRING_PROGRAMS, () => {
    it("a socket besides, from the keychain", async () => {
      const keyring = await startKeyring();
      try {
        const { DBUS_SESSION_BUS_ADDRESS } = keyring.env;
        const names = await beyondBareNode([...CREDENTIAL_PROCESS, "--store", "keychain"], {
          DBUS_SESSION_BUS_ADDRESS,
        });
        expect(names).toContain("net");
        expect(unexplained(names, ALLOWED_ON_A_BUS)).toEqual([]);
      } finally {
        await keyring.stop();
      }
    });
  });
