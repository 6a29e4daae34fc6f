import { BrokerError } from "../../../src/core/errors.ts";
import type { AddonName, PeerChain, Probe, Runtime } from "../../../src/host/host.ts";

const YEAR_MS = 365 * 86_400_000;

/** A network in which every name, port and certificate is in order, unless a test says otherwise. */
export class FakeProbe implements Probe {
  what: Runtime = { name: "node", version: "22.12.0", standalone: false };
  readonly missing = new Map<AddonName, "not installed" | "cannot be loaded" | "not needed">();
  /** Names that are not found. */
  readonly unresolved = new Set<string>();
  /** "host:port" of what nobody listens at. */
  readonly closed = new Set<string>();
  readonly proxies = new Map<string, string>();
  /** By host. */
  readonly chains = new Map<string, PeerChain>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  async runtime(): Promise<Runtime> {
    return this.what;
  }

  async addon(name: AddonName): ReturnType<Probe["addon"]> {
    return this.missing.get(name);
  }

  async addresses(name: string): Promise<readonly string[]> {
    if (this.unresolved.has(name)) throw Object.assign(new Error(name), { code: "ENOTFOUND" });
    return ["192.0.2.7"];
  }

  async proxy(url: string): Promise<string | undefined> {
    return this.proxies.get(new URL(url).hostname);
  }

  async connect(host: string, port: number): Promise<void> {
    if (this.closed.has(`${host}:${port}`)) throw Object.assign(new Error(host), { code: "ECONNREFUSED" });
  }

  async certificates(url: string): Promise<PeerChain> {
    const { hostname } = new URL(url);
    if (this.unresolved.has(hostname))
      throw new BrokerError("UNREACHABLE", `${hostname} cannot be resolved (DNS ENOTFOUND)`);
    return this.chains.get(hostname) ?? chain(hostname, "Public CA", this.#nowMs() + YEAR_MS);
  }
}

/** A chain that is trusted. */
export function chain(
  host: string,
  authority: string,
  notAfterMs: number,
  changes: Partial<PeerChain> = {},
): PeerChain {
  return {
    certificates: [
      { subject: host, issuer: authority, notAfterMs },
      { subject: authority, issuer: authority, notAfterMs: notAfterMs + YEAR_MS },
    ],
    publicRoot: "yes",
    problem: undefined,
    ...changes,
  };
}
