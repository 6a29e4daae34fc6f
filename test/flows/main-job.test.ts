/** The whole path on a fake host: real provider, real simulated STS, real HTTP; files, keychain, clock and locks in memory. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../src/main.ts";
import { USER } from "../config/helpers.ts";
import { type FakeHost, type FakeHostOptions, fakeMachine } from "../support/fake-host.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";

let world: OidcWorld;
beforeAll(async () => {
  world = await startOidcWorld();
});
afterAll(() => world.close());
afterEach(() => world.reset());

const SECRET_FILE = "/etc/billing.secret";

function machine() {
  const made = fakeMachine(Date.now());
  const { clientId, clientSecret } = world.op.clients.secretBasic;
  made.disk.file(SECRET_FILE, `${clientSecret}\n`);
  made.disk.file(
    USER,
    `[identity.corp]
type = "oidc-client-credentials"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
client_secret = { file = "${SECRET_FILE}" }
audience = "sts.amazonaws.com"
[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
`,
  );
  return { ...made, process: (options: FakeHostOptions = {}) => made.host({ http: "real", ...options }) };
}

const counts = () => [world.op.count("/token"), world.sts.count("AssumeRoleWithWebIdentity")];
async function since(work: () => Promise<unknown>): Promise<number[]> {
  const before = counts();
  await work();
  return counts().map((count, index) => count - (before[index] ?? 0));
}
const secrets = (host: FakeHost): string => `${host.out.stderr}${host.debugLines.join("\n")}${host.warnings.join()}`;

describe("credential-process", () => {
  it("is cold once and warm for every process after it, and tells its secrets to stdout alone", async () => {
    const { process, keychain } = machine();
    const cold = process();
    expect(await since(() => run(["credential-process"], cold))).toEqual([1, 1]);
    const answer = JSON.parse(cold.out.stdout) as Record<string, string>;
    expect(answer).toMatchObject({ Version: 1, AccessKeyId: expect.stringMatching(/^ASIA/) });
    const warm = process();
    expect(await since(() => run(["credential-process"], warm))).toEqual([0, 0]);
    expect(warm.out.stdout).toBe(cold.out.stdout);
    expect(keychain.items.size).toBe(1);
    for (const secret of [answer.SecretAccessKey, answer.SessionToken, world.op.clients.secretBasic.clientSecret])
      expect(secrets(cold) + secrets(warm)).not.toContain(secret ?? "?");
    expect(secrets(cold)).not.toMatch(/eyJ[A-Za-z0-9_-]{10}/);
  });

  it("is one exchange for forty processes", async () => {
    const { process, clock } = machine();
    const hosts = Array.from({ length: 40 }, () => process());
    // Real sockets under a clock of our own: it moves slowly beside them.
    const moving = setInterval(() => void clock.advance(50), 10);
    const all = () => Promise.all(hosts.map((host) => run(["credential-process"], host)));
    expect(await since(async () => expect(new Set(await all())).toEqual(new Set([0])))).toEqual([1, 1]);
    clearInterval(moving);
    expect(new Set(hosts.map(({ out }) => out.stdout)).size).toBe(1);
  });

  it("renews somewhere between half and three quarters of the session, at a point on which all processes agree", async () => {
    const { process, clock } = machine();
    await run(["credential-process"], process());
    const mintedMs = clock.nowMs();
    await clock.advance(29 * 60_000);
    expect(await since(() => run(["credential-process"], process()))).toEqual([0, 0]);
    let again = [0, 0];
    while (again[0] === 0) {
      await clock.advance(30_000);
      again = await since(() => run(["credential-process"], process()));
    }
    expect(again).toEqual([1, 1]);
    const ageMs = clock.nowMs() - mintedMs;
    expect(ageMs).toBeGreaterThan(29.9 * 60_000);
    expect(ageMs).toBeLessThan(45.6 * 60_000);
    expect(await since(() => run(["credential-process"], process()))).toEqual([0, 0]);
  });

  it("serves what is cached while the identity provider is down, with exit 0 and one warning", async () => {
    const { process, clock } = machine();
    const first = process();
    await run(["credential-process"], first);
    await clock.advance(50 * 60_000);
    world.op.faults.always("*", { kind: "status", status: 503 });
    const later = process();
    expect(await run(["credential-process"], later)).toBe(0);
    expect([later.out.stdout, later.warnings.length]).toEqual([first.out.stdout, 1]);
  });

  it("ends with one line and its exit code when nothing is cached: the provider down is 5, a refusal is 4", async () => {
    world.op.faults.always("*", { kind: "status", status: 503 });
    const down = machine().process();
    expect([await run(["credential-process"], down), down.out.stdout]).toEqual([5, ""]);
    world.reset();
    world.trust();
    const refused = machine().process();
    expect([await run(["credential-process"], refused), refused.out.stdout]).toEqual([4, ""]);
    for (const { out } of [down, refused]) expect(out.stderr).toMatch(/^sts-broker: [^\n]+\n( {2}hint: [^\n]+\n)?$/);
  });

  it("prints what it minted where nothing can be kept, and says so", async () => {
    const { process, disk, keychain } = machine();
    keychain.state = "locked";
    disk.fail("ENOSPC");
    const host = process();
    expect([await run(["credential-process"], host), host.warnings.length]).toEqual([0, 1]);
    expect(JSON.parse(host.out.stdout)).toMatchObject({ Version: 1 });
  });

  it("ends with 1 when stdout is not taken, and the credentials stay cached", async () => {
    const { process } = machine();
    const deaf = process();
    deaf.closeStdout();
    expect(await run(["credential-process"], deaf)).toBe(1);
    expect(await since(() => run(["credential-process"], process()))).toEqual([0, 0]);
  });
});

describe("exec", () => {
  it("gives the command fresh credentials and takes stale ones away, and its status back", async () => {
    const env = { PATH: "/bin", AWS_PROFILE: "stale", AWS_SESSION_TOKEN: "stale", AWS_WEB_IDENTITY_TOKEN_FILE: "/x" };
    const host = machine().process({ env });
    host.program("aws", () => ({ status: 42 }));
    expect(await run(["exec", "--", "aws", "s3", "ls"], host)).toBe(42);
    const [ran] = host.spawned;
    expect(ran?.argv).toEqual(["aws", "s3", "ls"]);
    expect(ran?.env).toMatchObject({ PATH: "/bin", AWS_REGION: "eu-west-1", STS_BROKER_EXEC: "billing" });
    expect(ran?.env.AWS_ACCESS_KEY_ID).toMatch(/^ASIA/);
    expect(ran?.env).not.toHaveProperty("AWS_PROFILE");
    expect(ran?.env).not.toHaveProperty("AWS_WEB_IDENTITY_TOKEN_FILE");
    expect(ran?.env.AWS_SESSION_TOKEN).not.toBe("stale");
  });
});

describe("token", () => {
  it("prints the provider's token, cached by its own expiry, or what it says", async () => {
    const { process, clock } = machine();
    const first = process();
    expect(await since(() => run(["token"], first))).toEqual([1, 0]);
    expect(first.out.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const claims = process();
    expect(await since(() => run(["token", "--claims"], claims))).toEqual([0, 0]);
    expect(JSON.parse(claims.out.stdout)).toMatchObject({ iss: world.op.issuer, aud: "sts.amazonaws.com" });
    await clock.advance(301_000);
    world.op.token.claims = { exp: Math.floor(clock.nowMs() / 1000) + 300, iat: Math.floor(clock.nowMs() / 1000) };
    expect((await since(() => run(["token"], process())))[1]).toBe(0);
  });
});
