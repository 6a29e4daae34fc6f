import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TomlTable } from "../../src/core/types.ts";
import type { Host, Kerberos } from "../../src/host/host.ts";
import { samlKerberos } from "../../src/identity/saml-kerberos.ts";
import { type Certificate, createCertificateAuthority } from "../support/certificates.ts";
import { adfsLogin, postingPage, SECOND_FACTOR_PAGES } from "../support/idp-pages.ts";
import { failure, type PagesHost, pagesHost, prove } from "../support/idp-pages-host.ts";
import { type PageAnswer, type PageRequest, type PageServer, startPageServer } from "../support/idp-pages-server.ts";

const RESPONSE = "PHNhbWxwOlJlc3BvbnNlLz4=";
const TICKET = Buffer.from("canary-ticket").toString("base64");
const ASSERTION: PageAnswer = { body: postingPage("https://signin.aws.amazon.com/saml", { SAMLResponse: RESPONSE }) };
const LOGIN: PageAnswer = { body: adfsLogin({ hidden: {}, action: "/adfs/ls/" }) };

let folder: string;
let caFile: string;
let certificate: Certificate;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sts-broker-saml-kerberos-"));
  const ca = await createCertificateAuthority();
  caFile = join(folder, "ca.pem");
  writeFileSync(caFile, ca.cert);
  certificate = await ca.issueServer();
});
afterAll(() => rmSync(folder, { recursive: true }));

let server: PageServer;
let host: PagesHost;
let opened: string[];
beforeEach(async () => {
  server = await startPageServer(certificate);
  opened = [];
  const pages = pagesHost();
  const kerberos: Kerberos = {
    open: async (spn) => {
      opened.push(spn);
      return { step: async () => TICKET, mutual: false };
    },
  };
  host = { ...pages, host: { ...pages.host, kerberos } as Host };
});
afterEach(async () => {
  host.close();
  await server.close();
  expect(host.lines.join("\n")).not.toContain(TICKET);
});

/** By name, since the address of the same server is the other host. */
const origin = (): string => `https://localhost:${server.port}`;
const table = (path: string, more: TomlTable = {}): TomlTable => ({
  url: `${origin()}${path}`,
  ca_file: caFile,
  ...more,
});
const asks = ({ headers }: PageRequest, then: PageAnswer): PageAnswer =>
  headers.authorization === `Negotiate ${TICKET}`
    ? then
    : { status: 401, headers: { "www-authenticate": "Negotiate" }, body: LOGIN.body ?? "" };

describe("single sign-on", () => {
  test("AD FS offers Negotiate to the default User-Agent, and a login form to others", async () => {
    server.on("GET /adfs/ls/IdpInitiatedSignOn.aspx", (request) =>
      /Trident\/7\.0/.test(request.headers["user-agent"] ?? "")
        ? { status: 302, headers: { location: "/adfs/ls/wia" } }
        : LOGIN,
    );
    server.on("GET /adfs/ls/wia", (request) => asks(request, ASSERTION));
    const path = "/adfs/ls/IdpInitiatedSignOn.aspx?loginToRp=urn:amazon:webservices";
    const proof = await prove(samlKerberos, table(path), host);
    expect(proof.kind === "saml" && proof.response.reveal()).toBe(RESPONSE);
    expect(opened).toEqual(["HTTP@localhost"]);

    const said = await failure(prove(samlKerberos, table(path, { user_agent: "curl/8" }), host));
    expect(said).toMatchObject({
      code: "IDP_REFUSED",
      message: `no single sign-on: ${origin()} showed its login page`,
    });
    expect(said.hint).toContain("it never asked for a ticket");
    expect(said.hint).toContain("user_agent");
  });

  test("a ticket goes to the host that asks and is configured, not along with a redirect or a form", async () => {
    server.on("GET /", (request) => asks(request, { status: 302, headers: { location: "/next" } }));
    server.on("GET /next", { body: postingPage("/last", { SAMLRequest: "x" }) });
    server.on("POST /last", ASSERTION);
    await prove(samlKerberos, table("/"), host);
    expect(server.requests.map(({ path, headers }) => [path, headers.authorization !== undefined])).toEqual([
      ["/", false],
      ["/", true],
      ["/next", false],
      ["/last", false],
    ]);
  });

  test("another host of the IdP gets a ticket only by its name in kerberos_hosts", async () => {
    const other = `https://127.0.0.1:${server.port}`;
    server.on("GET /", { status: 302, headers: { location: `${other}/sso` } });
    server.on("GET /sso", (request) => asks(request, ASSERTION));
    const stranger = await failure(prove(samlKerberos, table("/", { origins: [other] }), host));
    expect(opened).toEqual([]);
    expect(`${stranger.message} ${stranger.hint}`).toContain("kerberos_hosts");
    await prove(samlKerberos, table("/", { origins: [other], kerberos_hosts: ["127.0.0.1"] }), host);
    expect(opened).toEqual(["HTTP@127.0.0.1"]);
    const outside = await failure(prove(samlKerberos, table("/", { kerberos_hosts: ["127.0.0.1"] }), host));
    expect(outside.message).toContain("which is not one of its origins");
  });
});

describe("no single sign-on", () => {
  test("a login page although a ticket was sent", async () => {
    server.on("GET /", (request) => asks(request, LOGIN));
    const said = await failure(prove(samlKerberos, table("/"), host));
    expect(said.message).toBe(`no single sign-on: ${origin()} showed its login page`);
    expect(said.hint).toContain("a ticket was sent");
    expect(server.requests.every(({ method }) => method === "GET")).toBe(true);
  });

  test("a second factor after the ticket", async () => {
    server.on("GET /", (request) => asks(request, { body: SECOND_FACTOR_PAGES["Keycloak, one-time code"] ?? "" }));
    expect(await failure(prove(samlKerberos, table("/"), host))).toMatchObject({ code: "LOGIN_REQUIRED" });
  });

  test("a page that says why", async () => {
    server.on("GET /", (request) =>
      asks(request, { body: `<title>Sorry</title><p class="error">No \u001b[1maccess to AWS</p>` }),
    );
    expect(await failure(prove(samlKerberos, table("/"), host))).toMatchObject({
      code: "IDP_REFUSED",
      message: `${origin()} shows a page instead of sending a SAML response for AWS (page "Sorry"): "No [1maccess to AWS"`,
    });
  });

  test("plain http, even to loopback, gets no ticket", async () => {
    const plain = await startPageServer();
    plain.on("GET /", (request) => asks(request, ASSERTION));
    await failure(prove(samlKerberos, { url: `${plain.url}/` }, host));
    expect(opened).toEqual([]);
    await plain.close();
  });
});
