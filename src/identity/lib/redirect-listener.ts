import { BrokerError } from "../../core/errors.ts";
import { printable } from "../../core/printable.ts";
import type { Host, LoopbackAnswer, LoopbackListener, LoopbackRequest } from "../../host/host.ts";
import { redirectPage } from "./redirect-page.ts";
import { type StartPage, startPage } from "./start-page.ts";

/** The redirect that ends a login, while the browser waits for its last page. */
export interface Redirected {
  /** The redirect URI with the provider's answer. */
  readonly url: URL;
  /** What the browser is shown. */
  welcome(): void;
  refuse(reason: string): void;
}

export interface RedirectListener {
  /** The redirect URI with the port that is listened on. */
  readonly redirectUri: string;
  readonly port: number;
  /** The first redirect that brings `state` back; all others change nothing. Once for each listener. */
  redirected(state: string): Promise<Redirected>;
  /**
   * The address for a launcher's command line, which sends its first visitor on to `to`.
   * @param onSecond called for any further one while the redirect is waited for
   */
  startAt(to: URL, onSecond: () => void): string;
  /** Resolves when the browser has its last page. */
  close(): Promise<void>;
}

/**
 * Listens where a redirect URI points to: on the loopback address it names, "localhost" being 127.0.0.1, and a free port where it has none.
 *
 * @throws BrokerError CONFIG_INVALID when the port is taken
 * @see RFC 8252 §7.3, §8.3
 */
export async function listenForRedirect(host: Host, redirectUri: string): Promise<RedirectListener> {
  const wanted = new URL(redirectUri);
  const address = wanted.hostname === "[::1]" ? "::1" : "127.0.0.1";
  let expected: { readonly state: string; readonly take: (redirected: Redirected) => void } | undefined;
  let own = wanted;
  let start: StartPage | undefined;

  const answer = async (request: LoopbackRequest): Promise<LoopbackAnswer> => {
    const started = isForUs(request, own) ? start?.answer(request) : undefined;
    if (started !== undefined) return started;
    const judged = judge(request, own, expected?.state);
    if ("page" in judged) return judged.page;
    const take = expected?.take;
    // One hit: whoever comes after it finds no login.
    expected = undefined;
    return new Promise((resolve) => {
      take?.({
        url: judged.url,
        welcome: () => resolve(WELCOME),
        refuse: (reason) =>
          resolve(redirectPage({ status: 403, tone: "bad", title: "You are not signed in", text: reason })),
      });
    });
  };

  let listener: LoopbackListener;
  try {
    listener = await host.loopback.listen(address, Number(wanted.port), answer);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    const place = `${wanted.hostname}:${wanted.port || "any port"}`;
    throw new BrokerError(
      "CONFIG_INVALID",
      `the redirect cannot be listened for on ${printable(place, 80)} (${code})`,
      {
        cause,
        hint: "another login may be waiting there; leave the port out of redirect_uri where the provider allows it",
      },
    );
  }
  own = new URL(wanted);
  own.port = String(listener.port);
  return {
    redirectUri: own.href,
    port: listener.port,
    redirected: (state) =>
      new Promise((take) => {
        expected = { state, take };
      }),
    startAt(to, onSecond) {
      start = startPage(host, to, () => {
        if (expected !== undefined) onSecond();
        expected = undefined;
      });
      return own.origin + start.path;
    },
    close: () => listener.close(),
  };
}

/** A name that leads here is somebody else's (DNS rebinding), and an absolute target is a proxy's. */
function isForUs({ target, host }: LoopbackRequest, own: URL): boolean {
  return host.toLowerCase() === own.host && target.startsWith("/") && !target.startsWith("//");
}

/** What a request to the listener is: the redirect that is waited for, or a page for whoever else asks. */
function judge(
  request: LoopbackRequest,
  own: URL,
  state: string | undefined,
): { readonly page: LoopbackAnswer } | { readonly url: URL } {
  const { method, target } = request;
  if (!isForUs(request, own)) return { page: plain(400, "Bad Request") };
  const url = URL.canParse(target, own.origin) ? new URL(target, own.origin) : undefined;
  if (url === undefined || url.pathname !== own.pathname) return { page: plain(404, "Not Found") };
  if (method === "HEAD") return { page: plain(200, "") };
  if (method !== "GET") return { page: plain(405, "Method Not Allowed", { allow: "GET, HEAD" }) };
  if (state === undefined) return { page: OVER };
  const states = url.searchParams.getAll("state");
  if (states.length !== 1 || states[0] !== state) return { page: FOREIGN };
  return { url };
}

function plain(status: number, body: string, more: Readonly<Record<string, string>> = {}): LoopbackAnswer {
  const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...more };
  return { status, headers, body };
}

const WELCOME = redirectPage({
  status: 200,
  tone: "good",
  title: "You are signed in",
  text: "The identity provider has confirmed who you are.",
});

const FOREIGN = redirectPage({
  status: 400,
  tone: "bad",
  title: "This is not the login that is waited for",
  text: "The address belongs to another login, or was made up (wrong state). Nothing was done with it. The login that the terminal shows still waits.",
});

const OVER = redirectPage({
  status: 410,
  tone: "bad",
  title: "This login is over",
  text: "Its answer has been used already.",
});
