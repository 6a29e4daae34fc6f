import { EXIT } from "../../core/errors.ts";
import { posixQuote } from "../../core/posix-quote.ts";
import { printable } from "../../core/printable.ts";
import type { Check, DoctorContext, Server } from "../check.ts";
import { codeOf, type Finding, failed, ok, skipped } from "../finding.ts";

const LOOKUP_MS = 6_000;
const MOST_SHOWN = 4;

/** The name of each server, or of the proxy that looks it up for us. */
export const names: Check = {
  id: "names",
  title: "DNS",
  network: true,
  async run(context) {
    const found = await Promise.all(context.servers.map((server) => resolved(server, context)));
    return found.length > 0 ? found : [skipped("no server is known")];
  },
};

async function resolved({ url, about }: Server, { host }: DoctorContext): Promise<Finding> {
  const { probe, clock } = host;
  const proxy = await probe.proxy(url).catch(() => undefined);
  const name = hostName(proxy ?? url);
  if (isAddress(name)) return ok(`${name} is an address, no name is looked up`, about);
  const shown = proxy === undefined ? printable(name, 120) : `${printable(name, 120)} (the proxy)`;
  const startMs = clock.monotonicMs();
  try {
    const addresses = await probe.addresses(name, LOOKUP_MS);
    const tookMs = Math.round(clock.monotonicMs() - startMs);
    const more = addresses.length > MOST_SHOWN ? ` and ${addresses.length - MOST_SHOWN} more` : "";
    return ok(`${shown} is ${addresses.slice(0, MOST_SHOWN).join(", ")}${more}, found in ${tookMs} ms`, about);
  } catch (error) {
    return failed(
      `${shown} cannot be resolved (${codeOf(error)})`,
      proxy === undefined
        ? `getent hosts ${posixQuote(printable(name, 120))}; HTTPS_PROXY if this machine needs a proxy`
        : "check HTTPS_PROXY",
      about,
      EXIT.unreachable,
    );
  }
}

function hostName(url: string): string {
  return new URL(url).hostname.replace(/^\[|\]$/g, "");
}

function isAddress(name: string): boolean {
  return name.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(name);
}
