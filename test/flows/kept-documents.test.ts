/** What providers publish is kept between processes, and nothing fails because of it. */
import { describe, expect, it } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { run } from "../../src/main.ts";
import { USER } from "../config/helpers.ts";
import { type FakeHost, type FakeHostOptions, type FakeMachine, fakeMachine, json } from "../support/fake-host.ts";
import { type FakeProvider, fakeProvider, ISSUER, idToken } from "../support/fake-provider.ts";

const MIN = 60_000;
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;
const DOCUMENTS = "/home/ana/.cache/sts-broker/documents";
const CA = "/etc/corp.pem";

function machine(identity = ""): FakeMachine {
  const made = fakeMachine();
  made.disk.file("/etc/secret", "canary-secret\n");
  made.disk.file(CA, "one");
  made.disk.file(
    USER,
    `[identity.corp]
type = "oidc-client-credentials"
issuer = "${ISSUER}"
client_id = "people"
client_secret = { file = "/etc/secret" }
${identity}
[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/billing"
region = "eu-west-1"
store = "file"
`,
  );
  return made;
}

interface Ran {
  readonly host: FakeHost;
  readonly provider: FakeProvider;
  readonly status: number;
  /** Requests for the discovery document. */
  readonly asked: number;
}

/** openid-client judges an id_token by the real clock; an access token is read by us alone. */
function good(host: FakeHost): ReturnType<typeof json> {
  return json({ access_token: idToken(host), token_type: "Bearer", expires_in: 600 });
}

/** A process that needs a new token: what was cached of the former one has ended. */
async function token(
  on: FakeMachine,
  {
    says = {} as Record<string, unknown>,
    headers = {} as Record<string, string>,
    prepare = (_: FakeHost, __: FakeProvider): void => {},
    options = {} as FakeHostOptions,
  } = {},
): Promise<Ran> {
  await on.clock.advance(11 * MIN);
  const host = on.host(options);
  const provider = fakeProvider(host);
  const document = { issuer: ISSUER, token_endpoint: `${ISSUER}/token`, jwks_uri: `${ISSUER}/jwks`, ...says };
  host.routes.on("GET", DISCOVERY, () => ({
    ...json(document),
    headers: { "content-type": "application/json", ...headers },
  }));
  provider.onToken(() => good(host));
  prepare(host, provider);
  const status = await run(["token"], host);
  return { host, provider, status, asked: host.routes.count(DISCOVERY) };
}

describe("a discovery document", () => {
  it("is asked for once, and again when its time is over", async () => {
    const it = machine();
    expect(await token(it, { headers: { "cache-control": "max-age=1500" } })).toMatchObject({ status: 0, asked: 1 });
    expect(it.disk.below(DOCUMENTS)).toHaveLength(1);
    expect(it.disk.mode(it.disk.below(DOCUMENTS)[0] ?? "")).toBe(0o600);
    for (const asked of [0, 0, 1]) expect(await token(it)).toMatchObject({ status: 0, asked });
  });

  it("is not kept where its server says so, where clocks differ, or where nothing came of it", async () => {
    for (const prepare of [
      (host: FakeHost) => host.routes.setSkew(60_000),
      (_: FakeHost, provider: FakeProvider) => provider.onToken(() => json({ error: "invalid_client" }, 401)),
    ]) {
      const it = machine();
      await token(it, { prepare });
      expect(await token(it)).toMatchObject({ status: 0, asked: 1 });
    }
    const it = machine();
    for (const asked of [1, 1])
      expect(await token(it, { headers: { "cache-control": "no-store" } })).toMatchObject({ asked });
  });

  it("of another issuer is refused as ever, and not kept", async () => {
    const it = machine();
    const wrong = await token(it, { says: { issuer: "https://evil.example" } });
    expect(wrong).toMatchObject({ status: 5, asked: 1 });
    expect(wrong.provider.redeemed).toEqual([]);
    expect(await token(it)).toMatchObject({ status: 0, asked: 1 });
  });

  it("is one for each content of ca_file and SSL_CERT_FILE", async () => {
    const it = machine(`ca_file = "${CA}"`);
    const options = { env: { SSL_CERT_FILE: "/etc/bundle.pem" } };
    expect(await token(it)).toMatchObject({ asked: 1 });
    it.disk.file(CA, "two");
    expect(await token(it)).toMatchObject({ asked: 1 });
    expect(await token(it)).toMatchObject({ asked: 0 });
    expect(await token(it, { options })).toMatchObject({ asked: 1 });
    it.disk.file("/etc/bundle.pem", "three");
    expect(await token(it, { options })).toMatchObject({ asked: 1 });
    expect(await token(it, { options })).toMatchObject({ asked: 0 });
  });

  it("is not that of who was trusted until the system's authorities were changed", async () => {
    const it = machine();
    for (const bundle of ["one", "two"]) {
      it.disk.file("/etc/ssl/certs/ca-certificates.crt", bundle);
      for (const asked of [1, 0]) expect(await token(it)).toMatchObject({ status: 0, asked });
    }
  });

  it.each<[string, (on: FakeMachine, file: string) => void]>([
    ["truncated", (on, file) => on.disk.file(file, on.disk.bytes(file).slice(0, -1))],
    ["empty", (on, file) => on.disk.file(file, "")],
    [
      "plain text",
      (on, file) =>
        on.disk.file(
          file,
          JSON.stringify({ url: DISCOVERY, body: "e30=", contentType: "", fetchedAtMs: 0, freshUntilMs: 9e15 }),
        ),
    ],
    ["not a file", (on, file) => on.disk.chmod(file, 0)],
    ["in a directory of somebody else", (on) => on.disk.chown("/home/ana/.cache/sts-broker", 1001)],
    ["of the future", (on) => on.clock.setWall(on.clock.nowMs() - 20 * MIN)],
  ])("that is %s is none", async (_, spoil) => {
    const it = machine();
    await token(it);
    spoil(it, it.disk.below(DOCUMENTS)[0] ?? "");
    expect(await token(it)).toMatchObject({ status: 0, asked: 1 });
  });

  it("of another name cannot be put in its place", async () => {
    const it = machine(`ca_file = "${CA}"`);
    await token(it, {
      says: { token_endpoint: "https://elsewhere.example/token" },
      prepare: (host) => {
        host.routes.on("POST", "https://elsewhere.example/token", () => good(host));
      },
    });
    const [planted = ""] = it.disk.below(DOCUMENTS);
    it.disk.file(CA, "two");
    await token(it);
    const place = it.disk.below(DOCUMENTS).find((file) => file !== planted) ?? "";
    it.disk.file(place, it.disk.bytes(planted));
    expect(await token(it)).toMatchObject({ status: 0, asked: 1 });
  });

  it("goes with logout --all, and is no entry there", async () => {
    const it = machine();
    await token(it);
    const host = it.host();
    expect(await run(["logout", "--all", "--json"], host)).toBe(0);
    expect(it.disk.below(DOCUMENTS)).toEqual([]);
    expect(await token(it)).toMatchObject({ asked: 1 });
  });
});

describe("a kept document that is not true any more", () => {
  const MOVED = { says: { token_endpoint: `${ISSUER}/token2` } };
  const gone = (answer: () => ReturnType<typeof json>) => (host: FakeHost, provider: FakeProvider) => {
    provider.onToken(answer);
    host.routes.on("POST", `${ISSUER}/token2`, () => good(host));
  };

  it.each([
    ["404", () => json("", 404)],
    ["405", () => json("", 405)],
    ["a refusal", () => json({ error: "invalid_client" }, 401)],
    [
      "no connection",
      (): never => {
        throw new BrokerError("UNREACHABLE", "idp.corp.example refuses connections");
      },
    ],
  ])("is fetched anew after %s, all is tried once more, and the new one is kept", async (_, answer) => {
    const it = machine();
    await token(it);
    const moved = await token(it, { ...MOVED, prepare: gone(answer) });
    expect(moved).toMatchObject({ status: 0, asked: 1 });
    expect(moved.host.routes.count(`${ISSUER}/token2`)).toBe(1);
    expect(await token(it, { ...MOVED, prepare: gone(answer) })).toMatchObject({ status: 0, asked: 0 });
  });

  it("is told from one that still is: the failure stands, and the secret is sent once", async () => {
    const it = machine();
    await token(it);
    const refused = await token(it, {
      prepare: (_, provider) => provider.onToken(() => json({ error: "invalid_client" }, 401)),
    });
    expect(refused).toMatchObject({ status: 4, asked: 1 });
    expect(refused.provider.redeemed).toHaveLength(1);
  });

  it("does not hide that the provider is away", async () => {
    const it = machine();
    await token(it);
    const away = (): never => {
      throw new BrokerError("UNREACHABLE", "idp.corp.example refuses connections");
    };
    const down = await token(it, {
      prepare: (host, provider) => {
        provider.onToken(away);
        host.routes.on("GET", DISCOVERY, away);
      },
    });
    expect(down).toMatchObject({ status: 5, asked: 1 });
    expect(down.host.out.stderr).toContain("idp.corp.example refuses connections");
    expect(it.disk.below(DOCUMENTS)).toEqual([]);
  });

  it("leaves it to the next run to learn of a clock that has gone wrong since", async () => {
    const it = machine();
    await token(it);
    const late = await token(it, {
      prepare: (_, provider) => provider.onToken(() => json({ error: "invalid_client" }, 401)),
    });
    expect(late).toMatchObject({ status: 4, asked: 1 });
    const skewed = { prepare: (host: FakeHost) => host.routes.setSkew(60_000) };
    for (const asked of [1, 1]) expect(await token(it, skewed)).toMatchObject({ status: 0, asked });
  });
});
