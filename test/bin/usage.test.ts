import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { makeSandbox, type Sandbox } from "../support/program.ts";
import { expectFailure } from "./black-box.ts";

const sandboxes: Sandbox[] = [];
let sandbox: Sandbox;
beforeEach(() => {
  sandbox = makeSandbox();
  sandboxes.push(sandbox);
});
afterAll(() => {
  for (const one of sandboxes) one.remove();
});

const IDENTITY = `
[identity.corp]
type = "oidc-client-credentials"
issuer = "https://idp.corp.example"
client_id = "billing-batch"
client_secret = { file = "/etc/sts-broker/billing.secret" }
`;

const profile = (name: string): string => `
[profile.${name}]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/${name}"
`;

const COMMANDS_WITH_A_PROFILE = [["credential-process"], ["env"], ["token"], ["config", "show"]];

describe("no configuration at all", () => {
  for (const command of COMMANDS_WITH_A_PROFILE) {
    it(`${command.join(" ")} says where it looked and how to start`, async () => {
      expectFailure(await sandbox.run(command), {
        status: 2,
        says: /there is no configuration \(looked at \S+\/etc\/config\.toml, \S+\/\.config\/sts-broker\/config\.toml\)/,
        hint: /sts-broker config example/,
      });
    });
  }

  it("config check says so too, and config example is a configuration that passes it", async () => {
    expectFailure(await sandbox.run(["config", "check"]), { status: 2, says: /there is no configuration/ });
    const example = await sandbox.run(["config", "example"]);
    expect(example).toMatchObject({ status: 0, stderr: "" });
    sandbox.configure(example.stdout);
    sandbox.file(".config/sts-broker/billing.secret", "x");
    const check = await sandbox.run(["config", "check"]);
    expect(check, check.stderr).toMatchObject({ status: 0, stderr: "" });
    expect(check.stdout).toMatch(/^ok: 1 profile, 1 identity in /);
  });

  it("an empty file is told apart from a missing one", async () => {
    sandbox.configure("");
    expectFailure(await sandbox.run(["credential-process"]), {
      status: 2,
      says: /no \[profile\.…\] in \S+config\.toml/,
      hint: /config example/,
    });
  });

  it("a file that STS_BROKER_CONFIG names has to exist", async () => {
    const env = { STS_BROKER_CONFIG: `${sandbox.home}/missing.toml` };
    expectFailure(await sandbox.run(["credential-process"], { env }), {
      status: 2,
      says: /missing\.toml does not exist/,
    });
  });
});

describe("which profile", () => {
  it("an unknown profile gets a did-you-mean", async () => {
    sandbox.configure(IDENTITY + profile("billing") + profile("audit"));
    expectFailure(await sandbox.run(["credential-process", "--profile", "biling"]), {
      status: 2,
      says: /there is no profile "biling"/,
      hint: /billing/,
    });
    expectFailure(await sandbox.run(["credential-process"], { env: { STS_BROKER_PROFILE: "audti" } }), {
      status: 2,
      says: /STS_BROKER_PROFILE names an unknown profile "audti"/,
      hint: /audit/,
    });
  });

  it("several profiles and no --profile: they are listed", async () => {
    sandbox.configure(IDENTITY + profile("billing") + profile("audit"));
    expectFailure(await sandbox.run(["credential-process"]), {
      status: 2,
      says: /which profile\? there are billing, audit/,
      hint: /--profile billing, or STS_BROKER_PROFILE/,
    });
  });

  it("a profile without an identity of that name is told where it stands", async () => {
    sandbox.configure(profile("billing"));
    expectFailure(await sandbox.run(["credential-process"]), {
      status: 2,
      says: /config\.toml:3:1: there is no \[identity\.corp\]/,
      hint: /add a table \[identity\.corp\]/,
    });
  });
});

describe("the command line", () => {
  it.each([
    [["credental-process"], /unknown command 'credental-process'/, /did you mean credential-process\?/],
    [["config", "chek"], /unknown command 'chek'/, /did you mean check\?/],
    [["credential-process", "--proflie", "x"], /unknown option '--proflie'/, /did you mean --profile\?/],
    [["env", "--format", "bash"], /bash.*is invalid/, /--help/],
    [["credential-process", "billing"], /too many arguments/, /--help/],
    [["credential-process", "--profile"], /argument missing/, /--help/],
    [["config"], /no command was given/, /--help/],
    [[], /no command was given/, /--help/],
  ])("%j is a usage error with a way on", async (args, says, hint) => {
    expectFailure(await sandbox.run(args), { status: 2, says, hint });
  });

  it("control characters of an argument do not reach the terminal", async () => {
    expectFailure(await sandbox.run(["\u001b[31mcredential-process\u0007"]), { status: 2, says: /unknown command/ });
    sandbox.configure(IDENTITY + profile("billing"));
    const profiles = await sandbox.run(["credential-process", "--profile", "\u001b]0;owned\u0007\r\n"]);
    expectFailure(profiles, { status: 2, says: /there is no profile/ });
  });

  it("--version is one line, --help lists every command", async () => {
    for (const flag of ["--version", "-V"]) {
      const version = await sandbox.run([flag]);
      expect(version).toMatchObject({ status: 0, stderr: "" });
      expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    }
    const help = await sandbox.run(["--help"]);
    expect(help).toMatchObject({ status: 0, stderr: "" });
    for (const command of ["credential-process", "env", "exec", "token", "config"])
      expect(help.stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
  });

  it.each([["credential-process"], ["env"], ["exec"], ["token"], ["config"], ["config show"]])(
    "%s --help goes to stdout with exit 0",
    async (command) => {
      const help = await sandbox.run([...command.split(" "), "--help"]);
      expect(help).toMatchObject({ status: 0, stderr: "" });
      expect(help.stdout).toContain(`Usage: sts-broker ${command}`);
    },
  );
});
