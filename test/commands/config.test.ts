import { describe, expect, it } from "vitest";
import { GOOD, IDENTITY, PROFILE, SYSTEM, USER } from "../config/helpers.ts";
import { sts } from "./helpers.ts";

const MARKER = "hunter2marker";

describe("config check", () => {
  it("says what it found when all is well", async () => {
    const { status, stdout, stderr } = await sts(["config", "check"], GOOD);
    expect([status, stderr]).toEqual([0, expect.not.stringContaining("sts-broker:")]);
    expect(stdout).toContain(`ok: 1 profile, 1 identity in ${USER}`);
  });

  it("names every problem by file:line:column, and ends with 2", async () => {
    const toml = `stray = 1\n${IDENTITY}scoep = "x"\n${PROFILE}regoin = 1\n`;
    const { status, stdout, stderr } = await sts(["config", "check"], toml);
    expect([status, stdout]).toEqual([2, ""]);
    for (const problem of [
      ':1:1: "stray" means nothing here',
      ':7:1: unknown key "scoep"',
      ':11:1: unknown key "regoin"',
    ])
      expect(stderr).toContain(`${USER}${problem}`);
  });

  it("finds a file missing before the job that needs it does", async () => {
    const toml = GOOD.replace(/^client_id = /m, 'ca_file = "/etc/ssl/nowhere.pem"\nclient_id = ');
    const { status, stderr } = await sts(["config", "check"], toml);
    expect(status).toBe(2);
    expect(stderr).toContain("ca_file: /etc/ssl/nowhere.pem does not exist");
  });

  it("asks for a role where only a SAML assertion could name it", async () => {
    const { status, stderr } = await sts(["config", "check"], GOOD.replace(/^role_arn = .*$/m, ""));
    expect(status).toBe(2);
    expect(stderr).toContain("[profile.billing] has no role_arn");
  });

  it("says how to start where there is no configuration", async () => {
    const { status, stderr } = await sts(["config", "check"], "");
    expect(status).toBe(2);
    expect(stderr).toMatch(/^sts-broker: there is no configuration\n {2}hint: .*sts-broker config example/);
  });

  it("never shows a secret that was written into the file", async () => {
    const bare = IDENTITY.replace(/client_secret = .*/, `client_secret = "${MARKER}"`);
    const odd = IDENTITY.replace("corp", "odd").replace(
      /client_secret = .*/,
      `client_secret = { value = "${MARKER}" }`,
    );
    const { status, stdout, stderr } = await sts(["config", "check"], `${bare}\n${odd}\n${PROFILE}`);
    expect(status).toBe(2);
    expect(stdout + stderr).not.toContain(MARKER);
  });

  it("is about the files, not about the environment of whoever asks", async () => {
    const { status } = await sts(["config", "check"], GOOD, { env: { STS_BROKER_REGION: "nonsense" } });
    expect(status).toBe(0);
  });
});

describe("config show", () => {
  it("shows each value with where it came from", async () => {
    const { status, stdout } = await sts(["config", "show", "--store", "none"], `${GOOD}duration_seconds = 900\n`, {
      env: { STS_BROKER_REGION: "eu-west-1" },
    });
    expect(status).toBe(0);
    const shown = stdout.replace(/ {2,}#/g, " #");
    for (const line of [
      `identity = "corp" # ${USER}:8:1`,
      `duration_seconds = 900 # ${USER}:10:1`,
      'role_session_name = "ana@web1.corp.example" # default',
      'region = "eu-west-1" # environment STS_BROKER_REGION',
      'store = "none" # flag --store',
      `client_secret = { file = "/etc/billing.secret" } # ${USER}:5:1`,
      `# ${USER}`,
    ])
      expect(shown).toContain(line);
  });

  it.each([
    `client_secret = "${MARKER}"`,
    `client_secret = ["${MARKER}"]`,
    `client_secret = { value = "${MARKER}" }`,
    `client_secret = { command = ["pass", "${MARKER}"] }`,
    `client_secret = { command = "${MARKER}" }`,
    `client_secret = { env = "S" }\nparameters = { api_key = "${MARKER}" }`,
    `client_secret = { env = "S" }\nconstructor = "${MARKER}"`,
    `client_secret = { env = "S" }\n__proto__ = "${MARKER}"`,
    `client_secret = { env = "S" }\nclient_secrte = "${MARKER}"`,
  ])("does not show a secret, wherever somebody put it: %s", async (line) => {
    const { stdout, stderr } = await sts(
      ["config", "show"],
      `${IDENTITY.replace(/client_secret = .*/, line)}\n${PROFILE}`,
    );
    expect(stdout + stderr).toContain("[identity.corp]");
    expect(stdout + stderr).not.toContain(MARKER);
  });

  it("shows an identity of an unknown type without its values", async () => {
    const toml = `[identity.corp]\ntype = "kerberos"\npassword = "${MARKER}"\n${PROFILE}`;
    const { status, stdout, stderr } = await sts(["config", "show"], toml);
    expect(status).toBe(2);
    expect(stdout + stderr).not.toContain(MARKER);
  });

  it("shows no control character", async () => {
    const { stdout } = await sts(["config", "show"], `${IDENTITY}scope = "\\u001b[31m"\n${PROFILE}`);
    expect(stdout).not.toContain("\u001b");
  });
});

describe("config path", () => {
  it("lists the files in the order they are read, and which do not exist", async () => {
    expect(await sts(["config", "path"])).toMatchObject({ status: 0, stdout: `${SYSTEM} (does not exist)\n${USER}\n` });
  });
});

describe("config example", () => {
  it("is a configuration that passes the check", async () => {
    const { status, stdout } = await sts(["config", "example"], "");
    expect(status).toBe(0);
    expect(await sts(["config", "check"], stdout)).toMatchObject({ status: 0, stderr: "" });
  });
});

describe("the program", () => {
  it.each([
    [[], 2],
    [["nonsense"], 2],
    [["credential-process", "--profile", "nobody"], 2],
  ])("%j ends with %i, one line and a hint on stderr, and nothing on stdout", async (argv, status) => {
    const ran = await sts(argv);
    expect([ran.status, ran.stdout]).toEqual([status, ""]);
    expect(ran.stderr).toMatch(/^sts-broker: [^\n]+\n {2}hint: [^\n]+\n$/);
  });

  it("refuses to run with certificate checks off", async () => {
    const { status, stderr } = await sts(["credential-process"], GOOD, { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining("NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off"),
    ]);
  });

  it("does not run inside itself", async () => {
    const { status, stderr } = await sts(["exec", "--", "true"], GOOD, { env: { STS_BROKER_EXEC: "billing" } });
    expect([status, stderr]).toEqual([125, expect.stringContaining("already runs inside sts-broker exec")]);
  });
});
