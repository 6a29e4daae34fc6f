import { createCertificateAuthority } from "../../support/certificates.ts";
import { type DelayProxy, startDelayProxy } from "../../support/delay-proxy.ts";
import { makeSandbox, type Sandbox } from "../../support/program.ts";
import { bareClient } from "./bare-client.ts";
import type { ColdSource } from "./source.ts";

/** A source with its servers, at a distance that can be changed. */
export interface Scene {
  /** The arguments and the environment of a cold call. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  configure(sandbox: Sandbox): void;
  prepare(): void;
  setDelay(roundTripMs: number): void;
  /** @returns how long the requests alone took, in ms. @throws Error when STS refused. */
  bare(): Promise<number>;
  /** So far. The provider's log may be written after its answer. */
  requests(): { readonly idp: number; readonly sts: number };
  /** Taken so far, by all servers. */
  connections(): number;
}

export async function withScene<T>(source: ColdSource, use: (scene: Scene) => Promise<T>): Promise<T> {
  const sandbox = makeSandbox();
  const fronts: DelayProxy[] = [];
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const ca = await createCertificateAuthority();
    const caFile = sandbox.file("ca.pem", ca.cert);
    const front = async (): Promise<DelayProxy> => {
      const proxy = await startDelayProxy();
      fronts.push(proxy);
      return proxy;
    };
    const started = await source.start({ ca, caFile, sandbox, front });
    ends.push(started.stop);
    return await use({
      args: ["credential-process", "--profile", "p"],
      env: { ...started.env, AWS_CA_BUNDLE: caFile },
      configure: (home) => {
        const { identity, role, endpointUrl } = started.configure(home);
        home.configure(`[identity.corp]
${identity}

[profile.p]
identity = "corp"
${role}
region = "eu-west-1"
endpoint_url = "${endpointUrl}"
store = "file"
`);
      },
      prepare: () => started.prepare?.(),
      setDelay: (roundTripMs) => {
        for (const proxy of fronts) proxy.roundTripMs = roundTripMs;
      },
      bare: async () => {
        started.prepare?.();
        const client = bareClient(ca.cert);
        try {
          const startMs = performance.now();
          const answer = await started.bare(client);
          const tookMs = performance.now() - startMs;
          if (!answer.includes("SessionToken")) throw new Error(`the bare requests were refused: ${answer.trim()}`);
          return tookMs;
        } finally {
          client.close();
        }
      },
      requests: started.requests,
      connections: () => fronts.reduce((sum, proxy) => sum + proxy.connections(), 0),
    });
  } finally {
    for (const end of ends) await end();
    await Promise.all(fronts.map((proxy) => proxy.close()));
    sandbox.remove();
  }
}
