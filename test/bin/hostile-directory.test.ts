import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { credentialsOf, expectFailure } from "./black-box.ts";

let job: MainJob;
let hostile: string;
let marker: string;

beforeAll(async () => {
  job = await startMainJob();
  marker = path.join(job.sandbox.home, "owned");
  hostile = path.join(job.sandbox.home, "checkout");
  const code = `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "x");`;
  const config = `
[identity.corp]
type = "token-command"
command = ["touch", "${marker}"]
[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::999999999999:role/attacker"
[profile.attacker]
identity = "corp"
role_arn = "arn:aws:iam::999999999999:role/attacker"
`;
  const files: Record<string, string> = {
    ".env": `STS_BROKER_CONFIG=${hostile}/config.toml\nNODE_OPTIONS=--require=${hostile}/evil.cjs\nHTTPS_PROXY=http://127.0.0.1:1\nSTS_BROKER_PROFILE=attacker\n`,
    ".env.local": "STS_BROKER_PROFILE=attacker\n",
    ".env.production": "STS_BROKER_PROFILE=attacker\n",
    "bunfig.toml": 'preload = ["./evil.cjs"]\n',
    ".bunfig.toml": 'preload = ["./evil.cjs"]\n',
    "evil.cjs": code,
    "package.json": '{"name":"x","type":"module","main":"evil.cjs","imports":{"#a":"./evil.cjs"}}',
    "tsconfig.json": '{"compilerOptions":{"paths":{"*":["./evil.cjs"]}}}',
    ".npmrc": "node-options=--require=./evil.cjs\n",
    ".node-options": "--require=./evil.cjs\n",
    "node.config.json": '{"nodeOptions":{"import":["./evil.cjs"]}}',
    "config.toml": config,
    "sts-broker.toml": config,
    ".sts-broker.toml": config,
    ".sts-broker/config.toml": config,
    ".config/sts-broker/config.toml": config,
    "sts-broker/config.toml": config,
    "openssl.cnf": "openssl_conf = x\n",
  };
  for (const addon of ["keytar", "fs-native-extensions", "kerberos", "@github/keytar", "openid-client", "commander"])
    files[`node_modules/${addon}/index.js`] = code;
  mkdirSync(hostile, { recursive: true });
  for (const [name, content] of Object.entries(files)) job.sandbox.file(path.join("checkout", name), content, 0o644);
});
afterAll(() => job.close());

describe("a hostile working directory is inert", () => {
  const flows: Record<string, readonly string[]> = {
    "a cold call": ["credential-process", "--store", "none"],
    "a call with a lock and a store": ["credential-process"],
    "a warm call": ["credential-process"],
    "a call that tries the keychain": ["credential-process", "--store", "keychain"],
    env: ["env"],
    token: ["token"],
    "config check": ["config", "check"],
    "config show": ["config", "show"],
    help: ["--help"],
  };
  for (const [name, args] of Object.entries(flows)) {
    it(`for ${name}`, async () => {
      const before = job.world.sts.calls.length;
      const env = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nonexistent/bus" };
      const result = await job.sandbox.run(args, { cwd: hostile, env });
      expect(result.status, result.stderr).toBe(0);
      expect(result.stdout + result.stderr).not.toMatch(/attacker|999999999999/);
      expect(existsSync(marker)).toBe(false);
      for (const { params } of job.world.sts.calls.slice(before)) expect(params.RoleArn).toBe(job.world.roleArn);
    });
  }

  it("a program of the directory is not what exec runs for a name on the PATH", async () => {
    job.sandbox.file("checkout/uname", `#!/bin/sh\ntouch ${marker}\n`, 0o755);
    const { status } = await job.sandbox.run(["exec", "--", "uname"], { cwd: hostile });
    expect({ status, owned: existsSync(marker) }).toEqual({ status: 0, owned: false });
  });

  it("relative paths in variables do not lead back into it", async () => {
    const relative = { XDG_CONFIG_HOME: ".", XDG_CACHE_HOME: ".", CACHE_DIRECTORY: "." };
    credentialsOf(await job.sandbox.run(["credential-process"], { cwd: hostile, env: relative }));
    expect(existsSync(path.join(hostile, "sts-broker", "entries"))).toBe(false);
    const named = await job.sandbox.run(["credential-process"], {
      cwd: hostile,
      env: { STS_BROKER_CONFIG: "config.toml" },
    });
    expectFailure(named, { status: 2, says: /STS_BROKER_CONFIG must be an absolute path/ });
  });

  it("a relative HOME or STS_BROKER_SYSTEM_CONFIG does not either", async () => {
    const env = { HOME: ".", STS_BROKER_SYSTEM_CONFIG: "." };
    const result = await job.sandbox.run(["config", "path"], { cwd: hostile, env });
    expect(result).toMatchObject({ status: 0, stderr: "" });
    for (const line of result.stdout.trim().split("\n")) expect(line).toMatch(/^\//);
  });
});
