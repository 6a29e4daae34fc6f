import { clock } from "./clock.ts";
import { crypto } from "./crypto.ts";
import { files } from "./files.ts";
import type {
  Browser,
  Host,
  Http,
  Kerberos,
  Keychain,
  Keyring,
  Locks,
  Loopback,
  Probe,
  Signals,
  Spawn,
  Terminal,
} from "./host.ts";
import { KERBEROS_CHILD } from "./kerberos/child-argument.ts";
import { KEYCHAIN_CHILD } from "./keychain/child-argument.ts";
import { makeLog } from "./log.ts";
import { RESOLVER_CHILD } from "./resolver/child-argument.ts";
import { streams } from "./streams.ts";
import { realSystem } from "./system.ts";

/** A value made on first use: what only a cold start or a keychain needs is not even loaded on a hot one. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

/**
 * The host of a real run.
 * @param debug what --debug or STS_BROKER_DEBUG says
 * @param self argv that starts this program; with a child's argument added, it is that child
 */
export function realHost(debug: string | undefined, self: readonly string[]): Host {
  const env: Readonly<Record<string, string | undefined>> = process.env;
  const system = realSystem(env);
  const log = makeLog(debug, streams, clock);
  const loadHttp = once(async () => {
    const { realHttp } = await import("./http/request.ts");
    const { killableResolve } = await import("./resolver/resolve.ts");
    return realHttp(env, clock, log, killableResolve(env, [...self, RESOLVER_CHILD]));
  });
  const loadKeychain = once(async () =>
    (await import("./keychain/keychain.ts")).realKeychain({ env, system }, [...self, KEYCHAIN_CHILD]),
  );
  const loadKeyring = once(async () => {
    const { realKeyring } = await import("./keyring.ts");
    return realKeyring(loadSyscall);
  });
  const loadSpawn = once(async () => (await import("./spawn.ts")).realSpawn(env));
  const loadLocks = once(async () => {
    const { realLocks } = await import("./locks.ts");
    const { loadFileLocks } = await import("./file-locks.ts");
    return realLocks(loadFileLocks);
  });
  const loadKerberos = once(async () =>
    (await import("./kerberos.ts")).realKerberos({ env, log }, [...self, KERBEROS_CHILD]),
  );
  const loadSyscall = once(async () => (await import("./syscall.ts")).loadSyscall());
  const loadProbe = once(async () => {
    const { realProbe } = await import("./probe.ts");
    const { killableResolve } = await import("./resolver/resolve.ts");
    return realProbe(env, killableResolve(env, [...self, RESOLVER_CHILD]), self);
  });
  let skewMs: () => number | undefined = () => undefined;
  let lockKind: () => string = () => "not used yet";

  const http: Http = {
    async request(request) {
      const real = await loadHttp();
      skewMs = real.skewMs;
      return real.request(request);
    },
    connectAhead: (...to) =>
      void loadHttp().then(
        (real) => real.connectAhead(...to),
        () => {},
      ),
    skewMs: () => skewMs(),
  };
  const keychain: Keychain = {
    get: async (...item) => (await loadKeychain()).get(...item),
    set: async (...item) => (await loadKeychain()).set(...item),
    delete: async (...item) => (await loadKeychain()).delete(...item),
    check: async () => (await loadKeychain()).check(),
  };
  const keyring: Keyring = {
    get: async (...item) => (await loadKeyring()).get(...item),
    add: async (...item) => (await loadKeyring()).add(...item),
  };
  const spawn: Spawn = {
    capture: async (...run) => (await loadSpawn()).capture(...run),
    handOver: async (...run) => (await loadSpawn()).handOver(...run),
  };
  const kerberos: Kerberos = {
    prepare: (credentials) => void loadKerberos().then((real) => real.prepare?.(credentials)),
    open: async (...args) => (await loadKerberos()).open(...args),
  };
  const loopback: Loopback = {
    listen: async (...options) => (await import("./loopback-listener.ts")).listenOnLoopback(...options),
  };
  const terminal: Terminal = { open: async () => (await import("./terminal.ts")).realTerminal(env).open() };
  const browser: Browser = {
    open: async (url) => (await import("./browser.ts")).realBrowser(env, system.platform).open(url),
  };
  const probe: Probe = {
    runtime: async () => (await loadProbe()).runtime(),
    addon: async (name) => (await loadProbe()).addon(name),
    addresses: async (...asked) => (await loadProbe()).addresses(...asked),
    proxy: async (url) => (await loadProbe()).proxy(url),
    connect: async (...asked) => (await loadProbe()).connect(...asked),
    certificates: async (...asked) => (await loadProbe()).certificates(...asked),
  };
  const signals: Signals = { hold: async () => (await import("./ended-with-us.ts")).holdSignals() };
  const locks: Locks = {
    async tryAcquire(path) {
      const real = await loadLocks();
      lockKind = real.kind;
      return real.tryAcquire(path);
    },
    kind: () => lockKind(),
  };
  return {
    env,
    system,
    clock,
    files,
    http,
    keychain,
    keyring,
    locks,
    crypto,
    spawn,
    kerberos,
    loopback,
    terminal,
    browser,
    probe,
    signals,
    streams,
    log,
  };
}
