import type { Clock, Http, HttpRequest, HttpResponse } from "../../../src/host/host.ts";
import { offences } from "./offences.ts";

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}
/** One that throws has got nothing, unless it calls the request's `onSent` first. */
type Handler = (request: HttpRequest) => FakeAnswer | Promise<FakeAnswer>;

/** A JSON answer. */
export function json(value: unknown, status = 200): FakeAnswer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

/** HTTP by routes. A request that no route foresees fails the test, whatever the code under test makes of it. */
export class FakeHttp implements Http {
  readonly requests: HttpRequest[] = [];
  readonly #routes = new Map<string, Handler>();
  readonly #clock: Clock;
  #skewMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  on(method: "GET" | "POST", url: string, handler: Handler): void {
    this.#routes.set(`${method} ${url}`, handler);
  }

  /** How far servers are ahead, as the Date header of the next answers will say. */
  setSkew(skewMs: number | undefined): void {
    this.#skewMs = skewMs;
  }

  count(url: string): number {
    return this.requests.filter((request) => request.url === url).length;
  }

  async request(request: HttpRequest): Promise<HttpResponse> {
    this.requests.push(request);
    const { method, url, signal } = request;
    const handler = this.#routes.get(`${method} ${url}`);
    if (handler === undefined) {
      offences.push(`${method} ${url}`);
      throw new Error(`unexpected request ${method} ${url}`);
    }
    await this.#clock.sleep(0, AbortSignal.abort());
    if (signal?.aborted) throw new Error(`${method} ${url} was asked for after its deadline`);
    const { status = 200, headers = {}, body = "" } = await handler(request);
    request.onSent?.();
    return { status, headers, setCookie: [], body: Buffer.from(body), url };
  }

  skewMs(): number | undefined {
    return this.#skewMs;
  }
}
