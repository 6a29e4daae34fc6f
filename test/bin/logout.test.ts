import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { walkThrough } from "../support/person.ts";
import { makeSandbox, programUnderTest, type RunResult, runProgram, type Sandbox } from "../support/program.ts";
import { CREDENTIAL_PROCESS, credentialsOf, until } from "./black-box.ts";

let world: OidcWorld;
let sandbox: Sandbox;
beforeAll(async () => {
  world = await startOidcWorld();
});
afterAll(() => world.close());
beforeEach(() => {
  sandbox = makeSandbox();
  const { clientId } = world.op.clients.people;
  world.registerAudiences(clientId);
  world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: clientId } }));
  const profile = (name: string, store: string): string => `[profile.${name}]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
store = "${store}"
`;
  sandbox.configure(`[identity.corp]
type = "oidc-device"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
parameters = { prompt = "consent" }
refresh_token_store = "file"
${profile("billing", "file")}${profile("reports", "file")}duration_seconds = 1800
`);
});
afterEach(() => {
  sandbox.remove();
  world.reset();
});

/** Without a terminal, so that the code stands on stderr. */
async function logIn(): Promise<RunResult> {
  let said = "";
  const argv = ["setsid", "-w", ...programUnderTest(), "login", "--profile", "billing"];
  const login = runProgram(argv, sandbox.env, {
    onStart: (child) => {
      child.stderr?.on("data", (text: string) => {
        said += text;
      });
    },
  });
  await until("a code is shown", () => /enter the code \S+\n/.test(said));
  const [, page = ""] = /open (\S+)\n/.exec(said) ?? [];
  const [, code = ""] = /enter the code (\S+)\n/.exec(said) ?? [];
  await walkThrough(`${page}?user_code=${code}`);
  return login;
}

/** Every file of the sandbox in which one of these stands, as it is or sealed with the key beside it. */
function filesWith(texts: readonly string[]): string[] {
  return readdirSync(sandbox.home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => {
      const plain = readFileSync(file, "latin1");
      return texts.some((text) => plain.includes(text));
    });
}

const sealed = (): string[] => {
  const entries = path.join(sandbox.cacheDirectory, "entries");
  return existsSync(entries) ? readdirSync(entries) : [];
};

describe("logout", () => {
  it("leaves nothing of the login in any file, nothing good at the provider, and a next call that asks for a login", async () => {
    const login = await logIn();
    expect(login.status, login.stderr).toBe(0);
    const { AccessKeyId } = credentialsOf(await sandbox.run(CREDENTIAL_PROCESS));
    credentialsOf(await sandbox.run(["credential-process", "--profile", "reports"]));
    expect(sealed()).toHaveLength(3);

    const before = world.op.count("/token/revocation");
    const logout = await sandbox.run(["logout", "--profile", "billing"]);
    expect(logout).toMatchObject({ status: 0, stderr: "" });
    expect(logout.stdout).toContain("billing: removed credentials (file), refresh token (file)\n");
    expect(logout.stdout).toContain("billing: revoked the refresh token at ");
    expect(logout.stdout).toContain("reports: removed credentials (file)\n");
    expect(world.op.count("/token/revocation")).toBe(before + 1);
    expect(sealed()).toEqual([]);
    expect(filesWith([AccessKeyId, '"subject":"ana"'])).toEqual([]);

    const next = await sandbox.run(CREDENTIAL_PROCESS);
    expect(next).toMatchObject({ status: 3, stdout: "" });
    expect(next.stderr).toContain("hint: sts-broker login --profile billing");
  });

  it("says of an identity that nobody logs in to that the next call gets new credentials by itself", async () => {
    const { clientId, clientSecret } = world.op.clients.secretBasic;
    const secret = sandbox.file("billing.secret", clientSecret);
    sandbox.configure(`[identity.corp]
type = "oidc-client-credentials"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
client_secret = { file = "${secret}" }
audience = "sts.amazonaws.com"
[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
store = "file"
`);
    world.reset();
    const first = credentialsOf(await sandbox.run(CREDENTIAL_PROCESS));
    expect((await sandbox.run(["token"])).status).toBe(0);
    const logout = await sandbox.run(["logout"]);
    expect(logout).toMatchObject({ status: 0, stderr: "" });
    expect(logout.stdout).toContain("billing: removed credentials (file), token (file)\n");
    expect(logout.stdout).toContain("billing: nobody logs in to it: the next call gets new credentials by itself\n");
    expect(sealed()).toEqual([]);
    expect(filesWith([first.AccessKeyId])).toEqual([]);
    expect(credentialsOf(await sandbox.run(CREDENTIAL_PROCESS)).AccessKeyId).not.toBe(first.AccessKeyId);
  });

  it("asks nobody, and needs no terminal, no network and no login before it", async () => {
    world.op.faults.always("*", { kind: "reset" });
    const all = await sandbox.run(["logout", "--all", "--json"]);
    expect(all).toMatchObject({ status: 0, stderr: "" });
    expect(JSON.parse(all.stdout)).toMatchObject({ ok: true, profiles: [{ removed: [] }, { removed: [] }] });
  });
});
