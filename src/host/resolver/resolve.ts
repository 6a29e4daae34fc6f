import { spawn } from "node:child_process";
import type { LookupAddress } from "node:dns";
import dns from "node:dns/promises";
import { isIP } from "node:net";
import { endedWithUs } from "../ended-with-us.ts";
import { scrubbedEnvironment } from "../environment.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** All addresses of a name, the preferred first. @throws an error with `code` and `syscall: "getaddrinfo"` */
export type Resolve = (name: string) => Promise<LookupAddress[]>;

/** What the child says. */
export type Answer = { readonly addresses: readonly LookupAddress[] } | { readonly code: string };

/** Fixed, so that nobody's PATH has a say. It starts ten times as fast as we do. */
const GETENT = "/usr/bin/getent";
/** Longer than anybody waits for a name. */
const LIFETIME_MS = 45_000;
/** glibc gives one silent server 5 s; whoever says no sooner has been told so. */
const SILENCE_MS = 4_000;
/** Whatever answers for names in this process has to answer in the child: resolv.conf(5), nss_wrapper, proxychains. */
const RESOLVER_SETTINGS = [
  "RES_OPTIONS",
  "LOCALDOMAIN",
  "HOSTALIASES",
  "LD_PRELOAD",
  "LD_LIBRARY_PATH",
  "NSS_WRAPPER_HOSTS",
];

interface Ended {
  readonly status: number | null;
  readonly text: string;
  readonly tookMs: number;
}

/**
 * Names by the system's own rules (nsswitch.conf, /etc/hosts, search domains), in a process that can be killed. A silent name server
 * keeps getaddrinfo for 10 s and more; nothing can call it off, and process.exit waits for it (10 s, measured), which would keep
 * callers from credentials that have been printed already.
 *
 * @param childCommand argv that starts this program as its resolver child, where getent is missing or has no answer: it knows why
 */
export function killableResolve(env: Env, childCommand: readonly string[], getent = GETENT): Resolve {
  const childEnv = scrubbedEnvironment(env, RESOLVER_SETTINGS);

  /** Undefined when it could not be started. */
  const run = ([program = "", ...rest]: readonly string[]): Promise<Ended | undefined> =>
    new Promise((resolve) => {
      const startMs = performance.now();
      const child = spawn(program, rest, {
        env: childEnv,
        stdio: ["ignore", "pipe", "ignore"],
        timeout: LIFETIME_MS,
        killSignal: "SIGKILL",
        windowsHide: true,
      });
      const forget = endedWithUs(() => void child.kill("SIGKILL"));
      let text = "";
      child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      child.once("error", () => {
        forget();
        resolve(undefined);
      });
      child.once("close", (status) => {
        forget();
        resolve({ status, text, tookMs: performance.now() - startMs });
      });
    });

  return async (name) => {
    const family = isIP(name);
    if (family !== 0) return [{ address: name, family }];
    // As an option it would be getent's.
    const told = name.startsWith("-") ? undefined : await run([getent, "ahosts", name]);
    const addresses = told?.status === 0 ? addressesOf(told.text) : [];
    if (addresses.length > 0) return addresses;
    if (told !== undefined && told.tookMs > SILENCE_MS) throw failure(name, "EAI_AGAIN");

    const answer = answerOf(await run([...childCommand, name]));
    // A sandbox that forbids children must not forbid names.
    if (answer === undefined) return dns.lookup(name, { all: true, verbatim: true });
    if ("code" in answer) throw failure(name, answer.code);
    return [...answer.addresses];
  };
}

/** Lines of `ADDRESS TYPE NAME`, each address once for each type of socket. */
function addressesOf(text: string): LookupAddress[] {
  const found = new Map<string, LookupAddress>();
  for (const line of text.split("\n")) {
    const [address = ""] = line.split(/\s/);
    const family = isIP(address);
    if (family !== 0) found.set(address, { address, family });
  }
  return [...found.values()];
}

function answerOf(ended: Ended | undefined): Answer | undefined {
  try {
    return ended === undefined ? undefined : (JSON.parse(ended.text) as Answer);
  } catch {
    return undefined;
  }
}

function failure(hostname: string, code: string): Error {
  return Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { code, hostname, syscall: "getaddrinfo" });
}
