import { describe, expect, it } from "vitest";
import { BrokerError } from "../../src/core/errors.ts";
import { certificates } from "../../src/doctor/checks/certificates.ts";
import { clock } from "../../src/doctor/checks/clock.ts";
import { discovery } from "../../src/doctor/checks/discovery.ts";
import { issuer } from "../../src/doctor/checks/issuer.ts";
import { names } from "../../src/doctor/checks/names.ts";
import { proxy } from "../../src/doctor/checks/proxy.ts";
import { sts } from "../../src/doctor/checks/sts.ts";
import { GOOD } from "../config/helpers.ts";
import { chain } from "../support/fake-host/probe.ts";
import { type FakeHost, json } from "../support/fake-host.ts";
import { look, said } from "./looking.ts";

const IDP = "https://idp.corp.example";
const DISCOVERY = `${IDP}/.well-known/openid-configuration`;
const STS_HOST = "sts.us-east-1.amazonaws.com";
const STS = `https://${STS_HOST}/?Action=GetCallerIdentity&Version=2011-06-15`;
const REFUSAL = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>MissingAuthenticationToken</Code></Error></ErrorResponse>`;
const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const DAY_MS = 86_400_000;

const at = (ms: number) => ({ date: new Date(NOW_MS + ms).toUTCString() });

describe("the clock", () => {
  const world = (idpMs: number, stsMs: number) => (host: FakeHost) => {
    host.routes.on("GET", DISCOVERY, () => ({ ...json({}), headers: at(idpMs) }));
    host.routes.on("GET", STS, () => ({ status: 403, headers: at(stsMs), body: REFUSAL }));
  };

  it("is compared with each server's own Date", async () => {
    expect(said(await look(clock, { arrange: world(0, 0) }))).toEqual([
      "ok: agrees with the identity provider idp.corp.example",
      `ok: agrees with the STS ${STS_HOST}`,
    ]);
  });

  it("warns from a minute on, and fails where Kerberos and signed calls do", async () => {
    const lines = await look(clock, { arrange: world(120_000, -600_000) });
    expect(said(lines)).toEqual([
      "warning: this machine's clock is 2 min behind the identity provider idp.corp.example",
      `failed: this machine's clock is 10 min ahead of the STS ${STS_HOST}`,
    ]);
    expect(lines.map(({ hint }) => hint)).toEqual(["timedatectl set-ntp true", "timedatectl set-ntp true"]);
  });
});

describe("certificates", () => {
  const shown = (hostName: string, ...changes: Parameters<typeof chain>) =>
    look(certificates, { arrange: (host) => void host.probe.chains.set(hostName, chain(...changes)) });

  it("names who vouches for each server", async () => {
    expect(said(await look(certificates))).toEqual([
      'ok: idp.corp.example shows "idp.corp.example" <- "Public CA"',
      `ok: ${STS_HOST} shows "${STS_HOST}" <- "Public CA"`,
    ]);
  });

  it("names who intercepts TLS to AWS, though this machine trusts them", async () => {
    const lines = await shown(STS_HOST, STS_HOST, "Corp Proxy CA", NOW_MS + 90 * DAY_MS, { publicRoot: "no" });
    expect(lines[1]).toMatchObject({ state: "warning" });
    expect(lines[1]?.detail).toMatch(/^tls interception by "Corp Proxy CA"/);
    expect(lines[1]?.hint).toContain("AWS_CA_BUNDLE");
  });

  it("takes a company's own authority for its own provider", async () => {
    const idp = "idp.corp.example";
    const [line] = await shown(idp, idp, "Corp Root", NOW_MS + 90 * DAY_MS, { publicRoot: "no" });
    expect(line).toMatchObject({ state: "ok", identity: "corp" });
    expect(line?.detail).toContain("an authority of your own company's");
  });

  it("fails with exit code 5 where we would not talk to it, with the setting to look at", async () => {
    const problem = new BrokerError("UNREACHABLE", `the certificate of ${STS_HOST} is not signed by an authority`, {
      hint: "name its certificate in AWS_CA_BUNDLE",
    });
    const lines = await shown(STS_HOST, STS_HOST, "Corp Proxy CA", NOW_MS + DAY_MS, { publicRoot: "no", problem });
    expect(lines[1]).toMatchObject({ state: "failed", exitCode: 5, hint: "name its certificate in AWS_CA_BUNDLE" });
    expect(lines[1]?.detail).toMatch(/^tls interception by "Corp Proxy CA"\?/);
  });

  it("warns a month before the first of them ends", async () => {
    const idp = "idp.corp.example";
    expect(said(await shown(idp, idp, "Corp Root", NOW_MS + 29 * DAY_MS))[1]).toMatch(
      /^warning: the certificate of "idp.* ends in/,
    );
    expect(said(await shown(idp, idp, "Corp Root", NOW_MS + 31 * DAY_MS))[1]).toMatch(/^ok/);
  });
});

describe("names and proxies", () => {
  it("are looked up, and through a proxy only the proxy's", async () => {
    expect(said(await look(names))[0]).toMatch(/^ok: idp\.corp\.example is 192\.0\.2\.7, found in \d+ ms$/);
    const lines = await look(names, {
      arrange: (host) => {
        host.probe.proxies.set("idp.corp.example", "http://proxy.corp.example:3128");
        host.probe.unresolved.add(STS_HOST);
      },
    });
    expect(said(lines)[0]).toMatch(/^ok: proxy\.corp\.example \(the proxy\) is/);
    expect(lines[1]).toMatchObject({
      state: "failed",
      exitCode: 5,
      detail: `${STS_HOST} cannot be resolved (ENOTFOUND)`,
    });
  });

  it("say which way each server is reached", async () => {
    const arrange = (host: FakeHost) => void host.probe.proxies.set(STS_HOST, "http://proxy.corp.example:3128");
    expect(said(await look(proxy, { arrange }))).toEqual([
      "ok: idp.corp.example is reached directly",
      `ok: ${STS_HOST} is reached through http://proxy.corp.example:3128`,
    ]);
  });
});

describe("discovery", () => {
  const DOCUMENT = { issuer: IDP, jwks_uri: `${IDP}/keys`, token_endpoint: `${IDP}/token` };
  const KEYS = { keys: [{ kty: "RSA", alg: "RS256", use: "sig" }] };
  const discovered = async (document: unknown, keys: unknown = KEYS) =>
    said(
      await look(discovery, {
        arrange: (host) => {
          host.routes.on("GET", DISCOVERY, () =>
            typeof document === "number" ? { status: document } : json(document),
          );
          host.routes.on("GET", `${IDP}/keys`, () => json(keys));
        },
      }),
    );

  it("is in order with the issuer as configured and a key that AWS takes", async () => {
    expect(await discovered(DOCUMENT)).toEqual([
      "ok: the discovery document is there and names the issuer as configured",
      "ok: AWS takes 1 of the 1 key that it publishes (RS256)",
    ]);
  });

  it.each([
    [
      { ...DOCUMENT, issuer: `${IDP}/` },
      KEYS,
      /^failed: the provider calls itself "https:\/\/idp\.corp\.example\/", and/,
    ],
    [404, KEYS, /^failed: there is nothing at .*openid-configuration \(HTTP 404\)/],
    [DOCUMENT, { keys: [{ kty: "OKP", alg: "EdDSA" }] }, /^failed: AWS takes none of the 1 key that it publishes/],
    [{ issuer: IDP }, KEYS, /^failed: the discovery document names no jwks_uri/],
    [{ ...DOCUMENT, jwks_uri: "http://idp.corp.example/keys" }, KEYS, /^failed: jwks_uri .* is not https/],
    [
      { ...DOCUMENT, grant_types_supported: ["authorization_code"] },
      KEYS,
      /^warning: it does not list the grant client_credentials/,
    ],
    [{ ...DOCUMENT, token_endpoint: "https://login.corp.example/token" }, KEYS, /also at login\.corp\.example/],
  ])("tells what is wrong with %j", async (document, keys, expected) => {
    const lines = await discovered(document, keys);
    expect(lines.filter((line) => expected.test(line))).toHaveLength(1);
  });

  it("tells of an issuer that AWS cannot reach, and is milder where the STS is not AWS's", async () => {
    const corp = GOOD.replaceAll("https://idp.corp.example", "https://10.1.2.3");
    expect(await look(issuer, { toml: corp })).toContainEqual(
      expect.objectContaining({ state: "failed", exitCode: 4, detail: expect.stringContaining("private or loopback") }),
    );
    const other = `${corp}endpoint_url = "https://ceph.corp.example"\n`;
    expect((await look(issuer, { toml: other })).map(({ state }) => state)).toEqual(["ok", "warning"]);
  });
});

describe("STS", () => {
  const answers = async (answer: Parameters<FakeHost["routes"]["on"]>[2]) =>
    (await look(sts, { arrange: (host) => void host.routes.on("GET", STS, answer) }))[0];

  it("is known by how it refuses an unsigned question", async () => {
    expect(await answers(() => ({ status: 403, body: REFUSAL }))).toMatchObject({ state: "ok", profile: "billing" });
  });

  it("is not taken for whatever else answers", async () => {
    const portal = { status: 200, headers: { "content-type": "text/html" }, body: "<html>log in" };
    expect(await answers(() => portal)).toMatchObject({ state: "failed", exitCode: 5 });
    expect((await answers(() => ({ status: 403, body: "<html><Code>x</Code>" })))?.state).toBe("failed");
  });

  it("says what keeps it from being asked", async () => {
    const refused = () => {
      throw new BrokerError("UNREACHABLE", `${STS_HOST} refuses connections`, { hint: "check the network" });
    };
    expect(await answers(refused)).toMatchObject({ state: "failed", exitCode: 5, hint: "check the network" });
  });
});
