import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ageEntry, entryFile } from "../support/cache-entry.ts";
import type { Fault } from "../support/faults.ts";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import { programUnderTest, type RunResult, runProgram } from "../support/program.ts";
import { KEYRING_PROGRAMS, type Keyring, startKeyring } from "../system/servers/keyring.ts";
import { describeSystem } from "../system/servers/requirements.ts";
import { CREDENTIAL_PROCESS, type ProcessCredentials } from "./black-box.ts";

/** With the characters that Basic and forms encode, so that an encoded copy is another text. */
const SECRET = "canary+client/secret=with%odd:characters&0123456789";
const WRONG = "canary-wrong-secret-0123456789";
const OPAQUE = "canary-opaque-access-token-0123456789";
const BASIC = Buffer.from(`cc-basic:${encodeURIComponent(SECRET)}`).toString("base64");

let job: MainJob;
const secrets = new Set<string>();

beforeAll(async () => {
  job = await startMainJob({ op: { clientSecret: SECRET } });
});
beforeEach(() => {
  rmSync(path.join(job.sandbox.home, ".cache"), { recursive: true, force: true });
  rmSync(debugFile(), { force: true });
  rmSync(auditFile(), { force: true });
  job.world.reset();
  job.configure({ after: audited() });
  job.sandbox.file("billing.secret", `${SECRET}\n`);
  for (const one of [SECRET, encodeURIComponent(SECRET), BASIC, WRONG, OPAQUE]) secrets.add(one);
});
afterAll(() => job.close());

const auditFile = () => path.join(job.sandbox.home, "audit.log");
const audited = () => `[audit]\nfile = "${auditFile()}"\n`;
const debugFile = () => path.join(job.sandbox.home, "debug.log");

/** Whatever looks like a secret of this world: the canaries, and every token and credential that was seen on the way. */
function expectNoSecret(text: string, where: string): void {
  for (const secret of secrets) expect(text.includes(secret), `${where} holds a secret: ${text}`).toBe(false);
  expect(text, where).not.toMatch(/eyJ[\w-]{20,}/);
  expect(text, where).not.toMatch(/[^\n\P{Cc}]/u);
}

function remember(stdout: string): void {
  for (const [value] of stdout.matchAll(/[\w+/=.-]{30,}/g)) if (!value.startsWith("arn:")) secrets.add(value);
}

/** The same run with debugging on stderr and in a file; neither may hold a secret, and no file in the cache an unsealed one. */
async function debugged(args: readonly string[], env: Record<string, string> = {}): Promise<RunResult> {
  const loud = await job.sandbox.run(args, { env: { STS_BROKER_DEBUG: "1", ...env } });
  const filed = await job.sandbox.run(args, { env: { STS_BROKER_DEBUG: debugFile(), ...env } });
  if (args[0] !== "config") for (const { stdout } of [loud, filed]) remember(stdout);
  expect(loud.stderr).not.toBe("");
  for (const { stderr } of [loud, filed]) expectNoSecret(stderr, "stderr");
  expectNoSecret(readFileSync(debugFile(), "utf8"), "the debug file");
  for (const file of cacheFiles()) expectNoUnsealed(file);
  if (existsSync(auditFile())) expectNoSecret(readFileSync(auditFile(), "utf8"), "the audit record");
  return loud;
}

function cacheFiles(): string[] {
  const { cacheDirectory } = job.sandbox;
  return readdirSync(cacheDirectory, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .map((file) => path.join(file.parentPath, file.name));
}

function expectNoUnsealed(file: string): void {
  const text = readFileSync(file, "latin1");
  for (const secret of secrets) expect(text.includes(secret), file).toBe(false);
}

const json = (body: unknown, status = 200): Fault => ({
  kind: "status",
  status,
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});

describe("canaries: no secret leaves by stderr, by the debug file, by the audit record or unsealed", () => {
  const flows: readonly (readonly string[])[] = [
    CREDENTIAL_PROCESS,
    ["env"],
    ["env", "--format", "json"],
    ["token"],
    ["token", "--claims"],
    ["exec", "--", "true"],
  ];
  for (const args of flows) {
    it(`${args.join(" ")}, cold and warm`, async () => {
      expect((await debugged(args)).status).toBe(0);
      expect((await debugged(args)).status).toBe(0);
    });
  }

  it("config show and config check say where the secret is, not what it is", async () => {
    job.configure({ identity: `parameters = { api_key = "${OPAQUE}" }` });
    const shown = await job.sandbox.run(["config", "show"]);
    expect(shown.stdout).toMatch(/client_secret = \{ file = "/);
    for (const command of ["show", "check"]) {
      const { stdout, stderr, status } = await job.sandbox.run(["config", command, "--debug"]);
      expect(status).toBe(0);
      expectNoSecret(stdout + stderr, `config ${command}`);
    }
  });

  const failures: Record<string, () => unknown> = {
    "a wrong secret": () => job.sandbox.file("billing.secret", `${WRONG}\n`),
    "an opaque token": () => job.world.op.faults.always("/token", json({ access_token: OPAQUE, token_type: "Bearer" })),
    "a token in an answer that is none": () => job.world.op.faults.always("/token", json({ access_token: OPAQUE })),
    "a token in an answer of another type": () =>
      job.world.op.faults.always("/token", { kind: "status", status: 200, body: OPAQUE }),
    "a token in a broken answer": () =>
      job.world.op.faults.always("/token", { ...json({}), body: `{"access_token":"${OPAQUE}` } as Fault),
    "a token in an error's place": () =>
      job.world.op.faults.always("/token", json({ error: { access_token: OPAQUE } }, 400)),
    "a damaged JWT": () =>
      job.world.op.faults.always(
        "/token",
        json({ access_token: `eyJhbGciOiJSUzI1NiJ9.${OPAQUE}.x`, token_type: "Bearer" }),
      ),
    "a refused token": () => job.world.trust(),
    "a token taken for expired": () => job.world.sts.respond("ExpiredTokenException", "Token expired"),
    "a reset connection": () => job.world.op.faults.always("/token", { kind: "reset" }),
    "STS with a web page": () => job.world.sts.html(),
    "STS that throttles": () => job.world.sts.status(500),
  };
  for (const [name, breakIt] of Object.entries(failures)) {
    it(`${name}, with nothing cached and with an entry to be renewed`, async () => {
      breakIt();
      const cold = await debugged(CREDENTIAL_PROCESS);
      expect(cold).toMatchObject({ stdout: "" });
      rmSync(path.join(job.sandbox.cacheDirectory, "failures"), { recursive: true, force: true });
      job.world.reset();
      job.sandbox.file("billing.secret", `${SECRET}\n`);
      await debugged(CREDENTIAL_PROCESS);
      ageEntry(entryFile(job.sandbox.cacheDirectory), 600_000);
      breakIt();
      const early = await debugged(CREDENTIAL_PROCESS);
      expect(early.status).toBe(0);
      expect(readFileSync(auditFile(), "utf8")).toMatch(/"outcome":"ok".*"outcome":"(?!ok)/s);
    });
  }
});

/** Every program that was started: path, argv and environment as strace writes them, ourselves left out. */
async function tracedChildren(args: readonly string[], env: Record<string, string>) {
  const log = path.join(job.sandbox.home, "strace.log");
  const strace = ["strace", "-f", "-qq", "-v", "-s", "65536", "-e", "trace=execve", "-o", log];
  const result = await runProgram([...strace, ...programUnderTest(), ...args], job.sandbox.env, { env });
  const started = readFileSync(log, "utf8")
    .split("\n")
    .filter((line) => /execve\(.*\) = 0$/.test(line));
  rmSync(log);
  return { result, children: started.slice(1) };
}

function expectScrubbed(children: readonly string[], program: RegExp): void {
  expect(children.filter((line) => program.test(line))).not.toEqual([]);
  for (const line of children) {
    for (const secret of secrets) expect(line.includes(secret), line).toBe(false);
    expect(line).not.toMatch(/eyJ[\w-]{20,}|AWS_|MY_OWN_PASSWORD|LD_PRELOAD|NODE_OPTIONS/);
  }
}

const OURS = {
  MY_OWN_PASSWORD: SECRET,
  AWS_SECRET_ACCESS_KEY: SECRET,
  NODE_OPTIONS: "--no-warnings",
  STS_BROKER_STORE: "file",
  PASSED: "on-purpose",
};

function configured(identity: string): void {
  const { op, sts } = job.world;
  job.sandbox.configure(`
[identity.corp]
${identity.replaceAll("ISSUER", op.issuer)}
[profile.billing]
identity = "corp"
role_arn = "${job.world.roleArn}"
endpoint_url = "${sts.url}"
`);
}

describeSystem("no secret in the argv or the environment of a child (strace)", ["strace"], () => {
  it("of a { command } that fetches the secret", async () => {
    const file = job.sandbox.file("billing.secret", `${SECRET}\n`);
    configured(`
type = "oidc-client-credentials"
issuer = "ISSUER"
client_id = "cc-basic"
client_secret = { command = ["cat", "${file}"], pass_env = ["PASSED"] }
audience = "sts.amazonaws.com"`);
    const { result, children } = await tracedChildren(CREDENTIAL_PROCESS, OURS);
    expect(result, result.stderr).toMatchObject({ status: 0, stderr: "" });
    remember(result.stdout);
    expectScrubbed(children, /\/cat", \["cat", "[^"]+billing\.secret"\]/);
    expect(children.join("\n")).toContain("PASSED=on-purpose");
  });

  it("of a token-command", async () => {
    const token = await job.world.fetchToken("sts.amazonaws.com");
    secrets.add(token);
    const file = job.sandbox.file("token.jwt", token);
    configured(`type = "token-command"\ncommand = ["cat", "${file}"]`);
    const { result, children } = await tracedChildren(CREDENTIAL_PROCESS, OURS);
    expect(result, result.stderr).toMatchObject({ status: 0, stderr: "" });
    expectScrubbed(children, /\/cat", \["cat", "[^"]+token\.jwt"\]/);
  });

  it("of exec, before the command itself: its argv holds none, and nobody else is started", async () => {
    const { result, children } = await tracedChildren(["exec", "--", "true"], OURS);
    expect(result.status).toBe(0);
    expect(children).toHaveLength(1);
    const [, argv = ""] = /^\d+ +execve\("[^"]+", (\[.*?\]), \[/.exec(children[0] ?? "") ?? [];
    expect(argv).toBe('["true"]');
  });

  it("of a plain call there is no child at all", async () => {
    const { result, children } = await tracedChildren(CREDENTIAL_PROCESS, {});
    expect({ status: result.status, children }).toEqual({ status: 0, children: [] });
  });
});

describeSystem(
  "no secret in the argv or the environment of the keychain's child",
  ["strace", ...KEYRING_PROGRAMS],
  () => {
    let keyring: Keyring;
    beforeAll(async () => {
      keyring = await startKeyring();
    });
    afterAll(() => keyring?.stop());

    it("when it keeps and reads credentials", async () => {
      const { DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR } = keyring.env;
      const env = { ...OURS, STS_BROKER_STORE: "keychain", DBUS_SESSION_BUS_ADDRESS, XDG_RUNTIME_DIR };
      const cold = await tracedChildren(CREDENTIAL_PROCESS, env);
      expect(cold.result, cold.result.stderr).toMatchObject({ status: 0, stderr: "" });
      remember(cold.result.stdout);
      const { AccessKeyId } = JSON.parse(cold.result.stdout) as ProcessCredentials;
      const warm = await tracedChildren(CREDENTIAL_PROCESS, env);
      expect(warm.result.stdout).toContain(AccessKeyId);
      expectScrubbed([...cold.children, ...warm.children], /keychain/);
    });
  },
);
