import type { Resolved } from "../config/resolve.ts";
import { BrokerError } from "../core/errors.ts";
import { stsEndpoint } from "../exchange/sts-endpoint.ts";
import type { Host, TlsSettings } from "../host/host.ts";
import { absolutePath } from "../identity/lib/path.ts";
import type { Server, UsedIdentity } from "./check.ts";
import { discoveryUrl } from "./discovery-url.ts";

/** An unsigned question that STS refuses in its own words, and that nothing else does. */
const STS_QUESTION = "?Action=GetCallerIdentity&Version=2011-06-15";

/** Every server that the identities and profiles name, each once. */
export function serversOf(
  identities: readonly UsedIdentity[],
  profiles: readonly Resolved[],
  host: Host,
): readonly Server[] {
  const servers = new Map<string, Server>();
  for (const identity of identities) {
    for (const url of urlsOf(identity)) {
      const server = serverAt(url, "identity provider", tlsOf(identity, host), { identity: identity.name });
      const id = `${server.host} ${server.tls.caFile}`;
      if (!servers.has(id)) servers.set(id, server);
    }
  }
  for (const { profile } of profiles) {
    const endpoint = endpointOf(profile.sts);
    if (endpoint === undefined || servers.has(endpoint.href)) continue;
    const url = `${endpoint.href.replace(/\/?$/, "/")}${STS_QUESTION}`;
    servers.set(endpoint.href, serverAt(url, "STS", { peer: "aws" }, { profile: profile.name }));
  }
  return [...servers.values()];
}

/** URLs that are told to the provider, and are not its own. */
const NOT_THEIRS = ["acs_url", "redirect_uri"];

/** Where an identity's provider is, as it is configured: whatever setting of whatever source is a URL. */
function urlsOf({ source, table }: UsedIdentity): string[] {
  return Object.entries(source.settings).flatMap(([key, { type }]): string[] => {
    const value = table[key];
    if (typeof value !== "string" || (type !== "url" && key !== "metadata") || !URL.canParse(value)) return [];
    if (NOT_THEIRS.includes(key)) return [];
    return /^https?:/i.test(value) ? [key === "issuer" ? discoveryUrl(value, table.discovery) : value] : [];
  });
}

export function tlsOf({ table }: UsedIdentity, host: Host): TlsSettings {
  const { ca_file: caFile } = table;
  return typeof caFile === "string" ? { caFile: pathOf(caFile, host) } : {};
}

function pathOf(path: string, host: Host): string {
  try {
    return absolutePath(path, host);
  } catch {
    return path;
  }
}

function serverAt(url: string, role: Server["role"], tls: TlsSettings, about: Server["about"]): Server {
  return { url, host: new URL(url).host, role, tls, about };
}

/** Undefined for one that cannot be used, which the check of STS says. */
function endpointOf(sts: Resolved["profile"]["sts"]): URL | undefined {
  try {
    return stsEndpoint(sts);
  } catch (error) {
    if (error instanceof BrokerError) return undefined;
    throw error;
  }
}

/** AWS's own; anything else is somebody's gateway, a simulator or another vendor's STS, whose rules are its own. */
export function isAwsHost(host: string): boolean {
  return /(^|\.)(amazonaws\.com|amazonaws\.com\.cn|api\.aws|api\.amazonwebservices\.com\.cn)$/.test(host);
}
