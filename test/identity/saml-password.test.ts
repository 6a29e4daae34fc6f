import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TomlTable } from "../../src/core/types.ts";
import { samlPassword } from "../../src/identity/saml-password.ts";
import { SECOND_FACTOR_PAGES } from "../support/idp-pages.ts";
import { failure, type PagesHost, pagesHost, prove } from "../support/idp-pages-host.ts";
import {
  FLOWS,
  type PageServer,
  type Product,
  type ProductOptions,
  serveProduct,
  startPageServer,
} from "../support/idp-pages-server.ts";

const PASSWORD = "p&=+ %ß\"'<canary-pässword>";
const RESPONSE = Buffer.from("<samlp:Response>canary-assertion</samlp:Response>").toString("base64");
const PRODUCTS = Object.keys(FLOWS) as Product[];

let server: PageServer;
let host: PagesHost;
beforeEach(async () => {
  server = await startPageServer();
  host = pagesHost({ IDP_PASSWORD: PASSWORD });
});
afterEach(async () => {
  host.close();
  await server.close();
  const logged = host.lines.join("\n");
  expect(logged).not.toContain("canary");
  expect(logged).not.toContain(RESPONSE);
});

const table = (url: string, more: TomlTable = {}): TomlTable => ({
  url,
  username: "svc-batch",
  password: { env: "IDP_PASSWORD" },
  ...more,
});
const serve = (product: Product, options: Partial<ProductOptions> = {}): string =>
  serveProduct(server, product, { users: { "svc-batch": PASSWORD }, response: RESPONSE, ...options });

describe.each(PRODUCTS)("the login form of %s", (product) => {
  test("takes name and password, with every hidden field as it was, and the response never goes to AWS", async () => {
    const proof = await prove(samlPassword, table(serve(product)), host);
    expect(server.offences).toEqual([]);
    expect(proof).toMatchObject({ kind: "saml", name: `the SAML response of ${server.url}` });
    expect(proof.kind === "saml" && proof.response.reveal()).toBe(RESPONSE);
  });

  test("a wrong password is refused by the user's name, and is not tried twice", async () => {
    const said = await failure(prove(samlPassword, table(serve(product, { users: {} })), host));
    expect(said.code).toBe("IDP_REFUSED");
    expect(said.message).toContain('does not accept user "svc-batch" with this password');
    expect(JSON.stringify(said)).not.toContain("canary");
    const tries = server.requests.filter(({ fields }) => fields.some(([, value]) => value === PASSWORD));
    expect(tries).toHaveLength(1);
    expect(server.offences).toEqual([]);
  });

  test("a response for somebody else than AWS goes nowhere", async () => {
    const said = await failure(prove(samlPassword, table(serve(product, { acs: "https://evil.example/saml" })), host));
    expect(said.code).toBe("IDP_INVALID_ANSWER");
    expect(said.message).toContain("sends the SAML response to https://evil.example, which is not one of its origins");
  });
});

describe("an account that may not log in", () => {
  test.each([
    ["Keycloak", "Account is disabled, contact your administrator.", "has locked or disabled user"],
    ["AD FS", "Your account has been locked out.", "has locked or disabled user"],
    ["AD FS", "Your password has expired. Change it to sign in.", "has expired at"],
    ["Shibboleth", "Your account is locked.", "has locked or disabled user"],
    ["LemonLDAP::NG", "21", "has locked or disabled user"],
    ["LemonLDAP::NG", "22", "has expired at"],
  ] as const)("%s: %s", async (product, refusal, expected) => {
    const said = await failure(prove(samlPassword, table(serve(product, { refusal: () => refusal })), host));
    expect(said.code).toBe("IDP_REFUSED");
    expect(said.message).toContain(expected);
    if (!/^\d+$/.test(refusal)) expect(said.message).toContain(refusal);
  });

  test("a page that asks for a new password is named", async () => {
    const after = { body: `<form method="post"><input type=password name=old><input type=password name=new1></form>` };
    const said = await failure(prove(samlPassword, table(serve("Keycloak", { after })), host));
    expect(said).toMatchObject({ code: "IDP_REFUSED" });
    expect(said.message).toContain('the password of user "svc-batch" has expired');
  });

  test("what the page says is quoted without escapes, short, and not at all when it repeats the password", async () => {
    const noise = `Invalid user \u001b[31m\u202e${"x".repeat(400)}`;
    const said = await failure(prove(samlPassword, table(serve("Keycloak", { refusal: () => noise })), host));
    expect(said.message).not.toMatch(/[\u0000-\u001f\u202e]/);
    expect(said.message.length).toBeLessThan(300);

    const echoed = `Invalid password ${PASSWORD.replace(/&/g, "&amp;").replace(/</g, "&lt;")}`;
    const silent = await failure(prove(samlPassword, table(serve("AD FS", { refusal: () => echoed })), host));
    expect(silent.message).toContain('does not accept user "svc-batch" with this password');
    expect(JSON.stringify(silent)).not.toContain("canary");
  });
});

describe("a second factor", () => {
  test.each(Object.entries(SECOND_FACTOR_PAGES))("%s: a person has to log in", async (_name, body) => {
    const said = await failure(prove(samlPassword, table(serve("Keycloak", { after: { body } })), host));
    expect(said.code).toBe("LOGIN_REQUIRED");
    expect(said.message).toContain("asks for a second factor");
    expect(said.hint).toContain("use login");
  });

  test("a redirect to Duo is one too", async () => {
    const after = { status: 302, headers: { location: "https://api-1.duosecurity.com/oauth/v1/authorize?x=1" } };
    expect(await failure(prove(samlPassword, table(serve("Shibboleth", { after })), host))).toMatchObject({
      code: "LOGIN_REQUIRED",
    });
  });
});

describe("other forms", () => {
  test("the name on one page, the password on the next", async () => {
    server.on("GET /", {
      body: `<form method=post action="/u"><input name=username type=text><input type=submit></form>`,
    });
    server.on("POST /u", { body: `<form method=post action="/p"><input name=password type=password></form>` });
    server.on("POST /p", {
      body: `<form method=post action="https://eu-west-1.signin.aws.amazon.com/saml"><input type=hidden name=SAMLResponse value="${RESPONSE}"></form>`,
    });
    const proof = await prove(samlPassword, table(`${server.url}/`), host);
    expect(proof.kind === "saml" && proof.response.reveal()).toBe(RESPONSE);
    expect(server.requests.map(({ fields }) => fields)).toEqual([
      [],
      [["username", "svc-batch"]],
      [["password", PASSWORD]],
    ]);
  });

  test("a form that sends by GET is refused before the password stands in a URL", async () => {
    server.on("/", { body: `<form action="/in"><input name=user><input name=password type=password></form>` });
    const said = await failure(prove(samlPassword, table(`${server.url}/`), host));
    expect(said.message).toContain("would put the password into a URL");
    expect(server.requests).toHaveLength(1);
  });

  test("a form that goes to another origin never gets the password", async () => {
    const other = await startPageServer();
    server.on("/", {
      body: `<base href="${other.url}/"><form method=post action="${other.url}/in"><input name=user><input name=password type=password></form>`,
    });
    const said = await failure(prove(samlPassword, table(`${server.url}/`), host));
    expect(said.message).toContain("sends its form to");
    expect(other.requests).toEqual([]);
    other.on("/in", {
      body: `<form method=post action="https://signin.aws.amazon.com/saml"><input type=hidden name=SAMLResponse value="${RESPONSE}"></form>`,
    });
    await prove(samlPassword, table(`${server.url}/`, { origins: [other.url] }), host);
    expect(other.requests).toHaveLength(1);
    await other.close();
  });

  test("a password in Latin-1 reaches a page in Latin-1", async () => {
    const page = `<meta charset="iso-8859-1"><form method=post><input name=user><input name=password type=password></form>`;
    server.on("GET /", { headers: { "content-type": "text/html" }, body: Buffer.from(page, "latin1") });
    server.on("POST /", {
      body: `<form method=post action="https://signin.aws.amazon.com/saml"><input type=hidden name=SAMLResponse value="${RESPONSE}"></form>`,
    });
    await prove(samlPassword, table(`${server.url}/`), host);
    expect(server.requests.at(-1)?.rawBody).toContain("p%E4ssword");
  });

  test("a page without a form is named by its title", async () => {
    server.on("/", { body: "<title>It works!</title>" });
    expect(await failure(prove(samlPassword, table(`${server.url}/`), host))).toMatchObject({
      code: "IDP_INVALID_ANSWER",
      message: `${server.url} shows no login form (page "It works!")`,
    });
  });

  test("Negotiate without a form points to saml-kerberos", async () => {
    server.on("/", { status: 401, headers: { "www-authenticate": "Negotiate" }, body: "<h1>Unauthorized</h1>" });
    const said = await failure(prove(samlPassword, table(`${server.url}/`), host));
    expect(said.hint).toContain("saml-kerberos");
  });
});

describe("settings", () => {
  const parse = (more: TomlTable): unknown => samlPassword.parse({ username: "u", password: { env: "P" }, ...more });
  test.each([
    [{}, "neither url nor metadata"],
    [{ metadata: "idp.xml" }, "neither an absolute path nor an https URL"],
    [{ metadata: "http://idp.corp.example/m" }, "neither an absolute path nor an https URL"],
    [{ url: "https://idp.corp.example/", verify: true }, "verify needs metadata"],
    [{ url: "https://idp.corp.example/", origins: ["https://a.example/path"] }, "is more than an origin"],
    [{ url: "https://idp.corp.example/", origins: ["http://a.example"] }, "does not start with https://"],
    [{ url: "https://idp.corp.example/", origins: ["a.example"] }, "is not an origin"],
  ] as [TomlTable, string][])("%j: %s", (more, expected) => {
    expect(() => parse(more)).toThrow(expected);
  });
});

describe("a page after the login form that repeats the password", () => {
  test.each([403, 404, 500])(
    "HTTP %i after the login form is quoted, and not where it repeats the password",
    async (status) => {
      const typed = PASSWORD.replace(/&/g, "&amp;").replace(/</g, "&lt;");
      const loginPage =
        '<form method=post action="/in"><input name=username><input type=password name=password></form>';
      server.on("GET /in", { body: loginPage });
      for (const body of [
        `<p class=error>no attribute in password=${typed}</p>`,
        `<title>cannot read ${typed}</title>`,
      ]) {
        server.on("POST /in", { status, body });
        const said = await failure(prove(samlPassword, table(`${server.url}/in`), host));
        expect(said.message).toContain(String(status));
        expect(JSON.stringify(said)).not.toContain("canary");
      }
      server.on("POST /in", { status, body: "<p class=error>no attribute mail</p>" });
      const said = await failure(prove(samlPassword, table(`${server.url}/in`), host));
      expect(said.message).toContain("no attribute mail");
    },
  );

  test("a password with blanks in it is not quoted with fewer of them", async () => {
    const blanks = pagesHost({ IDP_PASSWORD: "open  the   door" });
    const url = serveProduct(server, "AD FS", {
      response: RESPONSE,
      users: {},
      refusal: () => "Invalid password open  the   door",
    });
    const said = await failure(prove(samlPassword, table(url), blanks));
    blanks.close();
    expect(JSON.stringify(said)).not.toContain("door");
  });

  test("a title that repeats the password is not quoted", async () => {
    const typed = PASSWORD.replace(/&/g, "&amp;").replace(/</g, "&lt;");
    server.on("GET /in", {
      body: '<form method=post action="/in"><input name=username><input type=password name=password></form>',
    });
    server.on("POST /in", { body: `<title>Welcome ${typed}</title><p>hello</p>` });
    const said = await failure(prove(samlPassword, table(`${server.url}/in`), host));
    expect(said.message).toContain("shows a page instead");
    expect(JSON.stringify(said)).not.toContain("canary");
  });
});

test("a user_agent that HTTP cannot carry is the configuration's fault, not ours", async () => {
  const said = await failure(prove(samlPassword, table(serve("Keycloak"), { user_agent: "browser \u20ac" }), host));
  expect(said).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("user-agent") });
});
