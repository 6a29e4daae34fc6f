/**
 * A person logs in, and credential-process goes on without them: real provider, real simulated STS, real HTTP; the person walks through
 * the provider's pages by fetch; files, keychain, clock and locks are in memory.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LoginOutcome, login } from "../../src/broker/login.ts";
import { resolveProfile } from "../../src/config/resolve.ts";
import { run } from "../../src/main.ts";
import { USER } from "../config/helpers.ts";
import { type FakeHost, type FakeHostOptions, type FakeMachine, fakeMachine } from "../support/fake-host.ts";
import { type OidcWorld, startOidcWorld } from "../support/oidc-world.ts";
import { type LastPage, type PersonOptions, walkThrough } from "../support/person.ts";
import { testPresenter } from "../support/presenter.ts";

let world: OidcWorld;
beforeAll(async () => {
  world = await startOidcWorld();
});
afterAll(() => world.close());
afterEach(() => {
  world.reset();
  world.op.people.rotates = true;
});

const H = 3_600_000;
const REFRESH = 'parameters = { prompt = "consent" }';

function machine(identity = REFRESH, profiles = "", kind = "oidc-browser") {
  const made = fakeMachine(Date.now());
  const { clientId } = world.op.clients.people;
  world.registerAudiences(clientId);
  world.trust(world.allow({ StringEquals: { [`${world.issuerName}:aud`]: clientId } }));
  made.disk.file(
    USER,
    `[identity.corp]
type = "${kind}"
issuer = "${world.op.issuer}"
client_id = "${clientId}"
${identity}
[profile.billing]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
${profiles}
`,
  );
  return { ...made, process: (options: FakeHostOptions = {}) => made.host({ http: "real", ...options }) };
}

/** What `login` does, with a person who walks through the pages. */
async function logIn(
  host: FakeHost,
  person: PersonOptions = {},
  profile = "billing",
): Promise<LoginOutcome & { readonly page: string }> {
  const resolved = await resolveProfile(host, { profile }, { stores: ["auto", "file", "keychain"] });
  let page: Promise<{ body: string }> | undefined;
  const leave = async (url: URL) => host.listeners.hit(url.pathname + url.search, { host: url.host });
  const presenter = testPresenter({
    openPage: (url) => {
      page = walkThrough(url, { leave, ...person });
      return "opened";
    },
    showCode: ({ completeUrl = "" }) => {
      page = walkThrough(completeUrl, person);
    },
  });
  const ends = new AbortController();
  const outcome = await moving(
    host,
    login(host, resolved, presenter, ends.signal).catch(async (error) => {
      throw Object.assign(error as Error, { page: (await page)?.body });
    }),
  );
  return { ...outcome, page: (await page)?.body ?? "" };
}

const credentialProcess = async (host: FakeHost, profile = "billing"): Promise<number> =>
  moving(host, run(["credential-process", "--profile", profile], host));

/** Real sockets under a clock of our own: it moves slowly beside them. */
async function moving<T>({ clock }: FakeHost, work: Promise<T>): Promise<T> {
  const timer = setInterval(() => void clock.advance(50), 10);
  try {
    return await work;
  } finally {
    clearInterval(timer);
  }
}

/** As if every session had ended: what logins left stays. */
function endSessions({ keychain }: Pick<FakeMachine, "keychain">): void {
  for (const name of keychain.items.keys()) if (!name.includes("/login-")) keychain.items.delete(name);
}

const kept = ({ keychain }: Pick<FakeMachine, "keychain">): string | undefined =>
  [...keychain.items].find(([name]) => name.includes("/login-"))?.[1];

const PAYROLL = (): string => `[profile.payroll]
identity = "corp"
role_arn = "${world.roleArn}"
region = "eu-west-1"
endpoint_url = "${world.sts.url}"
duration_seconds = 1800`;

describe("login in the browser", () => {
  it("ends in credentials that every process finds, and in a refresh token in the keychain", async () => {
    const it = machine();
    const outcome = await logIn(it.process());
    expect(outcome).toMatchObject({
      issuer: world.op.issuer,
      subject: "ana",
      roleArn: world.roleArn,
      roleChosen: false,
      store: "keychain",
      refreshToken: { kept: true, store: "keychain" },
    });
    expect(outcome.page).toContain("You are signed in");
    expect(kept(it)).toContain(world.op.issuer);
    expect(it.locks.held).toEqual([]);
    const host = it.process();
    const before = world.sts.count("AssumeRoleWithWebIdentity");
    expect(await credentialProcess(host)).toBe(0);
    expect(JSON.parse(host.out.stdout)).toMatchObject({ Version: 1 });
    expect(world.sts.count("AssumeRoleWithWebIdentity")).toBe(before);
  });

  it("holds no lock while the person takes their time, and whoever needs credentials hears at once what to do", async () => {
    const it = machine();
    const host = it.process();
    const meanwhile: string[] = [];
    const waiting = async (url: URL): Promise<{ status: number; body: string }> => {
      expect(it.locks.held).toEqual([]);
      const other = it.process();
      expect(await run(["credential-process", "--profile", "billing"], other)).toBe(3);
      meanwhile.push(other.out.stderr);
      return host.listeners.hit(url.pathname + url.search);
    };
    await logIn(host, { leave: waiting });
    expect(meanwhile.join()).toMatch(/nobody is logged in at http.*\n {2}hint: sts-broker login --profile billing\n/);
    const after = it.process();
    expect(await credentialProcess(after)).toBe(0);
  });

  it("lets nobody wait for a failure of before it", async () => {
    const it = machine(REFRESH, PAYROLL());
    expect(await credentialProcess(it.process(), "payroll")).toBe(3);
    await it.clock.advance(1_000);
    await logIn(it.process());
    const host = it.process();
    expect(await credentialProcess(host, "payroll"), host.out.stderr).toBe(0);
    expect(host.warnings).toEqual([]);
  });

  it("is refused with exit code 4 and the provider's words when the person says no, and the browser shows them", async () => {
    const host = machine().process();
    let shown: LastPage | undefined;
    const leave = async (url: URL): Promise<LastPage> => {
      shown = await host.listeners.hit(url.pathname + url.search);
      return shown;
    };
    await expect(logIn(host, { cancels: true, leave })).rejects.toMatchObject({
      code: "IDP_REFUSED",
      exitCode: 4,
      message: expect.stringMatching(/denies client "people".*access_denied: End-User aborted interaction/),
    });
    expect(shown?.status).toBe(403);
    expect(shown?.body).toContain("End-User aborted interaction");
    expect(host.listeners.places).toEqual([]);
  });

  it("asks for offline access where the provider offers it and the refresh token is to be kept", async () => {
    const scopes = async (identity: string): Promise<string | null> => {
      const host = machine(identity).process();
      let scope: string | null = null;
      await logIn(host, {
        leave: async (url) => host.listeners.hit(url.pathname + url.search),
        sees: (url) => {
          scope ??= url.searchParams.get("scope");
        },
      });
      return scope;
    };
    expect(await scopes(REFRESH)).toBe("openid offline_access");
    expect(await scopes('refresh_token_store = "none"')).toBe("openid");
  });
});

describe("what a login left", () => {
  it("renews without a person, each time with the refresh token of the one before", async () => {
    const it = machine();
    await logIn(it.process());
    const tokens = new Set([kept(it)]);
    for (let hour = 0; hour < 3; hour++) {
      endSessions(it);
      const host = it.process();
      expect(await credentialProcess(host), host.out.stderr).toBe(0);
      tokens.add(kept(it));
      expect(host.out.stderr + host.debugLines.join()).not.toContain(JSON.parse(kept(it) ?? "{}").refreshToken);
    }
    expect(tokens.size).toBe(4);
  });

  it("is redeemed once for forty processes", async () => {
    const it = machine();
    await logIn(it.process());
    endSessions(it);
    const before = world.op.count("/token");
    const hosts = Array.from({ length: 40 }, () => it.process());
    const codes = await Promise.all(hosts.map((host) => credentialProcess(host)));
    expect(new Set(codes)).toEqual(new Set([0]));
    expect(world.op.count("/token") - before).toBe(1);
    expect(new Set(hosts.map(({ out }) => out.stdout)).size).toBe(1);
  });

  it("serves all profiles of the identity, one redemption at a time", async () => {
    const it = machine(REFRESH, PAYROLL());
    await logIn(it.process());
    for (let hour = 0; hour < 3; hour++) {
      endSessions(it);
      const hosts = ["billing", "payroll", "billing", "payroll"].map((name) => [it.process(), name] as const);
      const codes = await Promise.all(hosts.map(([host, name]) => credentialProcess(host, name)));
      expect(codes, hosts.map(([{ out }]) => out.stderr).join()).toEqual([0, 0, 0, 0]);
    }
  });

  it("is given up when the provider refuses it: exit code 3 and the command, and a login puts all right", async () => {
    const it = machine();
    await logIn(it.process());
    const stolen = kept(it) ?? "";
    endSessions(it);
    await credentialProcess(it.process());
    // Somebody else redeems the used one: the provider revokes the whole family.
    const [name] = [...it.keychain.items.keys()].filter((one) => one.includes("/login-"));
    it.keychain.items.set(name ?? "", stolen);
    endSessions(it);
    const host = it.process();
    expect(await credentialProcess(host)).toBe(3);
    expect(host.out.stdout).toBe("");
    expect(host.out.stderr).toMatch(
      /does not renew the login any more \(invalid_grant.*\n {2}hint: sts-broker login --profile billing\n/,
    );
    expect(kept(it)).toBeUndefined();
    await it.clock.advance(1_000);
    await logIn(it.process());
    expect(await credentialProcess(it.process())).toBe(0);
  });

  it("stays where the provider is only out of order", async () => {
    const it = machine();
    await logIn(it.process());
    endSessions(it);
    const token = kept(it);
    world.op.faults.always("/token", { kind: "status", status: 500 });
    const host = it.process();
    expect(await credentialProcess(host)).toBe(5);
    expect(kept(it)).toBe(token);
    world.op.faults.clear();
    await it.clock.advance(1_000);
    expect(await credentialProcess(it.process())).toBe(0);
  });

  it("is not renewed into somebody else", async () => {
    const it = machine();
    await logIn(it.process());
    endSessions(it);
    const [name = "", login = ""] = [...it.keychain.items].find(([one]) => one.includes("/login-")) ?? [];
    it.keychain.items.set(name, login.replace('"subject":"ana"', '"subject":"eve"'));
    const host = it.process();
    expect(await credentialProcess(host)).toBe(3);
    expect(host.out.stderr).toMatch(
      /renewed for "ana", and "eve" had logged in\n {2}hint: sts-broker login --profile billing/,
    );
    expect(kept(it)).toBeUndefined();
  });

  it("is replaced by the login of somebody else, whose processes never see the former one's credentials", async () => {
    const it = machine(REFRESH, PAYROLL());
    await logIn(it.process());
    const mine = it.process();
    await credentialProcess(mine, "payroll");
    await it.clock.advance(1_000);
    const outcome = await logIn(it.process(), { login: "bob" });
    expect(outcome.subject).toBe("bob");
    const host = it.process();
    expect(await credentialProcess(host, "payroll")).toBe(0);
    expect(host.debugLines.join("\n")).toContain("entry is of somebody who logged in before");
    expect(host.debugLines.join("\n")).toContain("sub bob");
    expect(host.out.stdout).not.toBe(mine.out.stdout);
    expect(kept(it)).toContain('"subject":"bob"');
  });

  it("is not gone on with after the login of somebody else whose refresh token is kept in another place", async () => {
    const elsewhere = `[identity.elsewhere]
type = "oidc-browser"
issuer = "${world.op.issuer}"
client_id = "${world.op.clients.people.clientId}"
${REFRESH}
refresh_token_store = "file"
${PAYROLL().replace('"corp"', '"elsewhere"')}`;
    const it = machine(REFRESH, elsewhere);
    await logIn(it.process());
    await it.clock.advance(1_000);
    expect(await logIn(it.process(), { login: "bob" }, "payroll")).toMatchObject({ subject: "bob" });
    const host = it.process();
    expect(await credentialProcess(host)).toBe(3);
    expect(host.out.stdout).toBe("");
    expect(host.out.stderr).toMatch(/hint: sts-broker login --profile billing\n/);
    const payroll = it.process();
    expect(await credentialProcess(payroll, "payroll"), payroll.out.stderr).toBe(0);
    await it.clock.advance(1_000);
    await logIn(it.process());
    expect(await credentialProcess(it.process())).toBe(0);
  });

  it("is told to be less than that where it cannot be noted who logged in", async () => {
    const it = machine();
    it.disk.directory("/home/ana/.cache/sts-broker", { uid: 1000, mode: 0o700 });
    it.disk.directory("/home/ana/.cache/sts-broker/logins", { uid: 0, mode: 0o755 });
    const host = it.process();
    expect(await logIn(host)).toMatchObject({ subject: "ana", refreshToken: { kept: true } });
    expect(host.warnings.join()).toMatch(
      /who logged in could not be noted \(\/home\/ana\/.cache\/sts-broker\/logins cannot be written \(E/,
    );
  });

  it("is never put into a weaker place than the one that is named, and that is said", async () => {
    const it = machine();
    it.keychain.state = "locked";
    const outcome = await logIn(it.process());
    expect(outcome.store).toBe("kernel");
    expect(outcome.refreshToken).toMatchObject({
      kept: false,
      reason: "store-unusable",
      detail: expect.stringContaining("keychain"),
      hint: expect.stringContaining('refresh_token_store = "kernel"'),
    });
    expect(it.disk.below("/home/ana").filter((path) => path.includes("login-"))).toEqual([]);
  });

  it.each(["kernel", "file"])("may be kept in %s, where it outlives the tidying of old entries", async (store) => {
    const it = machine(`${REFRESH}\nrefresh_token_store = "${store}"`);
    const outcome = await logIn(it.process());
    expect(outcome.refreshToken).toEqual({ kept: true, store });
    const [path = ""] = it.disk
      .below("/home/ana")
      .filter((one) => /\/login-[0-9a-f]{64}$/.test(one) && !one.includes("locks"));
    expect(path).not.toBe("");
    it.disk.touch(path, it.clock.nowMs() - 72 * H);
    it.keychain.state = "absent";
    endSessions(it);
    for (let times = 0; times < 2; times++) {
      const host = it.process({ env: { STS_BROKER_STORE: store } });
      expect(await credentialProcess(host), host.out.stderr).toBe(0);
    }
  });

  it("goes on for this once when the rotated one cannot be kept, and says loudly that it was the last time", async () => {
    const it = machine();
    await logIn(it.process());
    endSessions(it);
    it.keychain.writeState = "locked";
    const host = it.process();
    expect(await credentialProcess(host)).toBe(0);
    expect(host.warnings.join()).toMatch(/new refresh token could not be kept.*last credentials without a new login/);
  });

  it("is kept anew before the new tokens are used for anything", async () => {
    const it = machine();
    await logIn(it.process());
    endSessions(it);
    const before = world.sts.count("AssumeRoleWithWebIdentity");
    const seen: number[] = [];
    it.keychain.beforeSet = (account) => {
      if (account.startsWith("login-")) seen.push(world.sts.count("AssumeRoleWithWebIdentity") - before);
    };
    await credentialProcess(it.process());
    expect(seen).toEqual([0]);
  });

  it("is not issued by every provider, and that is said", async () => {
    const outcome = await logIn(machine("").process());
    expect(outcome.refreshToken).toMatchObject({ kept: false, reason: "not-issued" });
  });
});

describe("login with a code", () => {
  it("ends like a login in the browser", async () => {
    const it = machine(REFRESH, "", "oidc-device");
    const outcome = await logIn(it.process());
    expect(outcome).toMatchObject({ subject: "ana", refreshToken: { kept: true } });
    endSessions(it);
    expect(await credentialProcess(it.process())).toBe(0);
  });

  it("takes the place of the browser over SSH", async () => {
    const host = machine().process({ env: { SSH_CONNECTION: "192.0.2.1 50000 192.0.2.2 22" } });
    expect(await logIn(host)).toMatchObject({ subject: "ana" });
    expect(host.debugLines.join("\n")).toContain("over SSH without a display");
  });
});
