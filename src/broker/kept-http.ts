import { lifetimeMs } from "../cache/document-lifetime.ts";
import { documentKey, type KeptDocument, openDocuments } from "../cache/documents.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { mayBeRepeated } from "../core/repeatable.ts";
import { spoken } from "../core/time.ts";
import type { Host, Http, HttpRequest, HttpResponse } from "../host/host.ts";
import { within } from "./deadline.ts";

/**
 * A kept document brings no Date header. Where clocks differ by more than this none is kept, so that whatever is signed with a time in it
 * is made by the provider's.
 */
const NOTABLE_SKEW_MS = 5_000;
/** For a look at what a server says now. */
const LOOK_MS = 2_000;

interface Trying {
  readonly host: Host;
  /** On `host.clock.monotonicMs()`. */
  readonly deadlineMs: number;
  /** Somebody is in front of the machine. */
  readonly person?: unknown;
}

/**
 * Does it with the documents that are kept of the provider. After any failure they are forgotten, so that the next run asks for them. It
 * is done once more, where there is time for it, when they have changed since and nothing was sent that must not be sent twice, or when
 * `again` says so. A person is not asked twice.
 *
 * @throws what the work threw; the first failure where nobody answered the second time
 */
export async function withKept<T>(
  { host, deadlineMs, person }: Trying,
  work: (kept: KeptHttp) => Promise<T>,
  again: (error: unknown) => boolean = () => false,
): Promise<T> {
  const kept = keptHttp(host, person !== undefined);
  const attempt = async (): Promise<T> => {
    try {
      return await work(kept);
    } catch (error) {
      await kept.forget();
      throw error;
    }
  };
  const startMs = host.clock.monotonicMs();
  let done: T;
  try {
    done = await attempt();
  } catch (first) {
    if (person !== undefined) throw first;
    if (again(first)) done = await attempt();
    else {
      const nowMs = host.clock.monotonicMs();
      const spareMs = deadlineMs - nowMs - (nowMs - startMs);
      if (spareMs <= 0 || !(await kept.mayBeToBlame(spareMs))) throw first;
      done = await attempt().catch((second: unknown) => {
        throw isSilence(second) ? first : second;
      });
    }
  }
  await kept.keep();
  return done;
}

function isSilence(error: unknown): boolean {
  return error instanceof BrokerError && (error.code === "TIMEOUT" || error.code === "UNREACHABLE");
}

/** What providers publish, kept between processes. One for each exchange. */
export interface KeptHttp {
  /** The HTTP stack of one try, which answers from what is kept where a request allows it. */
  over(http: Http): Http;
  /** Whether all that was used in this try is what its servers say now. True at once where nothing kept was used. */
  stillHolds(): Promise<boolean>;
  /** After a failure: whether another try would send something else, and may. @param spareMs for finding out; 2 s are enough */
  mayBeToBlame(spareMs: number): Promise<boolean>;
  /** After a failure: what was used in this try is not kept any more. */
  forget(): Promise<void>;
  /** After a success: keeps what was fetched. What led nowhere is not kept. */
  keep(): Promise<void>;
}

type Comparison = "same" | "changed" | "unknown";

interface Used {
  readonly document: KeptDocument;
  readonly ask: (signal: AbortSignal) => Promise<HttpResponse>;
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
  const used = new Map<string, Used>();
  let isSpent = false;
  let found: Promise<Comparison> | undefined;

  const request = async (http: Http, wanted: HttpRequest): Promise<HttpResponse> => {
    const key = wanted.keepable === true ? documentKey(host, wanted.url, wanted.tls ?? {}) : undefined;
    if (key === undefined) {
      const onSent = (): void => {
        isSpent ||= !mayBeRepeated(wanted);
        wanted.onSent?.();
      };
      return http.request({ ...wanted, onSent });
    }
    const known = fetched.get(key);
    if (known !== undefined) return known.answer;
    const document = fresh ? undefined : await documents.read(key);
    if (document?.url === wanted.url) {
      used.set(key, { document, ask: (signal) => http.request({ ...wanted, signal }) });
      log.debug("documents", `${shown(wanted)}: kept, for ${spoken(document.freshUntilMs - clock.nowMs())} more`);
      return responseOf(document);
    }
    const answer = await http.request(wanted);
    if (answer.status === 200) fetched.set(key, { url: wanted.url, answer, atMs: clock.nowMs() });
    return answer;
  };

  const compared = async (signal: AbortSignal): Promise<Comparison> => {
    let comparison: Comparison = "same";
    for (const [key, { document, ask }] of used) {
      const answer = await ask(signal);
      if (answer.status !== 200) return "unknown";
      fetched.set(key, { url: document.url, answer, atMs: clock.nowMs() });
      if (addresses(answer.body) === addresses(document.body)) continue;
      log.debug("documents", `${printable(document.url, 200)}: not what was kept any more`);
      comparison = "changed";
    }
    return comparison;
  };
  const look = (limitMs: number): Promise<Comparison> => {
    // With a signal of its own: a refresh token may be refused when the caller's time is over.
    found ??= within(host, Math.min(LOOK_MS, limitMs), compared).catch(() => "unknown");
    return found;
  };

  return {
    over(http) {
      used.clear();
      isSpent = false;
      found = undefined;
      return { request: (wanted) => request(http, wanted), skewMs: () => http.skewMs() };
    },
    async stillHolds() {
      return used.size === 0 || (await look(LOOK_MS)) === "same";
    },
    async mayBeToBlame(spareMs) {
      return used.size > 0 && !isSpent && (await look(spareMs)) === "changed";
    },
    async forget() {
      for (const key of used.keys()) await documents.remove(key);
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

/** Of a discovery document where it sends us: providers put times and identifiers of the answer itself beside. Of all else the whole. */
function addresses(body: Uint8Array): string {
  const text = new TextDecoder().decode(body);
  try {
    const members = Object.entries(JSON.parse(text) as object);
    return JSON.stringify(members.filter(([name]) => /^issuer$|_endpoint(_aliases)?$/.test(name)).sort());
  } catch {
    return text;
  }
}

function responseOf({ url, contentType, body }: KeptDocument): HttpResponse {
  return { status: 200, headers: { "content-type": contentType }, setCookie: [], body, url };
}

function shown({ url }: HttpRequest): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}
