/**
 * A person at the pages of the test provider, without a browser: fetch, cookies and forms. What happens in a real one is tested by a
 * real one; this one is for everything that comes of it.
 */

export interface PersonOptions {
  /** Who they say they are. Default ana. */
  readonly login?: string;
  /** They press Cancel where they are asked for their name. */
  readonly cancels?: boolean;
  /** Sees every address on the way. */
  readonly sees?: (url: URL) => void;
  /** Gets the redirect that leaves the provider; default: it is fetched. */
  readonly leave?: (url: URL) => Promise<LastPage>;
}

export interface LastPage {
  readonly status: number;
  readonly body: string;
}

const MAX_STEPS = 20;

/** Walks from a login address, or the address of a device code with the code in it, to the page where it ends. */
export async function walkThrough(start: string, options: PersonOptions = {}): Promise<LastPage> {
  const { login = "ana", cancels = false, leave = fetched, sees = () => {} } = options;
  const cookies = new Map<string, string>();
  const home = new URL(start).origin;
  let url = new URL(start);
  let form: URLSearchParams | undefined;
  for (let step = 0; step < MAX_STEPS; step++) {
    sees(url);
    if (url.origin !== home) return leave(url);
    const answer = await fetch(url, {
      method: form === undefined ? "GET" : "POST",
      redirect: "manual",
      headers: { cookie: [...cookies].map((pair) => pair.join("=")).join("; ") },
      ...(form === undefined ? {} : { body: form }),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === "") cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = answer.headers.get("location");
    form = undefined;
    if (location !== null) {
      url = new URL(location, url);
      continue;
    }
    const body = await answer.text();
    const cancel = /href="([^"]+\/abort)"/.exec(body)?.[1];
    const action = /<form[^>]*action="([^"]+)"/.exec(body)?.[1];
    if (cancels && cancel !== undefined) url = new URL(cancel, url);
    else if (answer.status >= 400)
      throw new Error(`the provider ends the login with HTTP ${answer.status}: ${text(body)}`);
    else if (action === undefined) return { status: answer.status, body };
    else {
      form = filledIn(body, login);
      url = new URL(action, url);
    }
  }
  throw new Error("the provider shows page after page");
}

function text(html: string): string {
  return html
    .replace(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

function filledIn(body: string, login: string): URLSearchParams {
  const fields = new URLSearchParams();
  for (const [input] of body.matchAll(/<input[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1];
    if (name !== undefined) fields.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? "");
  }
  if (fields.has("login")) fields.set("login", login);
  if (fields.has("password")) fields.set("password", "any");
  return fields;
}

async function fetched(url: URL): Promise<LastPage> {
  const answer = await fetch(url);
  return { status: answer.status, body: await answer.text() };
}
