/** From nothing to a profile that AWS's own tools use, once by a person at a terminal, once by a script. */
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { makeSandbox, programUnderTest, runProgram, type Sandbox } from "../support/program.ts";
import { LEMONLDAP_PROGRAMS, LEMONLDAP_USER, startLemonldap } from "./servers/lemonldap.ts";
import { describeSystem } from "./servers/requirements.ts";
import { SIMPLESAMLPHP_PROGRAMS, SIMPLESAMLPHP_USER, startSimplesamlphp } from "./servers/simplesamlphp.ts";
import { startTmux, TMUX_PROGRAMS, type TmuxTerminal } from "./servers/tmux.ts";

const AWS = "/usr/bin/aws";
const INIT = [...programUnderTest(), "config", "init"].map((word) => `'${word}'`).join(" ");

let world: OidcWorld;
let sandbox: Sandbox;
beforeAll(async () => {
  world = await startOidcWorld();
});
afterAll(() => world?.close());
beforeEach(() => {
  world.reset();
  sandbox = makeSandbox();
});
afterEach(() => sandbox.remove());

const configFile = (): string => path.join(sandbox.home, ".config/sts-broker/config.toml");
const read = (name: string): string => readFileSync(path.join(sandbox.home, name), "utf8");

describeSystem("config init, with a person at a terminal", TMUX_PROGRAMS, () => {
  let terminal: TmuxTerminal;
  afterEach(() => terminal?.stop());

  async function answer(question: RegExp, text: string): Promise<void> {
    await terminal.until(question);
    await terminal.type(text);
    await terminal.press("Enter");
  }

  it.each([
    ["on a screen", "", 80],
    ["on a narrow screen", "", 40],
    ["in lines", " --plain", 80],
  ])("leads %s to a profile that works, with the secret shown nowhere", async (_, option, columns) => {
    terminal = await startTmux({ env: sandbox.env, columns, rows: 60 });
    const before = await terminal.run("stty -a");
    const { clientId, clientSecret } = world.op.clients.secretBasic;
    await terminal.type(`${INIT}${option} > out`);
    await terminal.press("Enter");
    await answer(/Address of the identity/, world.op.issuer);
    await answer(/Who shall get/, option === "" ? "secret" : "3");
    if (option === "") await terminal.until(/Client id/);
    await answer(/Client id/, clientId);
    await answer(/Audience/, "sts.amazonaws.com");
    await answer(/Scope/, "");
    await answer(/ARN of the role/, world.roleArn);
    await answer(/Region/, "eu-west-1");
    await answer(/Name of the profile/, "");
    await answer(/Where is the client secret/, option === "" ? "new file" : "1");
    await answer(/The client secret( \(not shown\))?:?/, clientSecret);
    const asked = await terminal.until(/Write this\?/, "history");
    expect(asked.replaceAll(/\s+/g, "")).toContain("+credential_process=sts-brokercredential-process--profilebilling");
    expect(existsSync(configFile())).toBe(false);
    await terminal.type("y");
    await terminal.press("Enter");
    await terminal.until(/profile billing is set up/);
    expect(await terminal.run("stty -a")).toBe(before);
    expect(terminal.written()).not.toContain(clientSecret);
    expect(read("out")).toContain("aws iam create-role");
    expect(read("out")).not.toContain(clientSecret);
    const secret = path.join(sandbox.home, ".config/sts-broker/billing.secret");
    expect([readFileSync(secret, "utf8"), statSync(secret).mode & 0o777]).toEqual([clientSecret, 0o600]);
    const env = { AWS_ENDPOINT_URL_STS: world.sts.url, STS_BROKER_STORE: "file" };
    expect((await sandbox.run(["credential-process", "--profile", "billing"], { env })).status).toBe(0);
  });

  it.each([
    ["no", ["n", "Enter"], /✓ nothing was written\s+ready>$/],
    ["Escape", ["Escape"], /✓ nothing was written\s+ready>$/],
    ["Ctrl-C", ["C-c"], /ready>$/],
  ] as const)("writes nothing when the answer is %s", async (_, keys, end) => {
    terminal = await startTmux({ env: sandbox.env, rows: 60 });
    const before = await terminal.run("stty -a");
    await terminal.type(
      `${INIT} --issuer ${world.op.issuer} --type oidc-browser --client-id x --role-arn ${world.roleArn} --region eu-west-1 --profile p`,
    );
    await terminal.press("Enter");
    await terminal.until(/Write this\?/);
    await terminal.press(...keys);
    await terminal.until(end);
    expect(await terminal.run("stty -a")).toBe(before);
    expect(existsSync(configFile())).toBe(false);
    expect(existsSync(path.join(sandbox.home, ".aws"))).toBe(false);
  });
});

describeSystem("config init, and AWS's own command line", [AWS], () => {
  it("leaves a ~/.aws/config that the AWS CLI takes credentials by, and keeps what the AWS CLI wrote", async () => {
    mkdirSync(path.join(sandbox.home, "bin"));
    const words = programUnderTest().map((word) => `"${word}"`);
    sandbox.file("bin/sts-broker", `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, 0o755);
    const env = {
      ...sandbox.env,
      PATH: `${sandbox.home}/bin:${sandbox.env.PATH}`,
      AWS_ENDPOINT_URL_STS: world.sts.url,
      AWS_EC2_METADATA_DISABLED: "true",
      STS_BROKER_STORE: "file",
    };
    const aws = (...args: string[]) => runProgram([AWS, ...args], env);
    await aws("configure", "set", "output", "json");
    await aws("configure", "set", "profile.other.region", "eu-north-1");
    const { clientId, clientSecret } = world.op.clients.secretBasic;
    const secret = sandbox.file("billing.secret", clientSecret);
    const setUp = [
      ...["config", "init", "--yes", "--issuer", world.op.issuer, "--type", "oidc-client-credentials"],
      ...["--client-id", clientId, "--secret-from", `file:${secret}`, "--audience", "sts.amazonaws.com"],
      ...["--role-arn", world.roleArn, "--region", "eu-west-1"],
    ];
    const init = await sandbox.run(setUp);
    expect(init.status, init.stderr).toBe(0);
    const who = await aws(
      ...["sts", "get-caller-identity", "--profile", "billing", "--query", "Arn", "--output", "text"],
      ...["--endpoint-url", world.sts.url],
    );
    expect(who, who.stderr).toMatchObject({ status: 0, stdout: expect.stringMatching(/:assumed-role\/billing\//) });
    expect((await aws("configure", "get", "region", "--profile", "other")).stdout).toBe("eu-north-1\n");
    expect((await aws("configure", "get", "region", "--profile", "billing")).stdout).toBe("eu-west-1\n");
    await aws("configure", "set", "profile.billing.output", "text");
    const before = read(".aws/config");
    expect(before).toContain("output = text");
    expect((await sandbox.run(setUp)).status).toBe(0);
    expect(read(".aws/config")).toBe(before);
  });
});

const GRANT = "arn:aws:iam::123456789012:role/dev,arn:aws:iam::123456789012:saml-provider/corp";

const SAML_PROVIDERS = [
  {
    name: "SimpleSAMLphp",
    programs: SIMPLESAMLPHP_PROGRAMS,
    start: () => startSimplesamlphp({ roles: [GRANT] }),
    user: SIMPLESAMLPHP_USER,
    knowsSignOn: true,
  },
  {
    name: "LemonLDAP::NG",
    programs: LEMONLDAP_PROGRAMS,
    start: () => startLemonldap({ roles: [GRANT] }),
    user: LEMONLDAP_USER,
    knowsSignOn: false,
  },
] as const;

for (const { name, programs, start, user, knowsSignOn } of SAML_PROVIDERS)
  describeSystem(`config init, and ${name}`, programs, () => {
    it("finds its metadata by its address alone, and says what AWS has to trust", async () => {
      const idp = await start();
      try {
        const secret = sandbox.file("password", user.password);
        const result = await sandbox.run([
          ...["config", "init", "--yes", "--issuer", idp.url, "--type", "saml-password", "--username", user.username],
          ...["--secret-from", `file:${secret}`, "--profile", "dev", "--region", "eu-west-1"],
          ...(knowsSignOn ? [] : ["--url", `${idp.url}${idp.ssoPath}`]),
        ]);
        expect(result.status, result.stderr).toBe(0);
        expect(read(".config/sts-broker/dev-metadata.xml")).toContain(`entityID="${idp.entityId}"`);
        expect(result.stdout).toContain("--role-name=dev");
        expect(result.stdout).toContain("--name=corp");
        expect(result.stdout).toContain(`"SAML:iss": "${idp.entityId}"`);
        // LemonLDAP::NG's demonstration account has its name for a password.
        if (knowsSignOn) expect(result.stdout + result.stderr).not.toContain(user.password);
        expect((await sandbox.run(["config", "check"])).status).toBe(0);
      } finally {
        await idp.stop();
      }
    });
  });
