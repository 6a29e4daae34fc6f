/**
 * An identity provider made of pages: strict about what a browser has to bring (cookies where and only where they belong, hidden
 * fields unchanged, the right method and content type), and as hostile as a test's routes make it.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import {
  adfsLogin,
  keycloakLogin,
  lemonldapLogin,
  type PageMaker,
  postingPage,
  shibbolethLogin,
  shibbolethStorage,
  simplesamlLogin,
} from "./idp-pages.ts";
import { type ListeningServer, listen, type ServerTls } from "./listening-server.ts";

export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly cookies: Readonly<Record<string, string>>;
  /** Of a form, in its order. */
  readonly fields: readonly (readonly [string, string])[];
  readonly rawBody: string;
}

export interface PageAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Uint8Array;
}

type Route = (request: PageRequest) => PageAnswer;

export interface PageServer extends ListeningServer {
  readonly requests: readonly PageRequest[];
  /** "GET /path" or "/path" for both. */
  on(route: string, answer: Route | PageAnswer): void;
  /** What a browser did that no browser does. Empty for a good one. */
  readonly offences: readonly string[];
}

export async function startPageServer(tls?: ServerTls): Promise<PageServer> {
  const routes = new Map<string, Route>();
  const requests: PageRequest[] = [];
  const offences: string[] = [];
  const server = await listen((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const url = new URL(incoming.url ?? "/", "http://x");
      const rawBody = Buffer.concat(chunks).toString("utf8");
      const request: PageRequest = {
        method: incoming.method ?? "",
        path: url.pathname,
        query: url.searchParams,
        headers: incoming.headers,
        cookies: cookiesOf(incoming.headers.cookie),
        fields: [...new URLSearchParams(rawBody)],
        rawBody,
      };
      requests.push(request);
      if (request.method === "POST" && incoming.headers["content-type"] !== "application/x-www-form-urlencoded")
        offences.push(`POST ${url.pathname} as ${incoming.headers["content-type"]}`);
      if (incoming.url?.includes("#") === true) offences.push("a fragment was sent");
      if (incoming.headers["accept-language"] !== "en") offences.push("no Accept-Language: en");
      const route = routes.get(`${request.method} ${request.path}`) ?? routes.get(request.path);
      const {
        status = 200,
        headers = {},
        body = "",
      } = route?.(request) ?? { status: 404, body: "<title>Nothing</title>" };
      response.writeHead(status, { "content-type": "text/html; charset=utf-8", ...headers });
      response.end(body);
    });
  }, tls);
  return {
    ...server,
    requests,
    offences,
    on: (route, answer) => routes.set(route, typeof answer === "function" ? answer : () => answer),
  };
}

function cookiesOf(header: string | undefined): Record<string, string> {
  return Object.fromEntries(
    (header ?? "").split("; ").flatMap((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [] : [[pair.slice(0, at), pair.slice(at + 1)]];
    }),
  );
}

export type Product = "AD FS" | "Keycloak" | "SimpleSAMLphp" | "LemonLDAP::NG" | "Shibboleth";

interface Flow {
  /** Where it starts and where its login page is. */
  readonly start: string;
  readonly login: string;
  readonly page: PageMaker;
  readonly names: readonly [username: string, password: string];
  readonly hidden: (token: string) => Readonly<Record<string, string>>;
  readonly action: (origin: string, token: string) => string;
  /** What it says to a wrong password. */
  readonly error: string;
  /** Further fields that have to come, by what a browser adds. */
  readonly pressed?: readonly (readonly [string, string])[];
  readonly never?: readonly string[];
}

export const FLOWS: Readonly<Record<Product, Flow>> = {
  "AD FS": {
    start: "/adfs/ls/IdpInitiatedSignOn.aspx",
    login: "/adfs/ls/",
    page: adfsLogin,
    names: ["UserName", "Password"],
    hidden: () => ({}),
    // A raw ampersand in the attribute, as AD FS writes it.
    action: (_origin, token) => `/adfs/ls/?client-request-id=${token}&RedirectToIdentityProvider=AD+AUTHORITY`,
    error: "Incorrect user ID or password. Type the correct ones, and try again.",
    pressed: [["AuthMethod", "FormsAuthentication"]],
    never: ["Kmsi"],
  },
  Keycloak: {
    start: "/realms/prod/protocol/saml/clients/amazon-aws",
    login: "/realms/prod/login-actions/authenticate",
    page: keycloakLogin,
    names: ["username", "password"],
    hidden: () => ({}),
    action: (origin, token) =>
      `${origin}/realms/prod/login-actions/authenticate?session_code=${token}&execution=8f&client_id=urn%3Aamazon%3Awebservices&tab_id=a`,
    error: "Invalid username or password.",
    pressed: [
      ["credentialId", ""],
      ["login", "Sign In"],
    ],
  },
  SimpleSAMLphp: {
    start: "/simplesaml/saml2/idp/SSOService.php",
    login: "/simplesaml/module.php/core/loginuserpass.php",
    page: simplesamlLogin,
    names: ["username", "password"],
    hidden: (token) => ({
      AuthState: `_${token}:https://idp.corp.example/simplesaml/saml2/idp/SSOService.php?spentityid=urn&x="1"`,
    }),
    action: () => "?",
    error: "Incorrect username or password",
  },
  "LemonLDAP::NG": {
    start: "/saml/singleSignOn",
    login: "/saml/singleSignOn",
    page: lemonldapLogin,
    names: ["user", "password"],
    hidden: (token) => ({ url: Buffer.from(token).toString("base64"), token }),
    action: () => "#",
    error: "5",
    never: ["checkLogins"],
  },
  Shibboleth: {
    start: "/idp/profile/SAML2/Unsolicited/SSO",
    login: "/idp/profile/SAML2/Unsolicited/SSO",
    page: shibbolethLogin,
    names: ["j_username", "j_password"],
    hidden: (token) => ({ csrf_token: token }),
    action: (_origin, token) => `/idp/profile/SAML2/Unsolicited/SSO;jsessionid=node0x?execution=e1s2&amp;t=${token}`,
    error: "The password you entered was incorrect.",
    pressed: [["_eventId_proceed", ""]],
    never: ["donotcache", "_shib_idp_revokeConsent"],
  },
};

export interface ProductOptions {
  readonly users: Readonly<Record<string, string>>;
  readonly response: string;
  readonly acs?: string;
  /** Instead of the error of a wrong password. */
  readonly refusal?: (username: string) => string | undefined;
  /** Instead of the response, after a right password. */
  readonly after?: PageAnswer;
}

/** A product's own way from its sign-on page to AWS. @returns the URL to start at */
export function serveProduct(server: PageServer, product: Product, options: ProductOptions): string {
  const flow = FLOWS[product];
  const { users, response, acs = "https://signin.aws.amazon.com/saml" } = options;
  const token = randomBytes(8).toString("hex");
  // Secure on plain loopback, quoted, and one that belongs elsewhere.
  const cookies = [
    `SESSION="${token}"; Path=/${flow.login.split("/")[1]}; Secure; HttpOnly; SameSite=None`,
    "ELSEWHERE=1; Path=/elsewhere",
    "FOREIGN=1; Domain=evil.example",
    "PUBLIC=1; Domain=example",
  ];
  const parts = { hidden: flow.hidden(token), action: flow.action(server.url, token) };
  const html = (body: string): PageAnswer => ({ body });
  const loginPage = (error?: string, username?: string): PageAnswer =>
    html(flow.page({ ...parts, error, ...(username === undefined ? {} : { username }) }));
  const offend = (line: string): PageAnswer => {
    (server.offences as string[]).push(`${product}: ${line}`);
    return { status: 400, body: `<title>Bad request</title>` };
  };
  const begin = (): PageAnswer => ({
    status: 302,
    headers: { location: `${flow.login}?AuthState=${token}#top`, "set-cookie": cookies },
  });
  const show = (request: PageRequest): PageAnswer => {
    if (request.cookies.SESSION !== `"${token}"`) return offend(`the cookie is ${request.headers.cookie}`);
    for (const name of ["ELSEWHERE", "FOREIGN", "PUBLIC"])
      if (request.cookies[name] !== undefined) return offend(`the cookie ${name} came`);
    if (product === "Shibboleth" && request.query.get("execution") === null) {
      return html(shibbolethStorage({ action: `${flow.login}?execution=e1s1`, hidden: { csrf_token: token } }));
    }
    return loginPage();
  };
  const judge = (request: PageRequest): PageAnswer => {
    if (request.cookies.SESSION !== `"${token}"`) return offend("no cookie with the form");
    const fields = new Map(request.fields);
    if (fields.size !== request.fields.length) return offend("a field came twice");
    for (const [name, value] of [...Object.entries(parts.hidden), ...(flow.pressed ?? [])])
      if (fields.get(name) !== value) return offend(`${name} is ${fields.get(name)} instead of ${value}`);
    for (const name of flow.never ?? []) if (fields.has(name)) return offend(`${name} came without being ticked`);
    const [user, password] = flow.names.map((name) => fields.get(name));
    if (user === undefined || password === undefined) return offend("no name or no password");
    const refusal = options.refusal?.(user);
    if (refusal !== undefined) return loginPage(refusal, user);
    if (users[user] !== password) return loginPage(flow.error, user);
    return options.after ?? html(postingPage(acs, { SAMLResponse: response, RelayState: "" }));
  };
  if (flow.start === flow.login) {
    server.on(`GET ${flow.start}`, (request) => (request.query.has("AuthState") ? show(request) : begin()));
  } else {
    server.on(`GET ${flow.start}`, begin);
    server.on(`GET ${flow.login}`, show);
  }
  server.on(`POST ${flow.login.replace(/;.*/, "")}`, (request) =>
    product === "Shibboleth" && request.query.get("execution") === "e1s1" ? loginPage() : judge(request),
  );
  // Shibboleth's action carries the session in the path.
  server.on(`POST ${flow.login};jsessionid=node0x`, judge);
  return `${server.url}${flow.start}?spentityid=urn:amazon:webservices`;
}
