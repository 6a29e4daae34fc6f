/**
 * A person logs out: real provider, real simulated STS, real HTTP; files, keychain, clock and locks are in memory.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { login } from "../../src/broker/login.ts";
import { loginKey } from "../../src/cache/key.ts";
import { resolveProfile } from "../../src/config/resolve.ts";
import { run } from "../../src/main.ts";
import { USER } from "../config/helpers.ts";
import { type FakeHost, type FakeHostOptions, type FakeMachine, fakeMachine } from "../support/fake-host.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { walkThrough } from "../support/person.ts";
import { testPresenter } from "../support/presenter.ts";

let world: OidcWorld;
beforeAll(async () => {
  world = await startOidcWorld();
});
afterAll(() => world.close());
afterEach(() => world.reset());

const STORES = { stores: ["auto", "file", "keychain", "kernel"] };
const CACHE = "/home/ana/.cache/sts-broker";

interface Machine extends FakeMachine {
  process(options?: FakeHostOptions): FakeHost;
}

function profile(name: string, more = ""): string {
  return `[profile.${name}]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
${more}
`;
}

/** A machine whose user has the profile billing, and these besides. */
function machine({ identity = "", billing = "", profiles = "" } = {}): Machine {
  const made = fakeMachine(Date.now());
  const { clientId } = world.op.clients.people;
  world.registerAudiences(clientId);
  world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: clientId } }));
  const corp = `[identity.corp]
type = "oidc-browser"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
parameters = { prompt = "consent" }
${identity}
`;
  made.disk.file(USER, `${corp}${profile("billing", billing)}${profiles}`);
  return { ...made, process: (options = {}) => made.host({ http: "real", ...options }) };
}

const PAYROLL = (): string => profile("payroll", "duration_seconds = 1800");

async function logIn(host: FakeHost, env = "billing"): Promise<void> {
  const resolved = await resolveProfile(host, { profile: env }, STORES);
  const leave = async (url: URL) => host.listeners.hit(url.pathname + url.search, { host: url.host });
  const presenter = testPresenter({
    openPage: (url) => {
      void walkThrough(url, { leave });
      return "opened";
    },
  });
  await moving(host, login(host, resolved, presenter, new AbortController().signal));
}

interface Report {
  readonly ok: boolean;
  readonly profiles: readonly (Readonly<Record<string, unknown>> & { profile: string; errors: readonly object[] })[];
  readonly others: { readonly entries: number; readonly refreshTokens: number };
}

interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function logOut(host: FakeHost, ...argv: string[]): Promise<Said> {
  const code = await moving(host, run(["logout", ...argv], host));
  return { code, ...host.out };
}

async function reportOf(host: FakeHost, ...argv: string[]): Promise<Report> {
  return JSON.parse((await logOut(host, "--json", ...argv)).stdout);
}

const credentialProcess = (host: FakeHost, name = "billing"): Promise<number> =>
  moving(host, run(["credential-process", "--profile", name], host));

/** Real sockets under a clock of our own: it moves slowly beside them. */
async function moving<T>({ clock }: FakeHost, work: Promise<T>): Promise<T> {
  const timer = setInterval(() => void clock.advance(50), 10);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

const refreshToken = ({ keychain }: Machine): string => {
  const [, text = "{}"] = [...keychain.items].find(([name]) => name.includes("/login-")) ?? [];
  return JSON.parse(text).refreshToken;
};

async function eventually(isSo: () => boolean): Promise<void> {
  const endMs = Date.now() + 10_000;
  while (!isSo()) {
    if (Date.now() > endMs) throw new Error("it did not happen within 10 s");
    await new Promise((go) => setTimeout(go, 5));
  }
}

const revocations = (): number => world.op.count("/token/revocation");

/** What the provider says of a refresh token. */
async function redeemed(token: string): Promise<unknown> {
  const form = { grant_type: "refresh_token", refresh_token: token, client_id: world.op.clients.people.clientId };
  return (await fetch(world.op.tokenEndpoint, { method: "POST", body: new URLSearchParams(form) })).json();
}

/** Every file that holds something of a session. */
const leftIn = ({ disk }: Machine): string[] =>
  disk.below("/home/ana").filter((path) => /\/(entries|kernel|systemd|failures)\/./.test(path));

describe("logout", () => {
  it("removes what every store keeps, revokes the refresh token, and says until when AWS goes on", async () => {
    const it = machine();
    await logIn(it.process());
    // Kept at another time, when another store was the first.
    await credentialProcess(it.process({ env: { STS_BROKER_STORE: "file" } }));
    await credentialProcess(it.process({ env: { STS_BROKER_STORE: "kernel" } }));
    const token = refreshToken(it);
    const said = await logOut(it.process());
    expect(said).toMatchObject({ code: 0, stderr: "" });
    expect(said.stdout).toContain("billing: removed credentials (keychain, kernel, file), refresh token (keychain)\n");
    expect(said.stdout).toContain(`billing: revoked the refresh token at ${new URL(world.op.issuer).host}\n`);
    expect(said.stdout).toMatch(
      /^billing: arn:aws:sts::123456789012:assumed-role\/billing\/\S+ stays valid at AWS until \S+Z$/m,
    );
    expect(it.keychain.items.size).toBe(0);
    expect(leftIn(it)).toEqual([]);
    expect(await redeemed(token)).toMatchObject({ error: "invalid_grant" });
    const later = it.process();
    expect(await credentialProcess(later)).toBe(3);
    expect(later.out.stderr).toContain("hint: sts-broker login --profile billing");
    expect(it.locks.held).toEqual([]);
  });

  it("is done when nothing is there, and says so, as often as it is run", async () => {
    const it = machine();
    const before = revocations();
    for (let times = 0; times < 2; times++) {
      const said = await logOut(it.process());
      expect(said).toMatchObject({ code: 0, stderr: "" });
      expect(said.stdout).toContain("billing: nothing was kept\n");
    }
    expect(revocations()).toBe(before);
  });

  it("leaves the way open for a new login", async () => {
    const it = machine();
    await logIn(it.process());
    await logOut(it.process());
    await it.clock.advance(1_000);
    await logIn(it.process());
    expect(await credentialProcess(it.process())).toBe(0);
    it.keychain.items.delete([...it.keychain.items.keys()].find((name) => !name.includes("/login-")) ?? "");
    expect(await credentialProcess(it.process())).toBe(0);
  });

  it("forgets what failed before", async () => {
    const it = machine();
    expect(await credentialProcess(it.process())).toBe(3);
    expect(leftIn(it)).toHaveLength(1);
    await logOut(it.process());
    expect(leftIn(it)).toEqual([]);
  });

  it("logs out of the profiles that share the login, and tells it", async () => {
    const it = machine({ profiles: PAYROLL() });
    await logIn(it.process());
    await credentialProcess(it.process(), "payroll");
    const said = await logOut(it.process(), "--profile", "billing");
    expect(said.stdout).toContain("billing: had the same login, and logged out too: payroll\n");
    expect(said.stdout).toContain("payroll: removed credentials (keychain)\n");
    expect(it.keychain.items.size).toBe(0);
    expect(said.stdout).toContain("payroll: logged out with billing\n");
    expect(await credentialProcess(it.process(), "payroll")).toBe(3);
  });

  it("wants to know which profile when there are several, and refuses two answers", async () => {
    const it = machine({ profiles: PAYROLL() });
    expect(await logOut(it.process())).toMatchObject({ code: 2, stdout: "" });
    expect(await logOut(it.process({ env: { STS_BROKER_PROFILE: "payroll" } }))).toMatchObject({ code: 0 });
    expect(await logOut(it.process(), "--all", "--profile", "billing")).toMatchObject({ code: 2, stdout: "" });
  });

  it("has every key in its report", async () => {
    const it = machine();
    await logIn(it.process());
    const report = await reportOf(it.process());
    expect(report).toMatchObject({ ok: true, others: { entries: 0, refreshTokens: 0 } });
    expect(report.profiles).toEqual([
      {
        profile: "billing",
        asked: true,
        removed: [
          { kind: "credentials", store: "keychain" },
          { kind: "refresh token", store: "keychain" },
        ],
        refreshToken: "revoked",
        accessToken: "nothing",
        sharedWith: [],
        needsLogin: true,
        awsSession: { assumedRole: expect.stringContaining("assumed-role/billing"), expiresAt: expect.any(String) },
        notLookedAt: [{ store: "runtime", problem: expect.stringContaining("no runtime directory") }],
        errors: [],
      },
    ]);
  });

  it("revokes the access token that `token` kept, or says that the provider cannot", async () => {
    const it = machine({
      identity: 'assertion = "access_token"\nresource = "urn:aws:sts"\nscope = "openid offline_access aws"',
    });
    world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: "sts.amazonaws.com" } }));
    world.registerAudiences("sts.amazonaws.com");
    await logIn(it.process());
    const token = it.process();
    expect(await moving(token, run(["token", "--profile", "billing"], token)), token.out.stderr).toBe(0);
    const [billing] = (await reportOf(it.process())).profiles;
    // Its access tokens are JWTs, which it does not keep.
    expect(billing).toMatchObject({ refreshToken: "revoked", accessToken: "not-offered", errors: [] });
    expect(billing?.removed).toContainEqual({ kind: "token", store: "keychain" });
    expect(it.keychain.items.size).toBe(0);
  });
});

describe("logout --all", () => {
  it("removes what no profile accounts for, too: other settings, profiles that are no more", async () => {
    const it = machine({ billing: 'store = "file"', identity: 'refresh_token_store = "file"' });
    await logIn(it.process());
    const other = it.process();
    const argv = ["env", "--profile", "billing", "--duration-seconds", "1800"];
    expect(await moving(other, run(argv, other)), other.out.stderr).toBe(0);
    it.disk.file(`${CACHE}/entries/login-${"0".repeat(64)}`, "sealed", { uid: 1000, mode: 0o600 });
    const said = await logOut(it.process(), "--all");
    expect(said).toMatchObject({ code: 0, stderr: "" });
    expect(said.stdout).toContain("removed 1 more that no profile accounts for\n");
    expect(said.stdout).toContain("removed 1 refresh token of no profile, not revoked\n");
    expect(leftIn(it)).toEqual([]);
  });

  it("does all profiles even when some fail, and ends as the first that failed", async () => {
    const it = machine({ profiles: `${PAYROLL()}[profile.broken]\nidentity = "nobody"\n` });
    await logIn(it.process());
    world.op.faults.always("/token/revocation", { kind: "status", status: 500 });
    const said = await logOut(it.process(), "--all");
    expect(said.code).toBe(2);
    expect(said.stderr).toMatch(/profile broken: .*there is no \[identity\.nobody\]/);
    expect(said.stderr).toMatch(/profile billing: the refresh token is removed here/);
    expect(it.keychain.items.size).toBe(0);
  });

  it("removes what is kept where the configuration cannot be read, and names the error", async () => {
    const it = machine({ billing: 'store = "file"' });
    await logIn(it.process());
    it.disk.file(USER, "[profile");
    expect(await logOut(it.process(), "--all")).toMatchObject({ code: 2, stdout: "" });
    expect(leftIn(it)).toEqual([]);
  });
});

describe("a logout that cannot do everything", () => {
  it("removes what is here when the provider cannot be reached: exit code 5, and the line says what lives on", async () => {
    const it = machine();
    await logIn(it.process());
    const token = refreshToken(it);
    world.op.faults.always("*", { kind: "status", status: 500 });
    const said = await logOut(it.process());
    expect(said.code).toBe(5);
    expect(said.stdout).toContain("removed credentials (keychain), refresh token (keychain)");
    expect(said.stderr).toMatch(
      /^sts-broker: profile billing: the refresh token is removed here, and stays good at its provider: .*\n {2}hint: /,
    );
    expect(it.keychain.items.size).toBe(0);
    world.op.faults.clear();
    expect(await redeemed(token)).toHaveProperty("access_token");
  });

  it("names the keychain that is locked, and from then on uses nothing of what it holds", async () => {
    const it = machine();
    await logIn(it.process());
    const before = revocations();
    it.keychain.state = "locked";
    const said = await logOut(it.process());
    expect(said.code).toBe(2);
    expect(said.stderr).toMatch(
      /profile billing: keychain: .*locked: what it may keep was not removed\n {2}hint: .*sts-broker logout --profile billing/,
    );
    it.keychain.state = "ready";
    expect(it.keychain.items.size).toBe(2);
    const later = it.process();
    expect(await credentialProcess(later)).toBe(3);
    expect(later.debugLines.join("\n")).toContain("the refresh token is of before a logout, and is not used");
    expect(revocations()).toBe(before);
    expect(await logOut(it.process())).toMatchObject({ code: 0 });
    expect(it.keychain.items.size).toBe(0);
    expect(revocations()).toBe(before + 1);
  });

  it("holds when the clock has been set back since the login", async () => {
    const it = machine();
    await logIn(it.process());
    it.clock.setWall(it.clock.nowMs() - 600_000);
    it.keychain.state = "locked";
    expect(await logOut(it.process())).toMatchObject({ code: 2 });
    it.keychain.state = "ready";
    expect(await credentialProcess(it.process())).toBe(3);
  });

  it("says once what is the same for all profiles", async () => {
    const it = machine({ profiles: PAYROLL() });
    it.keychain.state = "locked";
    const said = await logOut(it.process(), "--all");
    expect(said.stderr.match(/^sts-broker: /gm)).toHaveLength(1);
    expect(said.stderr).toMatch(
      /^sts-broker: profile billing and 1 more: keychain: .*\n {2}hint: .*: sts-broker logout --all\n$/,
    );
  });

  it("says which place it could not look at, and fails where that one was chosen by name", async () => {
    const it = machine();
    it.keychain.state = "absent";
    const said = await logOut(it.process());
    expect(said).toMatchObject({ code: 0, stderr: "" });
    expect(said.stdout).toContain("keychain: not looked at: the keychain is absent\n");
    const named = machine({ billing: 'store = "keychain"' });
    named.keychain.state = "absent";
    expect(await logOut(named.process())).toMatchObject({ code: 2 });
  });

  it("names a cache directory that is not ours", async () => {
    const it = machine();
    it.disk.directory(CACHE, { uid: 0, mode: 0o700 });
    const said = await logOut(it.process());
    expect(said.code).toBe(2);
    expect(said.stderr.match(/belongs to another user/g)).toHaveLength(1);
  });

  it("fails where it cannot note that nobody is logged in, and removes what is here all the same", async () => {
    const it = machine();
    await logIn(it.process());
    it.disk.fail("EROFS", `${CACHE}/logins`);
    const said = await logOut(it.process());
    expect(said.code).toBe(2);
    expect(said.stderr).toMatch(
      /^sts-broker: profile billing: it could not be noted that nobody is logged in: .*\/logins cannot be written \(E\w+\)\n {2}hint: .*sts-broker logout --profile billing\n$/,
    );
    expect(it.keychain.items.size).toBe(0);
  });

  it("leaves nothing usable behind when it is killed before the provider answers", async () => {
    const it = machine();
    await logIn(it.process());
    const host = it.process();
    it.keychain.writeState = "hanging";
    void run(["logout"], host);
    await it.clock.advance(200);
    host.die();
    it.keychain.writeState = "ready";
    expect(await credentialProcess(it.process())).toBe(3);
    expect(await logOut(it.process())).toMatchObject({ code: 0 });
  });
});

describe("logout beside others", () => {
  it("waits for a renewal under way, and what that brings is gone, too", async () => {
    const it = machine();
    await logIn(it.process());
    for (const name of it.keychain.items.keys()) if (!name.includes("/login-")) it.keychain.items.delete(name);
    const renewing = it.process();
    let answer = (): void => {};
    const until = new Promise<void>((go) => {
      answer = go;
    });
    world.op.faults.next("/token", { kind: "hold", until });
    const renewal = credentialProcess(renewing);
    await eventually(() => it.locks.held.length > 0);
    const leaving = it.process();
    let isOut = false;
    const logout = logOut(leaving).finally(() => {
      isOut = true;
    });
    const startMs = it.clock.nowMs();
    await eventually(() => it.clock.nowMs() - startMs > 2_000);
    expect(isOut).toBe(false);
    answer();
    const [code, said] = await Promise.all([renewal, logout]);
    expect([0, 3]).toContain(code);
    expect(said).toMatchObject({ code: 0, stderr: "" });
    expect(it.keychain.items.size).toBe(0);
    expect(leftIn(it).filter((path) => !path.includes("/failures/"))).toEqual([]);
    expect(await credentialProcess(it.process())).toBe(3);
  });

  it("does not wait for ever for one that was stopped: exit code 5, and what is kept is removed all the same", async () => {
    const it = machine();
    await logIn(it.process());
    const stopped = it.process();
    const key = loginKey((await resolveProfile(stopped, { profile: "billing" }, STORES)).profile.identity, stopped);
    expect(await stopped.locks.tryAcquire(`${CACHE}/locks/login-${key}`)).toBeDefined();
    const said = await logOut(it.process());
    expect(said.code).toBe(5);
    expect(said.stderr).toContain("another sts-broker uses the refresh token");
    expect(it.keychain.items.size).toBe(0);
  });
});
