import { BrokerError } from "../../core/errors.ts";
import { isLoopbackUrl } from "../../core/loopback.ts";
import { hasControlCharacter, printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";
import type { HttpRequest, HttpResponse, Log, TlsSettings } from "../../host/host.ts";
import { assertionConsumer } from "./assertion-consumer.ts";
import { cookieJar } from "./cookies.ts";
import { type Form, type HtmlPage, HtmlRefused, readHtml, resolveLink } from "./forms.ts";
import { encodeForm, htmlText } from "./html-encoding.ts";
import { repeats } from "./repeats.ts";
import { secondFactorNeeded } from "./second-factor.ts";

/** Redirects, forms that post themselves and refreshes from one start or submission to the next page that waits for somebody. */
const MAX_STEPS = 20;
const MAX_BYTES = 1024 * 1024;

export interface BrowserSettings {
  /** What errors call the IdP. */
  readonly idp: string;
  /** Origins that requests, forms and assertions may go to: the IdP's own and those configured. */
  readonly origins: ReadonlySet<string>;
  /** The only place where the response is taken, undefined: AWS's. It is never contacted. */
  readonly acsUrl: string | undefined;
  readonly userAgent: string;
  readonly tls: TlsSettings;
  /** host.http.request, or what answers Negotiate with it. */
  readonly send: (request: HttpRequest) => Promise<HttpResponse>;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** A page that waits for somebody. */
export interface Page extends HtmlPage {
  readonly url: URL;
  readonly status: number;
  readonly charset: string;
  /** WWW-Authenticate of a 401. */
  readonly challenge: string;
}

export type Arrival =
  | { readonly kind: "assertion"; readonly response: Secret }
  | { readonly kind: "page"; readonly page: Page };

/** A browser without a browser: cookies, redirects, forms that post themselves; no scripts, no pictures, nobody in front of it. */
export interface Browser {
  open(url: string): Promise<Arrival>;
  /**
   * @param fields name and value in the order of the page
   * @param secret the one among the values: a page that repeats it is not quoted
   */
  submit(
    page: Page,
    form: Form,
    fields: readonly (readonly [name: string, value: string])[],
    secret?: Secret,
  ): Promise<Arrival>;
}

interface Step {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly body?: string;
  readonly from?: URL;
}

/**
 * @throws BrokerError IDP_INVALID_ANSWER for what leads away, in circles or nowhere; IDP_REFUSED and UNREACHABLE by status
 */
export function openBrowser(settings: BrowserSettings): Browser {
  const { idp, origins, acsUrl, log } = settings;
  const cookies = cookieJar();

  const invalid = (line: string, hint?: string): BrokerError =>
    new BrokerError("IDP_INVALID_ANSWER", `${idp} ${line}`, { hint });

  /** @throws unless a request may go there */
  const admit = (target: URL | undefined, written: string, what: string): URL => {
    if (target === undefined) throw invalid(`${what} "${printable(written, 120)}", which is not a URL`);
    const shown = printable(`${target.protocol}//${target.host}`, 120);
    if (target.protocol !== "https:" && target.protocol !== "http:")
      throw invalid(`${what} a ${printable(target.protocol, 20)} URL, which is not followed`);
    if (origins.has(target.origin)) return target;
    if (target.protocol === "http:" && !isLoopbackUrl(target))
      throw invalid(`${what} ${shown}: plain http is refused`, "the IdP's own base URL may be misconfigured");
    if (assertionConsumer(target, acsUrl))
      throw invalid(
        `${what} AWS's sign-in page without a SAML response in a form`,
        "the service provider for AWS has to use the HTTP-POST binding",
      );
    if (/(^|\.)duosecurity\.com$/.test(target.hostname)) throw secondFactorNeeded(idp, "Duo");
    throw invalid(
      `${what} ${shown}, which is not one of its origins`,
      `if it is part of the same IdP: origins = ["${shown}"] in the identity`,
    );
  };

  const request = async (step: Step, mayRepeat: boolean): Promise<HttpResponse> => {
    const cookie = cookies.headerFor(step.url);
    const answer = await settings.send({
      method: step.method,
      url: step.url.href,
      headers: {
        "user-agent": settings.userAgent,
        accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        "accept-language": "en",
        ...(cookie === undefined ? {} : { cookie }),
        ...(step.method === "POST"
          ? { "content-type": "application/x-www-form-urlencoded", origin: (step.from ?? step.url).origin }
          : {}),
      },
      ...(step.body === undefined ? {} : { body: step.body }),
      maxBytes: MAX_BYTES,
      // Later ones may carry a password, a code or an assertion, in the body or in the URL.
      ...(mayRepeat ? {} : { repeatable: false }),
      tls: settings.tls,
      signal: settings.signal,
    });
    cookies.take(answer.setCookie, step.url);
    return answer;
  };

  const read = (answer: HttpResponse, url: URL): Page => {
    const { text, charset } = htmlText(answer.body, answer.headers["content-type"]);
    try {
      const challenge = answer.status === 401 ? (answer.headers["www-authenticate"] ?? "") : "";
      return { ...readHtml(text), url, charset, status: answer.status, challenge };
    } catch (error) {
      if (error instanceof HtmlRefused) throw invalid(`answered with ${error.message}`);
      throw error;
    }
  };

  const formStep = (page: Page, form: Form, fields: readonly (readonly [string, string])[], what: string): Step => {
    const url = admit(resolveLink(form.action, page, page.url), form.action, what);
    const body = encodeForm(fields, page.charset);
    if (form.method === "POST") return { method: "POST", url, body, from: page.url };
    const target = new URL(url);
    target.search = body;
    return { method: "GET", url: target };
  };

  /** The form that would be posted to AWS. */
  const arrived = (page: Page): Secret | undefined => {
    for (const form of page.forms) {
      const field = form.fields.find(({ name }) => name.toLowerCase() === "samlresponse");
      if (field === undefined) continue;
      const target = resolveLink(form.action, page, page.url);
      if (target !== undefined && assertionConsumer(target, acsUrl)) return new Secret(field.value.replace(/\s+/g, ""));
    }
    return undefined;
  };

  const walk = async (first: Step, kind: "open" | "submit", secret?: Secret): Promise<Arrival> => {
    const seen = new Map<string, number>();
    let step = first;
    for (let taken = 0; taken < MAX_STEPS; taken++) {
      const key = `${step.method} ${step.url.href} ${step.body ?? ""}`;
      const times = (seen.get(key) ?? 0) + 1;
      seen.set(key, times);
      if (times > 2) throw circle(step.url);
      const answer = await request(step, kind === "open" && taken === 0);
      const next = redirect(answer, step);
      if (next !== undefined) {
        step = next;
        continue;
      }
      const page = read(answer, step.url);
      const response = arrived(page);
      if (response !== undefined) return { kind: "assertion", response };
      const posted = selfPosting(page);
      if (posted !== undefined) {
        log.debug("idp", `${page.url.origin}${page.url.pathname}: a form that posts itself`);
        step = formStep(page, posted, successful(posted), carrier(posted));
        continue;
      }
      if (
        page.refresh !== undefined &&
        page.forms.every(({ fields }) => fields.every(({ type }) => type === "hidden"))
      ) {
        const target = resolveLink(page.refresh, page, page.url);
        step = { method: "GET", url: admit(target, page.refresh, "refreshes to") };
        continue;
      }
      judgeStatus(page, secret);
      return { kind: "page", page };
    }
    throw seen.size < MAX_STEPS
      ? circle(step.url)
      : invalid(`leads nowhere: ${MAX_STEPS} redirects and forms in a row`);
  };

  /** @see RFC 9110 §15.4: 301 and 302 turn a POST into a GET, as every browser does; 307 and 308 keep it */
  const redirect = ({ status, headers }: HttpResponse, step: Step): Step | undefined => {
    if (![301, 302, 303, 307, 308].includes(status)) return undefined;
    const { location } = headers;
    if (location === undefined) throw invalid(`redirects without saying where to (HTTP ${status})`);
    if (hasControlCharacter(location)) throw invalid("redirects to a URL with control characters");
    let target: URL | undefined;
    try {
      target = new URL(location, step.url);
      target.hash = "";
    } catch {
      // Named below.
    }
    const url = admit(target, location, "redirects to");
    if (status === 307 || status === 308) return { ...step, url };
    return { method: "GET", url };
  };

  const circle = (url: URL): BrokerError =>
    invalid(
      `leads in circles (${printable(`${url.origin}${url.pathname}`, 200)})`,
      "it may not find its cookies again: check that its own base URL and the one configured are the same",
    );

  const judgeStatus = (page: Page, secret: Secret | undefined): void => {
    const { status, url } = page;
    const place = printable(`${url.origin}${url.pathname}`, 200);
    if (page.forms.some(({ fields }) => fields.some(({ type }) => type !== "hidden"))) return;
    const said = page.notices.find((one) => !one.startsWith("trmsg:")) ?? page.title;
    const quoted = said === "" || repeats(said, secret) ? "" : `: "${printable(said, 160)}"`;
    if (status >= 500) {
      throw new BrokerError("UNREACHABLE", `${idp} failed with HTTP ${status} at ${place}${quoted}`, {
        hint: "the IdP's log says why; with metadata, check that it knows AWS as a service provider",
      });
    }
    if (status === 403) throw new BrokerError("IDP_REFUSED", `${idp} refuses ${place} (HTTP 403)${quoted}`);
    if (status === 400 || status === 404 || status === 405 || status === 410)
      throw invalid(`does not serve ${place} (HTTP ${status})${quoted}`, "check url, or the IdP's metadata");
  };

  return {
    open: (url) =>
      walk({ method: "GET", url: admit(URL.canParse(url) ? new URL(url) : undefined, url, "is asked at") }, "open"),
    submit: async (page, form, fields, secret) =>
      walk(formStep(page, form, fields, "sends its form to"), "submit", secret),
  };
}

/** The fields as a browser submits them: nameless ones are left out, and of the buttons none was pressed. */
function successful(form: Form): (readonly [string, string])[] {
  return form.fields.filter(({ name }) => name !== "").map(({ name, value }) => [name, value] as const);
}

/** SAML messages and hidden values on their way through the browser. */
function selfPosting(page: Page): Form | undefined {
  const candidates = page.forms.filter(
    ({ fields, method }) => fields.length > 0 && method !== "other" && fields.every(({ type }) => type === "hidden"),
  );
  const carrying = candidates.find(({ fields }) =>
    fields.some(({ name }) => /^(saml(response|request|art)|wresult)$/i.test(name)),
  );
  if (carrying !== undefined) return carrying;
  // Anything else only where the page has nothing but it: a logout or language form beside a login form is not pressed.
  const [only] = page.forms;
  if (only === undefined || page.forms.length > 1 || !candidates.includes(only)) return undefined;
  const pressed = only.fields.some(({ name }) => name === "_eventId_proceed");
  return page.scriptSubmits || only.noscriptButton || pressed ? only : undefined;
}

function carrier({ fields }: Form): string {
  return fields.some(({ name }) => name.toLowerCase() === "samlresponse")
    ? "sends the SAML response to"
    : "sends its form to";
}
