import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { expectFailure, type ProcessCredentials, warmUp } from "./black-box.ts";

let job: MainJob;
let cached: ProcessCredentials;
beforeAll(async () => {
  job = await startMainJob();
  cached = await warmUp(job);
});
afterAll(() => job.close());

async function output(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await job.sandbox.run([...args, "--profile", "billing"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

describe("env", () => {
  it("is read back by a shell, exported or not", async () => {
    const show =
      'printf "%s|%s|%s|%s" "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN" "$AWS_REGION"';
    const expected = `${cached.AccessKeyId}|${cached.SecretAccessKey}|${cached.SessionToken}|eu-west-1`;
    const [plain, exported, unexported] = [
      await output("env"),
      await output("env", "-f", "env"),
      await output("env", "--format=env-no-export"),
    ];
    expect(plain).toBe(exported);
    expect(execFileSync("sh", ["-c", `eval "$0"; sh -c '${show}'`, exported], { encoding: "utf8" })).toBe(expected);
    expect(execFileSync("sh", ["-c", `eval "$0"; ${show}`, unexported], { encoding: "utf8" })).toBe(expected);
    expect(
      execFileSync("sh", ["-c", `eval "$0"; sh -c '${show}'`, unexported], {
        encoding: "utf8",
        env: { PATH: "/usr/bin:/bin" },
      }),
    ).toBe("|||");
  });

  it.each(["powershell", "windows-cmd", "fish", "dotenv", "systemd"])(
    "in %s holds every value once and nothing else",
    async (format) => {
      const text = await output("env", "--format", format);
      for (const value of [cached.AccessKeyId, cached.SecretAccessKey, cached.SessionToken, "eu-west-1"])
        expect(text.split(value).length).toBeGreaterThan(1);
      expect(text).toMatch(/^([^\n]*AWS_[A-Z_]+[^\n]*\r?\n)+$/);
    },
  );

  it("as process is what credential-process prints, and as json it can be parsed", async () => {
    expect(JSON.parse(await output("env", "--format", "process"))).toMatchObject(cached);
    expect(await output("env", "--format", "json")).toContain(cached.SecretAccessKey);
    expect(() => JSON.parse("")).toThrow();
  });
});

describe("token", () => {
  const claimsOf = (jwt: string) => JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString());

  it("prints the provider's JWT on one line, without STS, and from the cache the second time", async () => {
    const before = job.counts();
    const token = await output("token");
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(claimsOf(token)).toMatchObject({ iss: job.world.op.issuer, sub: "cc-basic", aud: "sts.amazonaws.com" });
    expect(await output("token")).toBe(token);
    expect(job.counts()).toEqual({ token: before.token + 1, sts: before.sts });
  });

  it("prints its claims, as JSON that says what the token says", async () => {
    const token = await output("token");
    expect(JSON.parse(await output("token", "--claims"))).toEqual(claimsOf(token));
  });

  it("is kept by its own expiry, not by that of credentials", async () => {
    const token = await output("token");
    const file = entryFile(job.sandbox.cacheDirectory, "token");
    const { mintedAtMs, expiresAtMs } = ageEntry(file, 150_000, 300_000);
    expect(expiresAtMs - mintedAtMs).toBe(300_000);
    expect(await output("token")).toBe(token);
    ageEntry(file, 70_000, 300_000);
    const renewed = await output("token");
    expect(renewed).not.toBe(token);
    ageEntry(file, -1, 300_000);
    expect(await output("token")).not.toBe(renewed);
  });

  it("is not printed when it is opaque", async () => {
    job.world.op.faults.always("/token", {
      kind: "status",
      status: 200,
      body: '{"access_token":"opaque","token_type":"Bearer"}',
      headers: { "content-type": "application/json" },
    });
    const result = await job.sandbox.run(["token", "--profile", "billing", "--store", "none"]);
    job.world.reset();
    expectFailure(result, { status: 4, says: /is opaque, not a JWT/ });
  });

  it("with control characters in a claim it is refused, and what can move a cursor is written as an escape", async () => {
    job.world.op.token.claims = { note: "a\u001b[31mb\u009b1m\u202e" };
    const result = await job.sandbox.run(["token", "--claims", "--profile", "billing", "--store", "none"]);
    job.world.reset();
    expect(result.status).toBe(0);
    expect(result.stdout).not.toMatch(/[^\n\P{Cc}]|\u202e/u);
    expect(JSON.parse(result.stdout).note).toBe("a\u001b[31mb\u009b1m\u202e");
  });
});

describe("token-file and token-command", () => {
  const configure = (identity: string) =>
    job.sandbox.configure(
      `[identity.corp]\n${identity}\n[profile.billing]\nidentity = "corp"\nrole_arn = "${job.world.roleArn}"\nendpoint_url = "${job.world.sts.url}"\n`,
    );

  it("redeem a JWT from a file, read anew at each renewal", async () => {
    const file = job.sandbox.file("token.jwt", `${await job.world.fetchToken("sts.amazonaws.com")}\n`);
    configure(`type = "token-file"\npath = "${file}"`);
    expect(JSON.parse(await output("credential-process", "--store", "none"))).toMatchObject({ Version: 1 });
    job.sandbox.file("token.jwt", "\u001b[31mnot a token\n");
    const broken = await job.sandbox.run(["credential-process", "--store", "none"]);
    expectFailure(broken, { status: 4, says: /token\.jwt (is|has)/ });
    configure('type = "token-file"\npath = "/nonexistent/token.jwt"');
    const missing = await job.sandbox.run(["credential-process", "--store", "none"]);
    expectFailure(missing, { status: 2, says: /\/nonexistent\/token\.jwt does not exist/, hint: /agent/ });
  });

  it("redeem a JWT that a program prints, and name the program that does not", async () => {
    const file = job.sandbox.file("token.jwt", `${await job.world.fetchToken("sts.amazonaws.com")}\n`);
    configure(`type = "token-command"\ncommand = ["cat", "${file}"]`);
    expect(JSON.parse(await output("credential-process", "--store", "none"))).toMatchObject({ Version: 1 });
    const failures: [string, RegExp, number][] = [
      ['["sh", "-c", "exit 3"]', /sh ended with status 3 instead of printing a token/, 2],
      ['["sh", "-c", "kill -9 $$"]', /sh was ended by SIGKILL instead of printing a token/, 2],
      ['["true"]', /the token that true printed is empty/, 4],
      ['["/nonexistent/agent"]', /\/nonexistent\/agent: command not found/, 2],
      ['["sleep", "30"]\ntimeout_seconds = 1', /sleep did not end within 1 s/, 5],
      ['["yes"]', /yes printed more than 65536 bytes/, 2],
      ['["echo", "opaque-token"]', /the token that echo printed is opaque/, 4],
    ];
    for (const [command, says, status] of failures) {
      configure(`type = "token-command"\ncommand = ${command}`);
      expectFailure(await job.sandbox.run(["credential-process", "--store", "none"]), { status, says });
    }
  });
});
