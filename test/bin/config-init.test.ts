/** From nothing to a working profile, without a person: the built program, a real OpenID provider and a simulated STS. */
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MainJob, startMainJob } from "../support/main-job.ts";
import {
  makeSandbox,
  programUnderTest,
  type RunOptions,
  type RunResult,
  runProgram,
  type Sandbox,
} from "../support/program.ts";
import { credentialsOf, expectFailure } from "./black-box.ts";

let job: MainJob;
let sandbox: Sandbox;
let options: string[];

beforeAll(async () => {
  job = await startMainJob();
});
afterAll(() => job?.close());
beforeEach(() => {
  job.world.reset();
  sandbox = makeSandbox();
  const { clientId, clientSecret } = job.world.op.clients.secretBasic;
  const secret = sandbox.file("billing.secret", `${clientSecret}\n`);
  options = [
    ...["--issuer", job.world.op.issuer, "--type", "oidc-client-credentials", "--client-id", clientId],
    ...["--secret-from", `file:${secret}`, "--audience", "sts.amazonaws.com"],
    ...["--role-arn", job.world.roleArn, "--region", "eu-west-1"],
  ];
  return () => sandbox.remove();
});

const init = (args: readonly string[], more?: RunOptions): Promise<RunResult> =>
  sandbox.run(["config", "init", ...args], more);
const config = (): string => path.join(sandbox.home, ".config/sts-broker/config.toml");
const awsConfig = (): string => path.join(sandbox.home, ".aws/config");
const text = (file: string): string => readFileSync(file, "utf8");

/** Every file below the home but the cache, with its content. */
async function everything(): Promise<string> {
  const script = `find "$HOME" -name .cache -prune -o -type f -print -exec cat {} \\; -o -type l -print`;
  return (await runProgram(["/bin/sh", "-c", script], sandbox.env)).stdout;
}

describe("config init, without a person", () => {
  it("sets up a profile that works, and says what has to exist at AWS", async () => {
    const result = await init([...options, "--yes"]);
    expect(result.status, result.stderr).toBe(0);
    expect(text(config())).toBe(`[identity.billing]
type = "oidc-client-credentials"
issuer = "${job.world.op.issuer}"
client_id = "cc-basic"
audience = "sts.amazonaws.com"
client_secret = { file = "${sandbox.home}/billing.secret" }

[profile.billing]
identity = "billing"
role_arn = "${job.world.roleArn}"
region = "eu-west-1"
`);
    expect(text(awsConfig())).toBe(`# >>> sts-broker >>>
# kept by \`sts-broker config init\`
[profile billing]
region = eu-west-1
credential_process = sts-broker credential-process --profile billing
# <<< sts-broker <<<
`);
    for (const file of [config(), awsConfig()]) expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(result.stdout).toContain("+[identity.billing]");
    expect(result.stdout).toContain("aws iam create-open-id-connect-provider");
    expect(result.stdout).toContain(`"${job.world.issuerName}:sub"`);
    expect(result.stdout + result.stderr).not.toContain(job.world.op.clients.secretBasic.clientSecret);
    const env = { AWS_ENDPOINT_URL_STS: job.world.sts.url, STS_BROKER_STORE: "file" };
    credentialsOf(await sandbox.run(["credential-process", "--profile", "billing"], { env }));
  });

  it("changes nothing the second time", async () => {
    await init([...options, "--yes"]);
    const before = await everything();
    const { status, stdout } = await init([...options, "--yes"]);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^# nothing to change in /)]);
    expect(await everything()).toBe(before);
  });

  it("adds a second profile beside the first, and leaves all the rest of both files as it was", async () => {
    const mine = "# mine, do not touch\r\n[profile other]\r\noutput=json   \r\n  s3 =\r\n    max = 4\r\n";
    const toml =
      '# a comment\n[profile.old]\nidentity = "elsewhere"   # and another\n[identity.elsewhere]\ntype = "token-file"\npath = "/tmp/x"\n';
    sandbox.file(".aws/config", mine, 0o640);
    sandbox.configure(toml);
    await init([...options, "--yes"]);
    const second = await init([...options, "--profile", "billing-2", "--yes"]);
    expect(second.status, second.stderr).toBe(0);
    expect(text(config()).startsWith(toml)).toBe(true);
    expect(text(awsConfig())).toBe(
      `${mine}${[
        "",
        "# >>> sts-broker >>>",
        "# kept by `sts-broker config init`",
        ...["billing", "billing-2"].flatMap((name) => [
          `[profile ${name}]`,
          "region = eu-west-1",
          `credential_process = sts-broker credential-process --profile ${name}`,
        ]),
        "# <<< sts-broker <<<",
        "",
      ].join("\r\n")}`,
    );
    expect(statSync(awsConfig()).mode & 0o777).toBe(0o640);
    expect((await sandbox.run(["config", "profiles"])).stdout).toBe("old\nbilling\nbilling-2\n");
  });

  it("shows the changes and writes nothing in a dry run", async () => {
    sandbox.file(".aws/config", "[default]\naws_secret_access_key = canary-of-somebody\nregion = x\n");
    const before = await everything();
    const { status, stdout } = await init([...options, "--yes", "--dry-run"]);
    expect(status).toBe(0);
    expect(stdout).toContain(`+++ ${config()}`);
    expect(stdout).toContain("+credential_process = sts-broker credential-process --profile billing");
    expect(stdout).not.toContain("canary-of-somebody");
    expect(await everything()).toBe(before);
    expect(existsSync(path.join(sandbox.home, ".config"))).toBe(false);
  });

  it("follows a symbolic link to the file of somebody's dotfiles, and says so", async () => {
    mkdirSync(path.join(sandbox.home, "dotfiles"));
    const target = sandbox.file("dotfiles/aws-config", "[default]\nregion = x\n", 0o644);
    mkdirSync(path.join(sandbox.home, ".aws"));
    symlinkSync("../dotfiles/aws-config", awsConfig());
    const { status, stdout } = await init([...options, "--yes"]);
    expect([status, stdout]).toEqual([0, expect.stringContaining(`# ${awsConfig()} leads to ${target}`)]);
    expect(lstatSync(awsConfig()).isSymbolicLink()).toBe(true);
    expect(text(target)).toMatch(/^\[default\]\nregion = x\n\n# >>> sts-broker >>>\n/);
    expect(statSync(target).mode & 0o777).toBe(0o644);
  });

  it("uses the file that AWS_CONFIG_FILE names", async () => {
    const env = { AWS_CONFIG_FILE: path.join(sandbox.home, "elsewhere") };
    expect((await init([...options, "--yes"], { env })).status).toBe(0);
    expect(text(env.AWS_CONFIG_FILE)).toContain("[profile billing]");
    expect(existsSync(awsConfig())).toBe(false);
  });

  it("still sets it up when the provider does not give a token yet", async () => {
    sandbox.file("billing.secret", "wrong\n");
    const { status, stdout, stderr } = await init([...options, "--yes"]);
    expect([status, stderr]).toEqual([0, expect.stringContaining("cannot be said yet")]);
    expect(stdout).toContain("sts-broker trust-policy --profile billing --format aws-cli");
    expect(stderr).not.toContain("wrong");
  });

  it.each(["issuer", "type", "client-id", "secret-from", "role-arn"])("names --%s when it is missing", async (name) => {
    const at = options.indexOf(`--${name}`);
    const args = options.filter((_, index) => index !== at && index !== at + 1);
    const before = await everything();
    expectFailure(await init([...args, "--yes"]), { status: 2, says: new RegExp(`--${name} is missing`) });
    expect(await everything()).toBe(before);
  });

  it.each([
    ["plain http", ["--issuer", "http://idp.corp.example"], 2, /https/],
    ["nobody there", ["--issuer", "http://127.0.0.1:1"], 5, /127\.0\.0\.1/],
    ["an unknown type", ["--type", "oidc-clientcredentials"], 2, /is not one that config init sets up/],
    ["a SAML type at a provider without SAML", ["--type", "saml-kerberos"], 5, /no SAML metadata/],
    ["a role that is none", ["--role-arn", "billing"], 2, /--role-arn "billing" is not like/],
    ["a region of another partition", ["--region", "cn-north-1"], 2, /partition/],
    ["a secret that stands there itself", ["--secret-from", "canary-of-a-secret"], 2, /must be file:/],
    ["a secret's file that is not there", ["--secret-from", "file:/nowhere/x"], 2, /\/nowhere\/x does not exist/],
    ["a profile name that needs quotes", ["--profile", "a b"], 2, /--profile "a b" has to be/],
  ] as const)("refuses %s in one line, and writes nothing", async (_, args, status, says) => {
    const at = options.indexOf(args[0]);
    const others = at < 0 ? options : options.filter((_, index) => index !== at && index !== at + 1);
    const before = await everything();
    const result = await init([...others, ...args, "--yes"]);
    expectFailure(result, { status, says });
    expect(result.stderr).not.toContain("canary");
    expect(await everything()).toBe(before);
  });

  it("leaves alone what somebody wrote under the same names", async () => {
    sandbox.file(".aws/config", "[profile billing]\nregion = x\n");
    expectFailure(await init([...options, "--yes"]), { status: 2, says: /has a \[profile billing\] of its own/ });
    sandbox.file(".aws/config", "");
    sandbox.configure('[profile.billing]\nidentity = "other"\n');
    const before = await everything();
    expectFailure(await init([...options, "--yes"]), { status: 2, says: /has a \[profile\.billing\] already/ });
    expect(await everything()).toBe(before);
  });

  it("leaves the machine's own tables alone, which one of the user's would replace", async () => {
    sandbox.file("etc/config.toml", '[profile.billing]\nidentity = "machine"\n');
    const says = /etc\/config\.toml has a \[profile\.billing\] already, which yours would replace/;
    expectFailure(await init([...options, "--yes"]), { status: 2, says, hint: /--profile/ });
    expect((await init([...options, "--profile", "mine", "--yes"])).status).toBe(0);
  });

  it.each(["STS_BROKER_CONFIG", "AWS_CONFIG_FILE"])("writes nothing into the current directory by %s", async (name) => {
    const before = await everything();
    const result = await init([...options, "--yes"], { env: { [name]: "relative" } });
    expectFailure(result, { status: 2, says: new RegExp(`${name} must be an absolute path`) });
    expect(await everything()).toBe(before);
  });

  it("finds out before it writes anything that it could not go on", async () => {
    sandbox.file(".aws", "a file where the directory belongs");
    expectFailure(await init([...options, "--yes"]), { status: 2, says: /\.aws\/config cannot be read \(ENOTDIR\)/ });
    expect(existsSync(config())).toBe(false);
  });

  it("asks nobody where there is no terminal", async () => {
    const alone = (args: readonly string[]): Promise<RunResult> =>
      runProgram(["setsid", "--wait", ...programUnderTest(), "config", "init", ...args], sandbox.env);
    expectFailure(await alone(options), { status: 2, says: /no terminal to ask on whether to write/, hint: /--yes/ });
    expectFailure(await alone([]), { status: 2, says: /--issuer is missing/ });
    expect(existsSync(config())).toBe(false);
  });
});
