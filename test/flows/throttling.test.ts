/** Every source at a provider that has had enough, and whole runs of several processes on one machine, whose clock is ours. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Host, HttpRequest, HttpResponse } from "../../src/host/host.ts";
import { run } from "../../src/main.ts";
import { USER } from "../config/helpers.ts";
import { jwtOf, NOW_MS, refused, granted as stsGranted } from "../exchange/fixtures.ts";
import { type FakeHost, type FakeMachine, fakeMachine } from "../support/fake-host.ts";

const S = 1000;
const IDP = "https://idp.corp.example";
const ROLE = `role_arn = "arn:aws:iam::123456789012:role/billing"\nregion = "eu-west-1"\nstore = "file"`;
const PASSWORD = `username = "svc-billing"\npassword = { file = "/etc/secret" }`;

type Serve = (request: HttpRequest) => Partial<HttpResponse> | undefined;

/** A machine on which every request of every process meets `serve`; undefined from it: 429, and a minute to wait. */
function machineWith(toml: string, serve: Serve = () => undefined) {
  const machine = fakeMachine(NOW_MS);
  machine.disk.file("/etc/secret", "s3cret-word\n");
  machine.disk.file(USER, toml);
  const requests: HttpRequest[] = [];
  const busy: Partial<HttpResponse> = { status: 429, headers: { "retry-after": "60" } };
  const start = (args: readonly string[] = []): { host: FakeHost; ended: Promise<number> } => {
    const host = machine.host();
    const http: Host["http"] = {
      skewMs: () => undefined,
      async request(request) {
        requests.push(request);
        const answer = serve(request) ?? busy;
        return { status: 200, headers: {}, setCookie: [], body: new Uint8Array(), url: request.url, ...answer };
      },
    };
    return { host, ended: run(["credential-process", ...args], { ...host, http }) };
  };
  /** With `waits` time passes beside it; without, it has to end by itself. */
  const process = async ({ waits = false } = {}) => {
    const { host, ended } = start();
    const moving = waits ? setInterval(() => void machine.clock.advance(100), 5) : undefined;
    return { status: await ended.finally(() => clearInterval(moving)), ...host.out };
  };
  return { machine, requests, start, process };
}

// What is loaded on first use takes real time, which the machine's clock knows nothing of.
beforeAll(async () => {
  expect((await machineWith(MAIN, mainJob).process()).status).toBe(0);
});

describe("429 and Retry-After: 60 end with exit 5 and one line that names who asks for it and how long,", () => {
  it.each<[string, string, string, Serve?]>([
    [
      "at discovery",
      "GET",
      `type = "oidc-client-credentials"\nissuer = "${IDP}"\nclient_id = "c"\nclient_secret = { file = "/etc/secret" }`,
    ],
    [
      "at the token endpoint",
      "POST",
      `type = "oidc-client-credentials"\nissuer = "${IDP}"\nclient_id = "c"\nclient_secret = { file = "/etc/secret" }`,
      discovery,
    ],
    ["at discovery for Kerberos", "GET", `type = "oidc-kerberos"\nissuer = "${IDP}"\nclient_id = "c"`],
    ["at the authorization endpoint", "GET", `type = "oidc-kerberos"\nissuer = "${IDP}"\nclient_id = "c"`, discovery],
    ["at a sign-on page for Kerberos", "GET", `type = "saml-kerberos"\nurl = "${IDP}/sso"`],
    ["at a login page", "GET", `type = "saml-password"\nurl = "${IDP}/sso"\n${PASSWORD}`],
    ["at a login form", "POST", `type = "saml-password"\nurl = "${IDP}/sso"\n${PASSWORD}`, loginPage],
    ["at the metadata", "GET", `type = "saml-password"\nmetadata = "${IDP}/metadata"\n${PASSWORD}`],
    ["at ECP", "POST", `type = "saml-ecp"\nidp_ecp_url = "${IDP}/ecp"\n${PASSWORD}`],
    ["at WS-Trust", "POST", `type = "saml-wstrust"\nendpoint = "${IDP}"\n${PASSWORD}`],
  ])("%s", async (_, method, identity, serve) => {
    const { machine, process, requests } = machineWith(
      `[identity.corp]\n${identity}\n[profile.a]\nidentity = "corp"\n${ROLE}`,
      serve,
    );
    const { status, stdout, stderr } = await process();
    expect({ status, stdout }, stderr).toEqual({ status: 5, stdout: "" });
    expect(stderr).toMatch(
      /^sts-broker: idp\.corp\.example throttles \(HTTP 429\), and asks to wait 60 s\n {2}hint: [^\n]+\n$/,
    );
    expect(requests.at(-1)?.method).toBe(method);
    const before = requests.length;
    await machine.clock.advance(1 * S);
    expect((await process()).stderr).toContain("asks to be left alone until 2026-07-01T12:01:00Z");
    expect(requests.length).toBe(before);
  });
});

describe("a request that a short Retry-After turned away", () => {
  it("is a client's token request: it is sent again", async () => {
    const { process, requests } = machineWith(MAIN, shortly("/token", mainJob));
    expect((await process({ waits: true })).status).toBe(0);
    expect(requests.filter(({ url }) => url === `${IDP}/token`)).toHaveLength(2);
  });

  it("is a password form: it is not", async () => {
    const toml = `[identity.corp]\ntype = "saml-password"\nurl = "${IDP}/sso"\n${PASSWORD}\n[profile.a]\nidentity = "corp"\n${ROLE}`;
    const { process, requests } = machineWith(toml, shortly("/login", loginPage));
    expect((await process({ waits: true })).status).toBe(5);
    expect(requests.filter(({ method }) => method === "POST")).toHaveLength(1);
  });

  it("is a later step of a login, whose URL may carry a code: it is not", async () => {
    const toml = `[identity.corp]\ntype = "saml-password"\nurl = "${IDP}/sso"\n${PASSWORD}\n[profile.a]\nidentity = "corp"\n${ROLE}`;
    const redirect: Serve = () => ({ status: 302, headers: { location: "/callback?code=x" } });
    const { process, requests } = machineWith(toml, shortly("/callback", redirect));
    expect((await process({ waits: true })).status).toBe(5);
    expect(requests.map(({ url }) => url)).toEqual([`${IDP}/sso`, `${IDP}/callback?code=x`]);
  });

  it("is a signed client assertion, good for one use: it is not", async () => {
    const toml = MAIN.replace("client_secret =", `token_endpoint_auth_method = "client_secret_jwt"\nclient_secret =`);
    const { process, requests } = machineWith(toml, shortly("/token", mainJob));
    expect((await process({ waits: true })).status).toBe(5);
    expect(requests.filter(({ url }) => url === `${IDP}/token`)).toHaveLength(1);
  });

  function shortly(at: string, otherwise: Serve): Serve {
    let turnedAway = false;
    return (request) => {
      if (turnedAway || !request.url.includes(at)) return otherwise(request);
      turnedAway = true;
      return { status: 429, headers: { "retry-after": "2" } };
    };
  }
});

describe("while STS asks for twenty seconds", () => {
  const throttled = () => refused(400, "Throttling", "Rate exceeded", { "retry-after": "20" });

  it("whoever has nothing waits for it, the provider is not asked for proofs that would grow old, and all succeed", async () => {
    let stsCalls = 0;
    const { machine, start, requests } = machineWith(MAIN + TEAMS, (request) => {
      if (new URL(request.url).host !== "sts.eu-west-1.amazonaws.com") return mainJob(request);
      stsCalls += 1;
      return stsCalls === 1 ? throttled() : granted(machine);
    });
    const first = start(["--profile", "a"]);
    await machine.clock.advance(1 * S);
    expect(stsCalls).toBe(1);
    const before = requests.length;
    const others = TEAM_NAMES.map((name) => start(["--profile", name]));
    await machine.clock.advance(15 * S);
    expect(requests.length).toBe(before);
    const all = Promise.all([first, ...others].map(({ ended }) => ended));
    expect(new Set(await machine.clock.run(all))).toEqual(new Set([0]));
    expect(stsCalls).toBe(2 + TEAM_NAMES.length);
    for (const { host } of [first, ...others]) expect(host.warnings).toEqual([]);
  });

  it("whoever has credentials in the renewal window gets them at once, and rests for as long as STS asks", async () => {
    let asks: string | undefined;
    let stsCalls = 0;
    const { machine, process } = machineWith(MAIN, (request) => {
      if (new URL(request.url).host !== "sts.eu-west-1.amazonaws.com") return mainJob(request);
      stsCalls += 1;
      return asks === undefined
        ? granted(machine)
        : refused(400, "Throttling", "Rate exceeded", { "retry-after": asks });
    });
    const { stdout } = await process();
    await machine.clock.advance(46 * 60 * S);
    asks = "600";
    const startMs = machine.clock.monotonicMs();
    const first = await process();
    expect(first).toMatchObject({ status: 0, stdout });
    expect(first.stderr).toMatch(/^sts-broker: warning: credentials not renewed, [^\n]+ throttles [^\n]+\n$/);
    expect(machine.clock.monotonicMs() - startMs).toBeLessThan(2 * S);
    // By itself a rest is over after half of the fourteen minutes that are left.
    for (const atS of [100, 450, 590]) {
      await machine.clock.advance(startMs + atS * S - machine.clock.monotonicMs());
      expect(await process()).toEqual({ status: 0, stdout, stderr: "" });
    }
    expect(stsCalls).toBe(2);
    asks = undefined;
    await machine.clock.advance(140 * S);
    expect(await process()).toMatchObject({ status: 0, stderr: "" });
    expect(stsCalls).toBe(3);
  });
});

const MAIN = `[identity.corp]
type = "oidc-client-credentials"
issuer = "${IDP}"
client_id = "c"
client_secret = { file = "/etc/secret" }
[profile.a]
identity = "corp"
${ROLE}
`;
const TEAM_NAMES = Array.from({ length: 12 }, (_, index) => `team-${index}`);
const TEAMS = TEAM_NAMES.map(
  (name) => `[profile.${name}]\nidentity = "corp"\n${ROLE}\nrole_session_name = "${name}"\n`,
).join("");

function jsonOf(value: unknown): Partial<HttpResponse> {
  return { headers: { "content-type": "application/json" }, body: Buffer.from(JSON.stringify(value)) };
}

function discovery({ url }: HttpRequest): Partial<HttpResponse> | undefined {
  if (!url.endsWith("/.well-known/openid-configuration")) return undefined;
  return jsonOf({
    issuer: IDP,
    token_endpoint: `${IDP}/token`,
    authorization_endpoint: `${IDP}/auth`,
    jwks_uri: `${IDP}/keys`,
  });
}

/** A provider that is well, and an STS that is: it gives what it gave in the fixtures of the exchange. */
function mainJob(request: HttpRequest): Partial<HttpResponse> | undefined {
  if (request.url === `${IDP}/token`) {
    const token = jwtOf({ iss: IDP, sub: "c", aud: "sts.amazonaws.com", iat: 1_767_225_600, exp: 1_798_761_600 });
    return jsonOf({ access_token: token, token_type: "bearer" });
  }
  return new URL(request.url).host.startsWith("sts.") ? stsGranted() : discovery(request);
}

function granted({ clock }: FakeMachine): HttpResponse {
  return stsGranted({ Expiration: new Date(clock.nowMs() + 3_600_000).toISOString() });
}

function loginPage({ url }: HttpRequest): Partial<HttpResponse> | undefined {
  if (!url.endsWith("/sso")) return undefined;
  const body = '<form method="post" action="/login"><input name="user"><input type="password" name="pass"></form>';
  return { headers: { "content-type": "text/html" }, body: Buffer.from(body) };
}
