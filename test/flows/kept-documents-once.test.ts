/** A kept document that is not true any more costs one failure at most, and nothing is sent twice for it that may be sent once. */
import { describe, expect, it } from "vitest";
import { within } from "../../src/broker/deadline.ts";
import { withKept } from "../../src/broker/kept-http.ts";
import { documentKey, openDocuments } from "../../src/cache/documents.ts";
import { loginKey } from "../../src/cache/key.ts";
import { openVault, type Vault } from "../../src/cache/vault.ts";
import { BrokerError, type ErrorCode } from "../../src/core/errors.ts";
import { Secret } from "../../src/core/secret.ts";
import { run } from "../../src/main.ts";
import { USER } from "../config/helpers.ts";
import { type FakeHost, type FakeMachine, fakeMachine, json } from "../support/fake-host.ts";
import { fakeProvider, IDENTITY, ISSUER, idToken } from "../support/fake-provider.ts";

const HOUR = 3_600_000;
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;
const METADATA = `${ISSUER}/metadata`;
const ECP = `${ISSUER}/ecp`;
const OLD = "https://old.example/token";
const DOCUMENTS = "/home/ana/.cache/sts-broker/documents";

function machine(identity: string): FakeMachine {
  const made = fakeMachine();
  made.disk.file("/etc/secret", "canary-secret\n");
  made.disk.file(
    USER,
    `[identity.corp]
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

const withPassword = (): FakeMachine =>
  machine(`type = "saml-ecp"
metadata = "${METADATA}"
idp_ecp_url = "${ECP}"
username = "svc"
password = { file = "/etc/secret" }`);
const withSecret = (): FakeMachine =>
  machine(`type = "oidc-client-credentials"
issuer = "${ISSUER}"
client_id = "people"
client_secret = { file = "/etc/secret" }`);

/** What an earlier run has kept. */
async function keep(host: FakeHost, url: string, body: string): Promise<void> {
  const nowMs = host.clock.nowMs();
  await openDocuments(host).write(documentKey(host, url, {}) ?? "", {
    url,
    contentType: "",
    body: Buffer.from(body),
    fetchedAtMs: nowMs - 1,
    freshUntilMs: nowMs + 24 * HOUR,
  });
}

const discovery = (tokenEndpoint: string, more = {}): string =>
  JSON.stringify({ issuer: ISSUER, authorization_endpoint: `${ISSUER}/auth`, token_endpoint: tokenEndpoint, ...more });

function failing(code: ErrorCode): () => never {
  return () => {
    throw new BrokerError(code, `idp.corp.example: ${code}`);
  };
}

describe("a password that is refused", () => {
  it.each<[string, (host: FakeHost) => void]>([
    ["has changed", (host) => host.routes.on("GET", METADATA, () => ({ body: '<EntityDescriptor ID="_1"/>' }))],
    ["cannot be had", (host) => host.routes.on("GET", METADATA, () => ({ status: 503 }))],
    ["is what was kept, on a machine with a wrong clock", (host) => host.routes.setSkew(6_000)],
  ])("is sent once where the metadata %s", async (_, prepare) => {
    const it = withPassword();
    const host = it.host();
    await keep(host, METADATA, '<EntityDescriptor ID="_0"/>');
    host.routes.on("GET", METADATA, () => ({ body: '<EntityDescriptor ID="_0"/>' }));
    host.routes.on("POST", ECP, () => ({ status: 401 }));
    prepare(host);
    expect(await run(["credential-process", "--profile", "billing"], host)).toBe(4);
    expect(host.routes.count(ECP)).toBe(1);
    expect(host.out.stderr).toContain('does not accept user "svc" (HTTP 401)');
    expect(it.disk.below(DOCUMENTS)).toEqual([]);
  });
});

describe("a client secret that is refused", () => {
  const refusing = async (answer: () => ReturnType<typeof json>): Promise<FakeHost> => {
    const host = withSecret().host();
    await keep(host, DISCOVERY, discovery(`${ISSUER}/token`, { request: 0 }));
    host.routes.on("GET", DISCOVERY, answer);
    host.routes.on("POST", `${ISSUER}/token`, () => json({ error: "invalid_client" }, 401));
    expect(await run(["token"], host)).toBe(4);
    expect(host.out.stderr).toContain("invalid_client");
    return host;
  };

  it("is sent once where the document differs in what is not used", async () => {
    const host = await refusing(() => json(JSON.parse(discovery(`${ISSUER}/token`, { request: 1 }))));
    expect(host.routes.count(`${ISSUER}/token`)).toBe(1);
  });

  it("is sent once, and the refusal stands, where the document cannot be had", async () => {
    for (const answer of [() => json("", 503), failing("UNREACHABLE")])
      expect((await refusing(answer)).routes.count(`${ISSUER}/token`)).toBe(1);
  });

  it("is what is told where nobody answers the second time", async () => {
    const host = withSecret().host();
    await keep(host, DISCOVERY, discovery(OLD));
    host.routes.on("GET", DISCOVERY, () => json(JSON.parse(discovery(`${ISSUER}/token`))));
    host.routes.on("POST", OLD, () => json({ error: "invalid_client" }, 401));
    host.routes.on("POST", `${ISSUER}/token`, failing("UNREACHABLE"));
    expect(await run(["token"], host)).toBe(4);
    expect(host.routes.count(`${ISSUER}/token`)).toBe(1);
    expect(host.out.stderr).toContain("invalid_client");
  });
});

describe("an endpoint of yesterday", () => {
  it.each<ErrorCode>(["TIMEOUT", "THROTTLED", "CONFIG_INVALID"])("that ends in %s is not asked again", async (code) => {
    const it = withSecret();
    const host = it.host();
    await keep(host, DISCOVERY, discovery(OLD));
    host.routes.on("GET", DISCOVERY, () => json(JSON.parse(discovery(`${ISSUER}/token`))));
    host.routes.on("POST", OLD, failing(code));
    host.routes.on("POST", `${ISSUER}/token`, () => json({ access_token: idToken(host), token_type: "Bearer" }));
    expect(await run(["token"], host)).toBe(0);
    expect(host.routes.count(OLD)).toBe(1);
  });

  it("that takes most of the time costs one run: the next one asks where to go", async () => {
    const it = withSecret();
    await keep(it.host(), DISCOVERY, discovery(OLD));
    for (const [status, asked] of [
      [5, 0],
      [0, 1],
    ]) {
      await it.clock.advance(HOUR);
      const host = it.host();
      host.routes.on("GET", DISCOVERY, () => json(JSON.parse(discovery(`${ISSUER}/token`))));
      host.routes.on("POST", `${ISSUER}/token`, () => json({ access_token: idToken(host), token_type: "Bearer" }));
      host.routes.on("POST", OLD, async ({ signal }) => {
        await host.clock.sleep(44_000, signal);
        return failing("TIMEOUT")();
      });
      expect(await it.clock.run(run(["token"], host))).toBe(status);
      expect(host.routes.count(DISCOVERY)).toBe(asked);
    }
  });

  it("that refuses shortly before the deadline is what is told", async () => {
    const host = fakeMachine().host();
    await keep(host, METADATA, "a");
    host.routes.on("GET", METADATA, () => ({ body: "b" }));
    let tries = 0;
    const work = within(host, 2_000, (signal) =>
      withKept({ host, deadlineMs: host.clock.monotonicMs() + 2_000 }, async (kept) => {
        tries++;
        await kept.over(host.http).request({ method: "GET", url: METADATA, keepable: true, signal });
        await host.clock.sleep(1_500, signal);
        throw new BrokerError("IDP_REFUSED", "wrong secret");
      }),
    );
    await expect(host.clock.run(work)).rejects.toMatchObject({ code: "IDP_REFUSED" });
    expect(tries).toBe(1);
  });

  it("in metadata that is none any more is found in the same run", async () => {
    const it = machine(`type = "saml-ecp"
metadata = "${METADATA}"
username = "svc"
password = { file = "/etc/secret" }`);
    const host = it.host();
    await keep(host, METADATA, "<!DOCTYPE html><title>maintenance</title>");
    host.routes.on("GET", METADATA, () => ({ body: "still no metadata" }));
    expect(await run(["credential-process", "--profile", "billing"], host)).toBe(2);
    expect(host.routes.count(METADATA)).toBe(1);
    expect(it.disk.below(DOCUMENTS)).toEqual([]);
  });
});

it("metadata that nobody looks into is neither asked for nor kept", async () => {
  const it = machine(`type = "saml-ecp"
metadata = "${METADATA}"
verify = false
idp_ecp_url = "${ECP}"
username = "svc"
password = { file = "/etc/secret" }`);
  const host = it.host();
  host.routes.on("GET", METADATA, () => ({ body: "<!DOCTYPE html><title>maintenance</title>" }));
  host.routes.on("POST", ECP, () => ({ status: 401 }));
  expect(await run(["credential-process", "--profile", "billing"], host)).toBe(4);
  expect(host.routes.count(METADATA)).toBe(0);
});

describe("the refresh token of a login", () => {
  async function loggedIn(says: string): Promise<{ host: FakeHost; vault: Vault; machine: FakeMachine }> {
    const made = machine(`type = "oidc-browser"\nissuer = "${ISSUER}"\nclient_id = "people"`);
    const host = made.host();
    await keep(host, DISCOVERY, says);
    const vault = openVault(
      host,
      "keychain",
      loginKey({ name: "corp", kind: "oidc-browser", settings: IDENTITY }, host) ?? "",
    );
    const nowMs = made.clock.nowMs();
    const refreshToken = new Secret("R0");
    await vault.write({ refreshToken, issuer: ISSUER, subject: "ana", loggedInAtMs: nowMs, rotatedAtMs: nowMs });
    return { host, vault, machine: made };
  }
  const left = async (vault: Vault): Promise<string | undefined> => {
    const found = await vault.read();
    return found.ok ? found.value?.refreshToken.reveal() : undefined;
  };

  it("is sent once, though the answer is lost and the document has changed", async () => {
    const { host, machine: on } = await loggedIn(discovery(`${ISSUER}/token`));
    fakeProvider(host, { token_endpoint: `${ISSUER}/token2` });
    host.routes.on("POST", `${ISSUER}/token`, ({ onSent }) => {
      onSent?.();
      return failing("UNREACHABLE")();
    });
    host.routes.on("POST", `${ISSUER}/token2`, () => json({ error: "invalid_grant" }, 400));
    expect(await on.clock.run(run(["token"], host))).toBe(5);
    expect(host.routes.count(`${ISSUER}/token2`)).toBe(0);
  });

  it.each<[string, string, () => ReturnType<typeof json>, number, string | undefined]>([
    ["of before that cannot be checked", OLD, failing("UNREACHABLE"), 4, "R0"],
    ["of before", OLD, () => json(JSON.parse(discovery(`${ISSUER}/token`))), 4, "R0"],
    [
      "of the provider",
      `${ISSUER}/token`,
      () => json(JSON.parse(discovery(`${ISSUER}/token`, { request: 1 }))),
      3,
      undefined,
    ],
  ])("that an endpoint %s refuses", async (_, endpoint, answer, status, stays) => {
    const { host, vault, machine: on } = await loggedIn(discovery(endpoint));
    host.routes.on("GET", DISCOVERY, answer);
    host.routes.on("POST", endpoint, () => json({ error: "invalid_grant" }, 400));
    expect(await on.clock.run(run(["token"], host))).toBe(status);
    expect(await left(vault)).toBe(stays);
    expect(on.disk.below(DOCUMENTS)).toEqual([]);
  });
});
