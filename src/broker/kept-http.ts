import { lifetimeMs } from "../cache/document-lifetime.ts";
import { documentKey, type KeptDocument, openDocuments } from "../cache/documents.ts";
import { BrokerError, type ErrorCode } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { spoken } from "../core/time.ts";
import type { Host, Http, HttpRequest, HttpResponse } from "../host/host.ts";

/**
 * A kept document brings no Date header. Where clocks differ by more than this none is kept, so that whatever is signed with a time in it
 * is made by the provider's; one that has gone wrong since is noticed by `outdated`.
 */
const NOTABLE_SKEW_MS = 5_000;

interface Trying {
  readonly host: Host;
  /** Somebody is in front of the machine. */
  readonly person?: unknown;
}

/** What comes of a document of the provider that was kept and is not true any more. */
const OUTDATED: ReadonlySet<ErrorCode> = new Set([
  "IDP_REFUSED",
  "IDP_INVALID_ANSWER",
  "UNREACHABLE",
  "ASSERTION_UNUSABLE",
  "STS_REFUSED",
]);

/**
 * Does it with the documents that are kept of the provider, and once more where they turn out to be outdated, or `again` says so: nothing
 * fails that would not have failed without them. A person is not asked twice.
 */
export async function withKept<T>(
  { host, person }: Trying,
  work: (kept: KeptHttp) => Promise<T>,
  again: (error: unknown) => boolean = () => false,
): Promise<T> {
  const kept = keptHttp(host, person !== undefined);
  const isOutdated = async (error: unknown): Promise<boolean> =>
    error instanceof BrokerError && OUTDATED.has(error.code) && (await kept.outdated());
  let done: T;
  try {
    done = await work(kept);
  } catch (error) {
    if (person !== undefined || !(again(error) || (await isOutdated(error)))) throw error;
    done = await work(kept);
  }
  await kept.keep();
  return done;
}

/** What providers publish, kept between processes. One for each exchange. */
export interface KeptHttp {
  /** The HTTP stack of one try, which answers from what is kept where a request allows it. */
  over(http: Http): Http;
  /**
   * After a failure: whether something kept was used in this try, and is not what its server says now. Later tries ask the server. False at
   * once where nothing kept was used.
   */
  outdated(): Promise<boolean>;
  /** After a success: keeps what was fetched. What led nowhere is not kept. */
  keep(): Promise<void>;
}

interface Fetched {
  readonly url: string;
  readonly answer: HttpResponse;
  readonly atMs: number;
}

/** @param fresh everything is asked for; it is kept all the same */
function keptHttp(host: Host, fresh: boolean): KeptHttp {
  const { clock, log } = host;
  const documents = openDocuments(host);
  const fetched = new Map<string, Fetched>();
  const used = new Map<string, { readonly document: KeptDocument; readonly again: () => Promise<HttpResponse> }>();
  let found: Promise<boolean> | undefined;
  let trusting = !fresh;

  const request = async (http: Http, wanted: HttpRequest): Promise<HttpResponse> => {
    const key = wanted.keepable === true ? documentKey(host, wanted.url, wanted.tls ?? {}) : undefined;
    if (key === undefined) return http.request(wanted);
    const known = fetched.get(key);
    if (known !== undefined) return known.answer;
    const document = trusting ? await documents.read(key) : undefined;
    if (document?.url === wanted.url) {
      used.set(key, { document, again: () => http.request(wanted) });
      log.debug("documents", `${shown(wanted)}: kept, for ${spoken(document.freshUntilMs - clock.nowMs())} more`);
      return responseOf(document);
    }
    const answer = await http.request(wanted);
    if (answer.status === 200) fetched.set(key, { url: wanted.url, answer, atMs: clock.nowMs() });
    return answer;
  };

  const lookAgain = async (): Promise<boolean> => {
    let changed = false;
    for (const [key, { document, again }] of used) {
      try {
        const answer = await again();
        const same = answer.status === 200 && Buffer.compare(answer.body, document.body) === 0;
        if (answer.status === 200) fetched.set(key, { url: document.url, answer, atMs: clock.nowMs() });
        if (same) continue;
        log.debug("documents", `${printable(document.url, 200)}: not what was kept any more`);
        await documents.remove(key);
        changed = true;
      } catch {
        // Its server is away, and that may be all that is wrong.
      }
    }
    return changed || !isClockRight(host);
  };

  return {
    over(http) {
      used.clear();
      found = undefined;
      return { request: (wanted) => request(http, wanted), skewMs: () => http.skewMs() };
    },
    async outdated() {
      if (used.size === 0) return false;
      trusting = false;
      found ??= lookAgain();
      return found;
    },
    async keep() {
      if (!isClockRight(host)) return;
      for (const [key, { url, answer, atMs }] of fetched) {
        const forMs = lifetimeMs(answer.headers);
        if (forMs === 0) continue;
        const contentType = answer.headers["content-type"] ?? "";
        await documents.write(key, {
          url,
          contentType,
          body: answer.body,
          fetchedAtMs: atMs,
          freshUntilMs: atMs + forMs,
        });
      }
    },
  };
}

function isClockRight({ http }: Host): boolean {
  return Math.abs(http.skewMs() ?? 0) <= NOTABLE_SKEW_MS;
}

function responseOf({ url, contentType, body }: KeptDocument): HttpResponse {
  return { status: 200, headers: { "content-type": contentType }, setCookie: [], body, url };
}

function shown({ url }: HttpRequest): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
