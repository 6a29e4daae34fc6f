/** AD FS by WS-Trust 1.3, over real sockets, into an STS that verifies with xmlsec1. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { SettingError } from "../../src/core/settings.ts";
import type { TomlTable } from "../../src/core/types.ts";
import type { Kerberos } from "../../src/host/host.ts";
import { samlWsTrust } from "../../src/identity/saml-wstrust.ts";
import type { Proof } from "../../src/identity/source.ts";
import { type AdfsServer, startAdfsServer } from "../support/adfs-server.ts";
import { type CertificateAuthority, createCertificateAuthority } from "../support/certificates.ts";
import { AWS_RECIPIENT, createSamlIssuer, type SamlIssuer } from "../support/saml-issuer.ts";
import { refusalOf, type SamlWorld, startSamlWorld } from "../support/saml-world.ts";

const USER = "svc-billing@corp.example";
const PASSWORD = "pass & <word> \"'ü";
let world: SamlWorld;
let adfs: AdfsServer;
let ca: CertificateAuthority;
let client: SamlIssuer;

beforeAll(async () => {
  world = await startSamlWorld();
  ca = await createCertificateAuthority();
  client = await createSamlIssuer("client");
  adfs = await startAdfsServer({ issuer: world.issuer, tls: await ca.issueServer() });
  adfs.certificates.push(client.certificate);
});

afterAll(async () => {
  await adfs.close();
  await world.close();
});

beforeEach(() => {
  world.reset();
  adfs.assertion = { recipient: AWS_RECIPIENT };
  adfs.users.clear();
  adfs.users.set(USER, PASSWORD);
  adfs.relyingParties.clear();
  adfs.relyingParties.add("urn:amazon:webservices");
  adfs.disabled.clear();
  adfs.signatureAlgorithm = "rsa-sha1";
  adfs.envelopeNamespaces = {};
  adfs.token = undefined;
  adfs.answer = undefined;
  adfs.fault = undefined;
  adfs.relatesTo = undefined;
  adfs.negotiate = () => ({ accepted: false });
  adfs.received.length = 0;
});

const PASSWORD_TABLE = { username: USER, password: { env: "IDP_PASSWORD" } };
const CERTIFICATE_TABLE = {
  method: "certificatemixed",
  client_certificate: "/etc/client.pem",
  client_certificate_key: { env: "CLIENT_KEY" },
};

function acquire(
  table: TomlTable = PASSWORD_TABLE,
  { password = PASSWORD, kerberos }: { password?: string; kerberos?: Kerberos } = {},
): Promise<Proof> {
  const settings = samlWsTrust.parse({ endpoint: adfs.url, ca_file: "/etc/ca.pem", ...table });
  const files = { "/etc/client.pem": client.certificate, "/etc/krb5.keytab": "keytab" };
  const host = world.host(
    { IDP_PASSWORD: password, CLIENT_KEY: client.privateKey },
    { files, ...(kerberos === undefined ? {} : { kerberos }) },
  );
  return samlWsTrust.acquire({ ...settings, caFile: caPath() }, { host, signal: AbortSignal.timeout(20_000) });
}

let written: string | undefined;
function caPath(): string {
  written ??= writeCa();
  return written;
}

function writeCa(): string {
  const path = join(mkdtempSync(join(tmpdir(), "sts-broker-wstrust-")), "ca.pem");
  writeFileSync(path, ca.cert);
  return path;
}

function textOf(proof: Proof): string {
  if (proof.kind !== "saml") throw new Error("not SAML");
  return Buffer.from(proof.response.reveal(), "base64").toString("utf8");
}

describe("AD FS with a password (usernamemixed)", () => {
  it("gives an assertion that STS takes, its signature checked by xmlsec1", async () => {
    const proof = await acquire();
    expect(proof).toMatchObject({ kind: "saml", name: `the SAML assertion of AD FS at ${adfs.url}` });
    const credentials = await world.redeem(proof);
    expect(credentials.assumedRoleArn).toBe("arn:aws:sts::123456789012:assumed-role/billing/svc-billing@corp.example");
    expect(adfs.refusedBecause).toBeUndefined();
  });

  it.each([
    ["a default namespace", { prefix: "" }],
    ["a prefix of its own", { prefix: "saml" }],
    ["prefixes that the Envelope declares", { prefix: "saml", declare: false }],
    ["prefixes of the Envelope and a PrefixList", { prefix: "saml", declare: false, prefixList: "xs xsi" }],
    ["inclusive canonicalization, which signs what is in scope", { prefix: "saml", canonicalization: "inclusive" }],
    [
      "inclusive canonicalization of inherited prefixes",
      { prefix: "saml", declare: false, canonicalization: "inclusive" },
    ],
  ] as const)("keeps the signature valid with %s", async (_, options) => {
    adfs.assertion = { recipient: AWS_RECIPIENT, ...options };
    const credentials = await world.redeem(await acquire());
    expect(credentials.accessKeyId).toMatch(/^ASIA/);
  });

  it("keeps it valid where the Envelope has a default namespace, which the assertion then inherits", async () => {
    adfs.assertion = { recipient: AWS_RECIPIENT, prefix: "saml", canonicalization: "inclusive" };
    adfs.envelopeNamespaces = { "": "urn:of-the-envelope", odd: "urn:odd" };
    expect((await world.redeem(await acquire())).accessKeyId).toMatch(/^ASIA/);
  });

  it("leaves the assertion's bytes alone, and adds nothing but inherited namespaces to its start tag", async () => {
    let sent = "";
    adfs.answer = (correct) => {
      sent = /<Assertion[\s\S]*<\/Assertion>/.exec(correct)?.[0] ?? "";
      return { body: correct };
    };
    const xml = textOf(await acquire());
    const [, tail = ""] = /^<Assertion( xmlns=[\s\S]*)$/.exec(sent) ?? [];
    expect(tail.length).toBeGreaterThan(1000);
    expect(xml).toContain(tail);
    expect(xml.slice(xml.indexOf("<Assertion"), xml.indexOf(tail))).toMatch(/^<Assertion(?: xmlns:\w+="[^"]+")*$/);
  });

  it("says which configuration STS then refuses, since AD FS leaves the Recipient out", async () => {
    adfs.assertion = { recipient: undefined };
    const error = await refusalOf(acquire().then((proof) => world.redeem(proof)));
    expect(error.exitCode).toBe(4);
    expect(error.message).toMatch(/Recipient/);
  });

  it("wraps an encrypted token as SAML has it", async () => {
    adfs.token = () => '<xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"><x/></xenc:EncryptedData>';
    adfs.answer = (correct) => ({ body: correct });
    adfs.assertion = { sign: false };
    expect(textOf(await acquire())).toContain(
      '<EncryptedAssertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion"><xenc:EncryptedData',
    );
  });

  it("sends names and passwords as text, whatever is in them", async () => {
    const name = "</o:Username><o:Username>admin<!-- ]]> & \"'";
    adfs.users.set(name, PASSWORD);
    await acquire({ ...PASSWORD_TABLE, username: name });
    expect(adfs.received[0]).not.toContain("<o:Username>admin");
  });

  it("refuses a control character in the user name before anything is sent", async () => {
    const error = await refusalOf(acquire({ ...PASSWORD_TABLE, username: "a\u0000b" }));
    expect(error).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("username holds a control"),
    });
    expect(adfs.received).toHaveLength(0);
  });

  it("names what a wrong password can be, and never the password", async () => {
    const error = await refusalOf(acquire(PASSWORD_TABLE, { password: "wrong-secret-42" }));
    expect(error).toMatchObject({ code: "IDP_REFUSED", exitCode: 4 });
    expect(error.message).toContain(
      `does not accept user "${USER}": the password is wrong or expired, or the account is locked`,
    );
    expect(error.message).toContain("ID3242");
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("wrong-secret-42");
    expect(world.logged.join("\n")).not.toContain("wrong-secret-42");
  });

  it("does not hand on the beginning of a password that is quoted where the text is cut", async () => {
    adfs.fault = { code: "FailedAuthentication", reason: `${"x".repeat(294)} ${PASSWORD}` };
    const error = await refusalOf(acquire());
    expect(error.message).toContain("x [secret]…");
    expect(error.message).not.toContain(`x ${PASSWORD[0]}`);
  });

  it("does not hand on a password that a server quotes", async () => {
    adfs.fault = { code: "FailedAuthentication", reason: `no such password: ${PASSWORD}` };
    const error = await refusalOf(acquire());
    expect(error.message).toContain("[secret]");
    expect(inspect(error)).not.toContain(PASSWORD);
  });

  it.each([
    ["FailedAuthentication", "The account is locked out.", "is locked", "Unlock-ADAccount"],
    ["FailedAuthentication", "The user's password has expired.", "has expired", "changed"],
    ["FailedAuthentication", "MSIS7068: Access denied.", "not to the relying party trust", "access control policy"],
    ["RequestFailed", "MSIS3127: The specified request failed.", "could not issue a token", "events 111"],
    ["InvalidSecurity", "An error occurred when verifying security for the message.", "security header", "clocks"],
    ["InvalidRequest", "ID3004: x", "does not take a WS-Trust 1.3 request", "/adfs/services/trust/13/usernamemixed"],
    ["Odd\u001b[2J", "Something <else>", "refuses user", undefined],
  ])("names a fault: %s (%s)", async (code, reason, said, hint) => {
    adfs.fault = { code: code.replace("\u001b", ""), reason };
    const error = await refusalOf(acquire());
    expect(error.message).toContain(said);
    if (hint !== undefined) expect(error.hint).toContain(hint);
    expect(`${error.message}${error.hint}`).not.toMatch(/[\u0000-\u001f]/);
  });

  it("names a relying party trust that AD FS does not know", async () => {
    const error = await refusalOf(acquire({ ...PASSWORD_TABLE, applies_to: "urn:amazon:webservice" }));
    expect(error.message).toContain('knows no enabled relying party trust "urn:amazon:webservice"');
    expect(error.hint).toContain("Get-AdfsRelyingPartyTrust");
  });

  it.each([
    [503, "UNREACHABLE"],
    [404, "IDP_REFUSED"],
  ])("says how to enable an endpoint that answers %i", async (status, code) => {
    if (status === 503) adfs.disabled.add("usernamemixed");
    const table = status === 404 ? { endpoint: `${adfs.url}/adfs/services/trust/2005/usernamemixed` } : {};
    const error = await refusalOf(acquire({ ...PASSWORD_TABLE, ...table }));
    expect(error.code).toBe(code);
    expect(error.hint).toContain("Enable-AdfsEndpoint -TargetAddressPath /adfs/services/trust/13/usernamemixed");
  });

  it.each<[string, NonNullable<AdfsServer["answer"]>, string]>([
    ["a DOCTYPE", (xml) => ({ body: `<!DOCTYPE x [<!ENTITY a "b">]>${xml}` }), "it has a DOCTYPE"],
    [
      "a DOCTYPE behind the declaration",
      (xml) => ({ body: `<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd">${xml}` }),
      "DOCTYPE",
    ],
    ["another encoding", (xml) => ({ body: Buffer.from(`<?xml version="1.0" encoding="utf-16"?>${xml}`) }), "UTF-8"],
    ["bytes that are no UTF-8", (xml) => ({ body: Buffer.concat([Buffer.from(xml), Buffer.from([0xff])]) }), "UTF-8"],
    ["bottomless XML", () => ({ body: "<a>".repeat(100_000) }), "too large or too deep"],
    ["half an answer", (xml) => ({ body: xml.slice(0, 900) }), "not well-formed"],
    ["an unknown entity", (xml) => ({ body: xml.replace("<s:Body>", "<s:Body>&xxe;") }), "entity"],
    ["two bodies", (xml) => ({ body: xml.replace("<s:Body>", "<s:Body/><s:Body>") }), "Body"],
    ["a web page", () => ({ type: "text/html", body: "<html><body>Sign in</body></html>" }), "not SOAP"],
    ["nothing", () => ({ body: "" }), "not SOAP"],
    [
      "an empty envelope",
      () => ({ body: '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body/></s:Envelope>' }),
      "0 tokens",
    ],
    ["a 600 kB answer", (xml) => ({ body: xml.replace("<s:Body>", `<s:Body>${" ".repeat(600_000)}`) }), ""],
  ])("refuses %s", async (_, answer, said) => {
    adfs.answer = answer;
    const error = await refusalOf(acquire());
    expect(error.code).toBe("IDP_INVALID_ANSWER");
    expect(error.message).toContain(said);
    expect(error.message).not.toContain("Assertion>");
  });

  it("refuses a second assertion beside the first", async () => {
    adfs.token = (assertion) => `${assertion}<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="_evil"/>`;
    expect((await refusalOf(acquire())).message).toContain("without a token, or with several");
  });

  it("refuses SAML 1.1, which AWS does not take", async () => {
    adfs.token = () => '<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion"/>';
    adfs.assertion = { sign: false };
    expect(await refusalOf(acquire())).toMatchObject({ code: "ASSERTION_UNUSABLE", exitCode: 4 });
  });

  it("refuses an answer to somebody else's request", async () => {
    adfs.relatesTo = "urn:uuid:00000000-0000-4000-8000-000000000000";
    expect((await refusalOf(acquire())).message).toContain("another request than ours");
  });

  it("checks the signature before STS sees it, where metadata is configured", async () => {
    const stranger = await createSamlIssuer();
    const files = { "/etc/idp.xml": stranger.metadata() };
    const settings = samlWsTrust.parse({ endpoint: adfs.url, ...PASSWORD_TABLE, metadata: "/etc/idp.xml" });
    const host = world.host({ IDP_PASSWORD: PASSWORD }, { files });
    const proof = await samlWsTrust.acquire(
      { ...settings, caFile: caPath() },
      { host, signal: AbortSignal.timeout(20_000) },
    );
    const before = world.sts.count();
    expect((await refusalOf(world.redeem(proof))).code).toBe("ASSERTION_UNUSABLE");
    expect(world.sts.count()).toBe(before);
  });

  it("logs neither password nor assertion", async () => {
    const proof = await acquire();
    await world.redeem(proof);
    const logged = world.logged.join("\n");
    expect(logged).toContain("usernamemixed");
    expect(logged).not.toContain(PASSWORD);
    expect(logged).not.toMatch(/<\w*:?Assertion|PHNhbWxw|PFJlc3Bv/);
  });
});

describe("AD FS with a client certificate (certificatemixed)", () => {
  it.each(["rsa-sha1", "rsa-sha256"] as const)(
    "signs Timestamp and To with %s, as xmlsec1 finds too",
    async (algorithm) => {
      adfs.signatureAlgorithm = algorithm;
      const proof = await acquire({ ...CERTIFICATE_TABLE, signature_algorithm: algorithm });
      expect(adfs.refusedBecause).toBeUndefined();
      expect((await world.redeem(proof)).accessKeyId).toMatch(/^ASIA/);
    },
  );

  it("signs a URL with characters that XML escapes", async () => {
    const error = await refusalOf(
      acquire({ ...CERTIFICATE_TABLE, endpoint: `${adfs.url}/adfs/services/trust/13/certificatemixed?a=1&b='x'` }),
    );
    expect(error.code).toBe("IDP_REFUSED");
    expect(adfs.received[0]).toContain("?a=1&amp;b=");
  });

  it("names the other algorithm when AD FS wants that", async () => {
    adfs.signatureAlgorithm = "rsa-sha256";
    const error = await refusalOf(acquire(CERTIFICATE_TABLE));
    expect(adfs.refusedBecause).toContain("rsa-sha1");
    expect(error.hint).toContain("signature_algorithm");
  });

  it("says so when the certificate is nobody's there", async () => {
    adfs.certificates.length = 0;
    const error = await refusalOf(acquire(CERTIFICATE_TABLE));
    adfs.certificates.push(client.certificate);
    expect(error.message).toContain("does not accept the client certificate");
    expect(error.hint).toContain("altSecurityIdentities");
  });

  it("never shows the key, nor sends it", async () => {
    await acquire(CERTIFICATE_TABLE);
    const body = client.privateKey.split("\n")[1] ?? "";
    expect(adfs.received.join()).not.toContain(body);
    expect(world.logged.join()).not.toContain(body);
  });
});

describe("AD FS with Kerberos (windowstransport)", () => {
  it("answers Negotiate and sends no security header", async () => {
    adfs.negotiate = (token) => ({ accepted: token === "dGlja2V0", answer: "YXAtcmVw" });
    const opened: string[] = [];
    const kerberos = {
      open: async (spn: string) => {
        opened.push(spn);
        let mutual = false;
        return {
          get mutual() {
            return mutual;
          },
          step: async (challenge: string | undefined) => {
            mutual = challenge !== undefined;
            return challenge === undefined ? "dGlja2V0" : "";
          },
        };
      },
    } as unknown as Kerberos;
    const proof = await acquire(
      { keytab: "/etc/krb5.keytab", principal: "HOST$@CORP.EXAMPLE", kerberos_spn: "HTTP/adfs.corp.example" },
      { kerberos },
    );
    expect(opened).toEqual(["HTTP@adfs.corp.example"]);
    expect(adfs.received.at(-1)).not.toContain("o:Security");
    expect((await world.redeem(proof)).accessKeyId).toMatch(/^ASIA/);
  });
});

describe("the settings of saml-wstrust", () => {
  it.each<[string, TomlTable, string]>([
    ["a password without a user", { password: { env: "X" } }, "usernamemixed needs username"],
    ["a user with Kerberos", { method: "windowstransport", username: "x" }, "username is for usernamemixed"],
    ["a certificate without its key", { client_certificate: "/x" }, "certificatemixed needs client_certificate_key"],
    ["metadata that is no place", { ...PASSWORD_TABLE, metadata: "idp.xml" }, "neither an absolute path"],
  ])("refuse %s", (_, table, said) => {
    expect(() => samlWsTrust.parse({ endpoint: "https://adfs.corp.example", ...table })).toThrow(SettingError);
    expect(() => samlWsTrust.parse({ endpoint: "https://adfs.corp.example", ...table })).toThrow(said);
  });

  it("find the endpoint of the method by the host alone, and take a whole URL as it is", () => {
    const of = (endpoint: string): string =>
      (samlWsTrust.parse({ endpoint, ...PASSWORD_TABLE }) as { endpoint: URL }).endpoint.href;
    expect(of("https://adfs.corp.example")).toBe("https://adfs.corp.example/adfs/services/trust/13/usernamemixed");
    expect(of("https://sts.corp.example/trust/x")).toBe("https://sts.corp.example/trust/x");
  });
});
