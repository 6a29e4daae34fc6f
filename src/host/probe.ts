import { EventEmitter } from "node:events";
import net from "node:net";
import { ADDONS } from "./addons.ts";
import type { Probe, Runtime } from "./host.ts";
import { hostOf } from "./http/address.ts";
import { refuseForbidden } from "./http/lookup.ts";
import { proxyFor, proxyName } from "./http/proxy.ts";
import { secureContexts } from "./http/trust.ts";
import { peerChain } from "./peer-chain.ts";
import type { Resolve } from "./resolver/resolve.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** @param self argv that starts this program: a script's name stands in it, unless it brings its own runtime */
export function realProbe(env: Env, resolve: Resolve, self: readonly string[]): Probe {
  const contextFor = secureContexts(env);
  return {
    runtime: async () => runtimeOf(self),
    async addon(name) {
      const load = ADDONS[name];
      if (load === undefined) return "not needed";
      try {
        await load();
        return undefined;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        return code === "MODULE_NOT_FOUND" || code === "ERR_MODULE_NOT_FOUND" ? "not installed" : "cannot be loaded";
      }
    },
    addresses: (name, timeoutMs) => bounded(timeoutMs, async () => (await resolve(name)).map(({ address }) => address)),
    async proxy(url) {
      const proxy = proxyFor(new URL(url), env);
      return proxy === undefined ? undefined : proxyName(proxy);
    },
    connect: (host, port, timeoutMs) =>
      bounded(timeoutMs, async (ended) => {
        const [found] = net.isIP(host) === 0 ? await resolve(host) : [{ address: host }];
        if (found === undefined) throw Object.assign(new Error("no address"), { code: "ENOTFOUND" });
        refuseForbidden(host, found.address);
        const socket = net.connect({ host: found.address, port });
        ended.once("end", () => socket.destroy());
        await new Promise<void>((connected, failed) => {
          socket.once("error", failed);
          socket.once("connect", () => connected());
        });
      }),
    certificates: (url, tls, timeoutMs) => {
      const target = new URL(url);
      const proxy = proxyFor(target, env);
      return peerChain({
        host: hostOf(target),
        port: Number(target.port || 443),
        proxy,
        caSetting: tls.peer === "aws" ? "AWS_CA_BUNDLE" : "ca_file",
        secureContext: contextFor(tls),
        ...(proxy?.protocol === "https:" ? { proxyContext: contextFor({}) } : {}),
        resolve,
        timeoutMs,
      });
    },
  };
}

/** Where an executable made by Bun believes its script to be. */
const INSIDE = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN)/i;

function runtimeOf([, script]: readonly string[]): Runtime {
  const { bun, node } = process.versions;
  return {
    name: bun === undefined ? "node" : "bun",
    version: bun ?? node,
    standalone: script === undefined || INSIDE.test(script),
  };
}

/** @throws ETIMEDOUT; what goes on then is told by "end" */
async function bounded<T>(timeoutMs: number, work: (ended: EventEmitter) => Promise<T>): Promise<T> {
  const ended = new EventEmitter();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })), timeoutMs);
  });
  try {
    return await Promise.race([work(ended), late]);
  } finally {
    clearTimeout(timer);
    ended.emit("end");
  }
}
