import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Arrival, openBrowser } from "../../src/identity/lib/browser.ts";
import { postingPage } from "../support/idp-pages.ts";
import { failure, type PagesHost, pagesHost } from "../support/idp-pages-host.ts";
import { type PageAnswer, type PageServer, startPageServer } from "../support/idp-pages-server.ts";

const RESPONSE = "PHNhbWxwOlJlc3BvbnNlLz4=";
const AWS = "https://signin.aws.amazon.com/saml";
const assertion = (action = AWS): PageAnswer => ({ body: postingPage(action, { SAMLResponse: RESPONSE }) });

let server: PageServer;
let other: PageServer;
let host: PagesHost;
beforeEach(async () => {
  [server, other] = await Promise.all([startPageServer(), startPageServer()]);
  host = pagesHost();
});
afterEach(async () => {
  host.close();
  await Promise.all([server.close(), other.close()]);
});

const open = (path = "/", more: { origins?: string[]; acsUrl?: string } = {}): Promise<Arrival> =>
  openBrowser({
    idp: "the IdP",
    origins: new Set([server.url, ...(more.origins ?? [])]),
    acsUrl: more.acsUrl,
    userAgent: "test",
    tls: {},
    send: (request) => host.host.http.request(request),
    signal: AbortSignal.timeout(20_000),
    log: host.host.log,
  }).open(`${server.url}${path}`);
const redirect = (location: string, status = 302, more = {}): PageAnswer => ({
  status,
  headers: { location, ...more },
});
const taken = async (arrival: Promise<Arrival>): Promise<string | undefined> => {
  const found = await arrival;
  return found.kind === "assertion" ? found.response.reveal() : undefined;
};

describe("the end at AWS", () => {
  test.each([
    AWS,
    "https://eu-west-1.signin.aws.amazon.com/saml",
    "https://us-east-1.signin.aws.amazon.com/saml/acs/SAMLSP4HEXAMPLE",
    "https://signin.amazonaws-us-gov.com/saml",
    "https://us-gov-west-1.signin.amazonaws-us-gov.com/saml",
    "https://signin.amazonaws.cn/saml",
    "https://cn-north-1.signin.amazonaws.cn/saml",
  ])("%s: the response is taken, and nothing is sent there", async (acs) => {
    server.on("/", assertion(acs));
    expect(await taken(open())).toBe(RESPONSE);
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    "http://signin.aws.amazon.com/saml",
    "https://signin.aws.amazon.com.evil.example/saml",
    "https://evilsignin.aws.amazon.com/saml",
    "https://signin.aws.amazon.com:8443/saml",
    "https://signin.aws.amazon.com@evil.example/saml",
    "https://evil.example/https://signin.aws.amazon.com/saml",
    "https://signin.aws.amazon.com/oauth",
    "javascript:alert(1)//https://signin.aws.amazon.com/saml",
    "data:text/html,x",
    "\u001b]8;;https://evil.example\u0007",
    "http://[",
  ])("%s is not AWS", async (acs) => {
    server.on("/", assertion(acs));
    const said = await failure(open());
    expect(said.code).toBe("IDP_INVALID_ANSWER");
    expect(`${said.message}${said.hint}`).not.toMatch(/[\u0000-\u001f]/);
    expect(server.requests.every(({ rawBody }) => !rawBody.includes(RESPONSE))).toBe(true);
  });

  test("with acs_url it is that one and no other", async () => {
    server.on("/", assertion("https://acs.corp.example/saml"));
    expect(await taken(open("/", { acsUrl: "https://acs.corp.example/saml" }))).toBe(RESPONSE);
    server.on("/", assertion());
    expect((await failure(open("/", { acsUrl: "https://acs.corp.example/saml" }))).code).toBe("IDP_INVALID_ANSWER");
  });

  test("a redirect to AWS carries no form, and is not followed", async () => {
    server.on("/", redirect(`${AWS}?SAMLResponse=x`));
    expect((await failure(open())).message).toContain("AWS's sign-in page without a SAML response in a form");
  });

  test("upper case, blanks in the value and a missing end tag do not matter", async () => {
    server.on("/", {
      body: `<FORM ACTION=${AWS} METHOD=Post><Input Type=HIDDEN Name=samlResponse VALUE="PHNhbWxw\r\n OlJlc3BvbnNlLz4=">`,
    });
    expect(await taken(open())).toBe(RESPONSE);
  });
});

describe("on the way", () => {
  test("redirects keep cookies; 301, 302 and 303 turn a POST into a GET, 307 and 308 keep it", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      server.on("GET /", {
        headers: { "set-cookie": [`a=${status}; Secure`, "b=2; Path=/next"] },
        body: postingPage("/post", { SAMLRequest: "x" }),
      });
      server.on("POST /post", redirect(`/next?a&b#frag`, status));
      server.on("GET /next", (request) => {
        expect([request.cookies, status <= 303]).toEqual([{ a: String(status), b: "2" }, true]);
        return assertion();
      });
      server.on("POST /next", (request) => {
        expect([request.rawBody, status >= 307]).toEqual(["SAMLRequest=x", true]);
        return assertion();
      });
      expect(await taken(open())).toBe(RESPONSE);
    }
    expect(server.offences).toEqual([]);
  });

  test("a broker's form to a configured second IdP and back", async () => {
    server.on("GET /", { body: postingPage(`${other.url}/idp`, { SAMLRequest: "r", RelayState: "s&t" }) });
    other.on("POST /idp", (request) => {
      expect(request.fields).toEqual([
        ["SAMLRequest", "r"],
        ["RelayState", "s&t"],
      ]);
      return { body: postingPage(`${server.url}/acs`, { SAMLResponse: "inner" }) };
    });
    server.on("POST /acs", assertion());
    expect(await taken(open("/", { origins: [other.url] }))).toBe(RESPONSE);
    expect((await failure(open())).message).toContain("which is not one of its origins");
  });

  test.each([
    [`<meta http-equiv="Refresh" content="0;URL='/next?x=1&amp;y=2'">`],
    [`<META HTTP-EQUIV=refresh CONTENT="0, /next?x=1&y=2">`],
    [
      `<form method=get action=/next><input type=hidden name=x value=1><input type=hidden name=y value=2></form><script>document.forms[0].submit()</script>`,
    ],
    [
      `<form method=get action=/next><input type=hidden name=x value=1><input type=hidden name=y value=2><noscript><button>go</button></noscript></form>`,
    ],
  ])("%s goes on by itself", async (body) => {
    server.on("/", { body });
    server.on("/next", (request) => {
      expect([...request.query]).toEqual([
        ["x", "1"],
        ["y", "2"],
      ]);
      return assertion();
    });
    expect(await taken(open())).toBe(RESPONSE);
  });

  test("a form that somebody has to press is not pressed", async () => {
    server.on("/", {
      body: "<form method=post action=/logout><input type=hidden name=sure value=yes><button>Log out</button></form>",
    });
    expect((await open()).kind).toBe("page");
    expect(server.requests).toHaveLength(1);
  });
});

describe("what leads astray", () => {
  test.each([
    ["https://evil.example/x", "redirects to https://evil.example, which is not one of its origins"],
    ["http://evil.example/x", "redirects to http://evil.example: plain http is refused"],
    ["//evil.example/x", "plain http is refused"],
    ["javascript:alert(1)", "redirects to a javascript: URL"],
    ["data:text/html,<form>", "redirects to a data: URL"],
    ["file:///etc/passwd", "redirects to a file: URL"],
    ["http://169.254.169.254/latest", "plain http is refused"],
    ["https://169.254.169.254/latest", "is not one of its origins"],
    ["https://[", "which is not a URL"],
  ])("a redirect to %s", async (location, expected) => {
    server.on("/", redirect(location));
    const said = await failure(open());
    expect(said).toMatchObject({ code: "IDP_INVALID_ANSWER" });
    expect(said.message).toContain(expected);
  });

  test("another port of the same host is another origin", async () => {
    server.on("/", redirect(`${other.url}/x`, 307));
    expect((await failure(open())).message).toContain(`redirects to ${other.url}, which is not one of its origins`);
    expect(other.requests).toEqual([]);
  });

  test("a redirect without a target", async () => {
    server.on("/", { status: 302 });
    expect((await failure(open())).message).toContain("redirects without saying where to");
  });

  test.each([
    ["to itself", { "/": redirect("/") }],
    ["between two pages", { "/": redirect("/b"), "/b": redirect("/") }],
    [
      "by forms",
      {
        "/": { body: postingPage("/b", { SAMLRequest: "x" }) },
        "/b": { body: postingPage("/b", { SAMLRequest: "x" }) },
      },
    ],
    ["by refreshes", { "/": { body: `<meta http-equiv=refresh content="0;url=/">` } }],
  ] as [string, Record<string, PageAnswer>][])("a circle %s is named", async (_name, routes) => {
    for (const [route, answer] of Object.entries(routes)) server.on(route, answer);
    const said = await failure(open());
    expect(said.message).toContain(`leads in circles (${server.url}/`);
    expect(server.requests.length).toBeLessThan(8);
  });

  test("twenty steps are enough", async () => {
    server.on("/", (request) => redirect(`/?n=${Number(request.query.get("n") ?? 0) + 1}`));
    expect((await failure(open())).message).toContain("leads nowhere: 20 redirects and forms in a row");
    expect(server.requests).toHaveLength(20);
  });

  test("a page without end is cut off", async () => {
    server.on("/", { body: "x".repeat(1024 * 1024 + 1) });
    expect((await failure(open())).message).toContain("answered with more than 1048576 bytes");
  });

  test.each([
    ["1000 forms", "<form><input name=a></form>".repeat(1000), "more than 200 forms"],
    ["5000 fields", `<form>${"<input name=a>".repeat(5000)}</form>`, "more than 2000 form fields"],
    [
      "5000 attributes",
      `<p ${Array.from({ length: 5000 }, (_, at) => `a${at}`).join(" ")}>`,
      "more than 500 attributes",
    ],
  ])("%s are refused", async (_name, body, expected) => {
    server.on("/", { body });
    expect((await failure(open())).message).toContain(expected);
  });

  test("cookies with control characters, without a name, too long or for others do no harm", async () => {
    server.on("/", {
      ...redirect("/next"),
      headers: {
        location: "/next",
        "set-cookie": [
          "esc=a\tb",
          `long=${"x".repeat(9000)}`,
          "=nameless",
          "__Host-bad=1; Domain=127.0.0.1",
          "__Secure-bad=1",
          "evil=1; Domain=evil.example",
          "tld=1; Domain=com",
          "good=1",
        ],
      },
    });
    server.on("/next", (request) => {
      expect(request.headers.cookie).toBe("good=1");
      return assertion();
    });
    expect(await taken(open())).toBe(RESPONSE);
  });

  test("a cookie of one origin's path does not go to another's", async () => {
    server.on("/", redirect("/deep/in", 302, { "set-cookie": "p=1; Path=/deep" }));
    server.on("/deep/in", redirect("/out"));
    server.on("/out", assertion());
    expect(await taken(open())).toBe(RESPONSE);
    expect(server.requests.map(({ cookies }) => cookies.p)).toEqual([undefined, "1", undefined]);
  });
});

describe("answers that are errors", () => {
  test.each([
    [500, "UNREACHABLE"],
    [503, "UNREACHABLE"],
    [403, "IDP_REFUSED"],
    [404, "IDP_INVALID_ANSWER"],
    [400, "IDP_INVALID_ANSWER"],
  ])("HTTP %i", async (status, code) => {
    server.on("/", { status, body: `<title>t</title><div class="error">Service provider \u001b[2Junknown</div>` });
    const said = await failure(open());
    expect(said.code).toBe(code);
    expect(said.message).not.toContain("\u001b");
    expect(said.message).toContain("Service provider [2Junknown");
  });

  test("a 401 with a whole form in it is a page like any other", async () => {
    server.on("/", {
      status: 401,
      headers: { "www-authenticate": "Negotiate" },
      body: "<form method=post><input name=user><input type=password name=password></form>",
    });
    const arrival = await open();
    expect(arrival).toMatchObject({ kind: "page", page: { status: 401, challenge: "Negotiate" } });
  });
});
