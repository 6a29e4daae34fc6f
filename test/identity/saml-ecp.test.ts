/** SAML ECP over real sockets, into an STS that verifies with xmlsec1. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { TomlTable } from "../../src/core/types.ts";
import type { Kerberos } from "../../src/host/host.ts";
import { samlEcp } from "../../src/identity/saml-ecp.ts";
import type { Proof } from "../../src/identity/source.ts";
import { createCertificateAuthority } from "../support/certificates.ts";
import { type EcpServer, startEcpServer } from "../support/ecp-server.ts";
import { AWS_RECIPIENT } from "../support/saml-issuer.ts";
import { refusalOf, type SamlWorld, startSamlWorld } from "../support/saml-world.ts";

const PASSWORD = "päss:word&<1>";
const BASIC = { username: "svc-billing", password: { env: "IDP_PASSWORD" } };
let world: SamlWorld;
let idp: EcpServer;

beforeAll(async () => {
  world = await startSamlWorld();
  idp = await startEcpServer(world.issuer);
});

afterAll(async () => {
  await idp.close();
  await world.close();
});

beforeEach(() => {
  world.reset();
  Object.assign(idp, {
    refusal: "challenge",
    negotiate: undefined,
    assertion: {},
    status: undefined,
    declareOnEnvelope: false,
    signResponse: false,
    acsUrl: AWS_RECIPIENT,
    inResponseTo: undefined,
    answer: undefined,
  });
  idp.received.length = 0;
});

function acquire(
  table: TomlTable = {},
  {
    password = PASSWORD,
    kerberos,
    files,
  }: { password?: string; kerberos?: Kerberos; files?: Record<string, string> } = {},
): Promise<Proof> {
  const settings = samlEcp.parse({ idp_ecp_url: idp.url, ...(kerberos === undefined ? BASIC : {}), ...table });
  const parts = { ...(kerberos === undefined ? {} : { kerberos }), ...(files === undefined ? {} : { files }) };
  const host = world.host({ IDP_PASSWORD: password }, parts);
  return samlEcp.acquire(settings, { host, signal: AbortSignal.timeout(20_000) });
}

describe("ECP with a password", () => {
  it("gives a response that STS takes, in one request, the password sent unasked", async () => {
    const proof = await acquire();
    expect(idp.refusedBecause).toBeUndefined();
    expect(idp.received).toHaveLength(1);
    expect(proof).toMatchObject({ kind: "saml", name: `the SAML response of ${new URL(idp.url).origin}` });
    expect((await world.redeem(proof)).accessKeyId).toMatch(/^ASIA/);
  });

  it.each([
    ["the Response is signed", { signResponse: true }],
    ["the assertion is signed and the Envelope declares its prefixes", { declareOnEnvelope: true }],
    ["the Response is signed and the Envelope declares its prefixes", { declareOnEnvelope: true, signResponse: true }],
    [
      "inclusive canonicalization covers what the Envelope declares",
      { declareOnEnvelope: true, signResponse: true, assertion: { canonicalization: "inclusive" } },
    ],
    [
      "a PrefixList names what the Envelope declares",
      { declareOnEnvelope: true, assertion: { prefixList: "xs xsi soap11" } },
    ],
  ] as const)("keeps the signature valid where %s", async (_, change) => {
    Object.assign(idp, change);
    expect((await world.redeem(await acquire())).accessKeyId).toMatch(/^ASIA/);
  });

  it("leaves the Response's bytes alone, and adds nothing but what the Envelope declares", async () => {
    idp.declareOnEnvelope = true;
    let tail = "";
    idp.answer = (correct) => {
      tail = /<samlp:Response( ID=[\s\S]*<\/samlp:Response>)/.exec(correct)?.[1] ?? "";
      return { body: correct };
    };
    const proof = await acquire();
    const xml = proof.kind === "saml" ? Buffer.from(proof.response.reveal(), "base64").toString("utf8") : "";
    expect(tail.length).toBeGreaterThan(1000);
    expect(xml.endsWith(tail)).toBe(true);
    expect(xml.slice(0, -tail.length)).toMatch(/^<samlp:Response(?: xmlns:\w+="[^"]+")+$/);
  });

  it("finds the endpoint in the metadata, and checks the signature with it", async () => {
    const files = { "/etc/idp.xml": idp.metadata() };
    const settings = samlEcp.parse({ ...BASIC, metadata: "/etc/idp.xml" });
    const host = world.host({ IDP_PASSWORD: PASSWORD }, { files });
    const proof = await samlEcp.acquire(settings, { host, signal: AbortSignal.timeout(20_000) });
    expect((await world.redeem(proof)).accessKeyId).toMatch(/^ASIA/);
  });

  it("takes the metadata from a URL too, and says so when it names no ECP endpoint", async () => {
    const url = idp.url.replace(/\/idp.*/, "/metadata");
    const settings = samlEcp.parse({ ...BASIC, metadata: url });
    const context = { host: world.host({ IDP_PASSWORD: PASSWORD }), signal: AbortSignal.timeout(20_000) };
    expect((await samlEcp.acquire(settings, context)).kind).toBe("saml");
    const files = { "/etc/idp.xml": world.issuer.metadata() };
    const none = samlEcp.parse({ ...BASIC, metadata: "/etc/idp.xml" });
    const host = world.host({ IDP_PASSWORD: PASSWORD }, { files });
    const error = await refusalOf(samlEcp.acquire(none, { host, signal: AbortSignal.timeout(20_000) }));
    expect(error).toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("no SingleSignOnService with the SOAP"),
    });
  });

  it.each([
    ["challenge", "HTTP 401"],
    ["status", "AuthnFailed: Invalid credentials"],
    ["fault", "HTTP 500, Server: An authentication error"],
    ["page-400", "HTTP 400 and a web page"],
  ] as const)("recognises a wrong password by %s, and never shows it", async (refusal, said) => {
    idp.refusal = refusal;
    const error = await refusalOf(acquire({}, { password: "wrong-secret-42" }));
    expect(error).toMatchObject({ code: "IDP_REFUSED", exitCode: 4 });
    expect(error.message).toContain(said);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain("wrong-secret-42");
    expect(inspect(error)).not.toContain(Buffer.from("svc-billing:wrong-secret-42").toString("base64"));
    expect(world.logged.join("\n")).not.toContain("wrong-secret-42");
  });

  it("does not hand on the beginning of a password that is quoted where the text is cut", async () => {
    idp.status = ["Responder/AuthnFailed", `${"x".repeat(294)} päss:word&amp;&lt;1>`];
    const error = await refusalOf(acquire());
    expect(error.message).toContain("x [secret]…");
    expect(error.message).not.toContain("pä");
  });

  it("does not hand on a password that the IdP quotes", async () => {
    idp.status = ["Responder/AuthnFailed", "bad password 'päss:word&amp;&lt;1>'"];
    const error = await refusalOf(acquire());
    expect(error.message).toContain("[secret]");
    expect(error.message).not.toContain("päss");
  });

  it.each([
    ["Requester/RequestDenied", "refuses a SAML response for AWS", "binding PAOS"],
    ["Requester/InvalidNameIDPolicy", "InvalidNameIDPolicy", "urn:amazon:webservices"],
    ["Responder/NoAuthnContext", "does not accept user", "check username"],
    ["Responder/UnknownPrincipal", "does not accept user", "check username"],
  ])("names the status %s, which comes with HTTP 200", async (code, said, hint) => {
    idp.status = [code, "no \u0085 more"];
    const error = await refusalOf(acquire());
    expect(error.message).toContain(said);
    expect(error.hint).toContain(hint);
    expect(error.message).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  });

  it("uses no response that is for somebody else", async () => {
    idp.acsUrl = "https://evil.example/acs";
    const error = await refusalOf(acquire());
    expect(error).toMatchObject({ code: "IDP_INVALID_ANSWER" });
    expect(error.message).toContain(
      'is for "https://evil.example/acs", and not for https://signin.aws.amazon.com/saml',
    );
  });

  it("uses no response to another request", async () => {
    idp.inResponseTo = "_somebody-elses";
    expect((await refusalOf(acquire())).message).toContain("another request than ours");
  });

  it.each<[string, NonNullable<EcpServer["answer"]>, string]>([
    [
      "a DOCTYPE",
      (xml) => ({ body: xml.replace("?>", '?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>') }),
      "DOCTYPE",
    ],
    [
      "no ecp:Response header",
      (xml) => ({ body: xml.replace(/<soap11:Header>.*<\/soap11:Header>/s, "") }),
      "does not say whom",
    ],
    [
      "two ecp:Response headers",
      (xml) => ({ body: xml.replace(/(<ecp:Response[^>]*>)/, "$1$1") }),
      "does not say whom",
    ],
    [
      "two responses",
      (xml) => ({ body: xml.replace(/(<samlp:Response[\s\S]*<\/samlp:Response>)/, "$1$1") }),
      "more than that",
    ],
    [
      "SOAP of another version",
      (xml) => ({ body: xml.replaceAll("http://schemas.xmlsoap.org/soap/envelope/", "urn:soap") }),
      "web page",
    ],
    ["a web page with 200", () => ({ type: "text/html", body: "<html>login</html>" }), "web page instead of SOAP"],
    ["a redirect", () => ({ status: 302, type: "text/html", body: "" }), "redirects"],
    ["600 kB", (xml) => ({ body: xml + " ".repeat(600_000) }), ""],
  ])("refuses %s", async (_, answer, said) => {
    idp.answer = answer;
    const error = await refusalOf(acquire());
    expect(error.code).toBe("IDP_INVALID_ANSWER");
    expect(error.message).toContain(said);
    expect(error.message).not.toContain("Assertion>");
  });

  it("says so when there is no endpoint", async () => {
    const error = await refusalOf(acquire({ idp_ecp_url: idp.url.replace("ECP", "NONE") }));
    expect(error).toMatchObject({ code: "IDP_REFUSED", message: expect.stringContaining("HTTP 404") });
  });

  it("logs neither password nor response", async () => {
    await world.redeem(await acquire());
    const logged = world.logged.join("\n");
    expect(logged).toContain("ECP with basic answered HTTP 200");
    expect(logged).not.toContain(PASSWORD);
    expect(logged).not.toMatch(/<\w*:?Assertion|PHNhbWxw/);
  });
});

describe("ECP with Kerberos", () => {
  it("answers Negotiate with a ticket for the endpoint's host, over TLS", async () => {
    const ca = await createCertificateAuthority();
    const directory = mkdtempSync(join(tmpdir(), "sts-broker-ecp-"));
    writeFileSync(join(directory, "ca.pem"), ca.cert);
    const server = await startEcpServer(world.issuer, await ca.issueServer());
    server.negotiate = (token) => ({ accepted: token === "dGlja2V0", answer: "YXAtcmVw" });
    const opened: string[] = [];
    const kerberos = {
      open: async (spn: string) => {
        opened.push(spn);
        return {
          mutual: true,
          step: async (challenge: string | undefined) => (challenge === undefined ? "dGlja2V0" : ""),
        };
      },
    } as unknown as Kerberos;
    const url = server.url.replace("127.0.0.1", "localhost");
    const settings = samlEcp.parse({
      idp_ecp_url: url,
      ca_file: join(directory, "ca.pem"),
      kerberos_spn: "HTTP/idp.corp.example",
    });
    const context = { host: world.host({}, { kerberos }), signal: AbortSignal.timeout(20_000) };
    const error = await refusalOf(samlEcp.acquire(settings, context));
    // The strict server knows itself by its address: the request was authenticated, and then told from one for another host.
    expect(server.refusedBecause).toContain("Destination");
    expect(error.message).toContain("HTTP 500, Client");
    expect(opened).toEqual(["HTTP@idp.corp.example"]);
    const own = samlEcp.parse({
      idp_ecp_url: server.url,
      ca_file: join(directory, "ca.pem"),
      kerberos_spn: "HTTP/idp.corp.example",
    });
    expect((await world.redeem(await samlEcp.acquire(own, context))).accessKeyId).toMatch(/^ASIA/);
    await server.close();
    rmSync(directory, { recursive: true });
  });

  it("sends a ticket to plain http nowhere", async () => {
    idp.negotiate = () => ({ accepted: true });
    const kerberos = { open: () => Promise.reject(new Error("a ticket was asked for")) };
    const error = await refusalOf(acquire({ auth: "negotiate" }, { kerberos }));
    expect(error.message).not.toContain("a ticket was asked for");
  });
});

describe("the settings of saml-ecp", () => {
  it.each<[string, TomlTable, string]>([
    ["nowhere to go", BASIC, "neither idp_ecp_url nor metadata"],
    ["a password without a user", { idp_ecp_url: "https://x", password: { env: "X" } }, "basic needs username"],
    ["a user for Kerberos", { idp_ecp_url: "https://x", auth: "negotiate", username: "x" }, "username is for basic"],
    ["a colon in the user name", { ...BASIC, idp_ecp_url: "https://x", username: "a:b" }, "colon"],
    ["a line end in the user name", { ...BASIC, idp_ecp_url: "https://x", username: "a\r\nX: y" }, "control character"],
  ])("refuse %s", (_, table, said) => {
    expect(() => samlEcp.parse(table)).toThrow(said);
  });
});
