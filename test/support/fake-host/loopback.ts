import type { Loopback, LoopbackAnswer, LoopbackRequest } from "../../../src/host/host.ts";

type Handler = (request: LoopbackRequest) => Promise<LoopbackAnswer>;

/** Loopback listeners in memory: a test plays the browser. */
export class FakeLoopback implements Loopback {
  readonly #handlers = new Map<string, Handler>();
  #nextPort = 40_001;
  /** Ports that somebody else listens on. */
  readonly taken = new Set<number>();

  async listen(address: string, port: number, answer: Handler): ReturnType<Loopback["listen"]> {
    const own = port === 0 ? this.#nextPort++ : port;
    const place = address === "::1" ? `[::1]:${own}` : `${address}:${own}`;
    if (this.taken.has(own) || this.#handlers.has(place))
      throw Object.assign(new Error(`EADDRINUSE: ${place}`), { code: "EADDRINUSE" });
    this.#handlers.set(place, answer);
    return { port: own, close: async () => void this.#handlers.delete(place) };
  }

  /** Where somebody listens now. */
  get places(): readonly string[] {
    return [...this.#handlers.keys()];
  }

  /** One request to the only listener; its Host header says where it listens unless told otherwise. */
  async hit(target: string, { method = "GET", host = "" } = {}): Promise<LoopbackAnswer> {
    const [place, ...others] = this.#handlers.keys();
    if (place === undefined || others.length > 0) throw new Error(`there are ${this.places.length} listeners`);
    const answer = this.#handlers.get(place) as Handler;
    return answer({ method, target, host: host === "" ? place : host });
  }
}
