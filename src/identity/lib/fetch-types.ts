/**
 * The build puts these in the place of the globals of the same names: touching Node's own loads all of undici, 30 ms of a cold start,
 * for a client that gets its answers from our HTTP stack. They do what openid-client asks of them, no more.
 *
 * @see the Fetch standard, Headers and Response classes
 */

type Init = Readonly<Record<string, string>> | Iterable<readonly [string, string]>;

class SmallHeaders {
  readonly #values = new Map<string, string>();

  constructor(init: Init = {}) {
    const entries = Symbol.iterator in init ? (init as Iterable<readonly [string, string]>) : Object.entries(init);
    for (const [name, value] of entries) this.append(name, value);
  }
  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }
  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }
  set(name: string, value: string): void {
    this.#values.set(name.toLowerCase(), String(value).trim());
  }
  append(name: string, value: string): void {
    const known = this.get(name);
    this.set(name, known === null ? value : `${known}, ${value}`);
  }
  delete(name: string): void {
    this.#values.delete(name.toLowerCase());
  }
  entries(): IterableIterator<[string, string]> {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1))[Symbol.iterator]();
  }
  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }
}

interface ResponseInit {
  readonly status?: number;
  readonly headers?: Init;
}

class SmallResponse {
  readonly status: number;
  readonly headers: SmallHeaders;
  readonly url = "";
  /** There is no stream to cancel: the body has arrived. */
  readonly body = null;
  bodyUsed = false;
  readonly #bytes: Uint8Array;

  constructor(body?: Uint8Array | string | null, { status = 200, headers = {} }: ResponseInit = {}) {
    this.status = status;
    this.headers = new SmallHeaders(headers);
    this.#bytes = typeof body === "string" ? Buffer.from(body) : (body ?? new Uint8Array());
  }
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }
  clone(): SmallResponse {
    if (this.bodyUsed) throw new TypeError("the body has been read");
    return new SmallResponse(this.#bytes, this);
  }
  async text(): Promise<string> {
    if (this.bodyUsed) throw new TypeError("the body has been read");
    this.bodyUsed = true;
    return new TextDecoder().decode(this.#bytes);
  }
  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }
}

export { SmallHeaders as Headers, SmallResponse as Response };
