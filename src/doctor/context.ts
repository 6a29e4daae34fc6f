import { fetchProof } from "../broker/prove.ts";
import { STORE_NAMES } from "../cache/cache.ts";
import { type Configuration, readConfiguration } from "../config/files.ts";
import { judgeIdentity } from "../config/identity.ts";
import { problemError } from "../config/problem.ts";
import { type Resolved, resolveNamed, unknownProfile } from "../config/resolve.ts";
import { BrokerError } from "../core/errors.ts";
import type { Host, TlsSettings } from "../host/host.ts";
import { IDENTITY_SOURCES } from "../identity/registry.ts";
import type { Answer, DoctorContext, UsedIdentity } from "./check.ts";
import { serversOf } from "./servers.ts";

const GET_MS = 8_000;
/** Discovery documents, keys and metadata; a login page is more than anybody needs of it. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Less than a call may take: a refresh token that is on its way is waited for beyond it, 15 s at most, and the run still ends in time. */
const PROOF_MS = 25_000;

/**
 * @param wanted only this profile; default all
 * @param offline nobody is to be asked
 * @throws BrokerError PROFILE_UNKNOWN
 */
export async function makeContext(host: Host, wanted: string | undefined, offline: boolean): Promise<DoctorContext> {
  let configuration: Configuration | undefined;
  let unreadable: BrokerError | undefined;
  try {
    configuration = readConfiguration(host);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    unreadable = error;
  }
  if (wanted !== undefined && configuration !== undefined && !configuration.profiles.has(wanted))
    throw unknownProfile(wanted, configuration);
  const names = wanted === undefined ? [...(configuration?.profiles.keys() ?? [])] : [wanted];
  const profiles: Resolved[] = [];
  const unusable = new Map<string, BrokerError>();
  for (const name of configuration === undefined ? [] : names) {
    const resolved = resolveNamed(host, configuration as Configuration, name, {}, { stores: STORE_NAMES });
    if ("message" in resolved) unusable.set(name, await problemError(resolved, host));
    else profiles.push(resolved);
  }
  const identities = identitiesOf(profiles, host);
  return {
    host,
    offline,
    only: wanted,
    configuration,
    unreadable,
    profiles,
    unusable,
    identities,
    servers: serversOf(identities, profiles, host),
    get: once((url: string, tls: TlsSettings) => answerOf(host, url, tls)),
    prove: once(
      (identity: UsedIdentity) => fetchProof(host, identity.profiles[0], PROOF_MS),
      (one) => one.name,
    ),
  };
}

/** Identities that cannot be used are the check of the configuration's to name. */
function identitiesOf(profiles: readonly Resolved[], host: Host): UsedIdentity[] {
  const names = [...new Set(profiles.map(({ profile }) => profile.identity.name))];
  return names.flatMap((name): UsedIdentity[] => {
    const [first, ...others] = profiles.filter(({ profile }) => profile.identity.name === name);
    if (first === undefined) return [];
    const judged = judgeIdentity(name, first.identityTable, IDENTITY_SOURCES, host.system.platform);
    if ("problems" in judged) return [];
    const { source, settings } = judged;
    return [{ name, source, settings, table: first.profile.identity.settings, profiles: [first, ...others] }];
  });
}

async function answerOf(host: Host, url: string, tls: TlsSettings): Promise<Answer> {
  try {
    const response = await host.http.request({
      method: "GET",
      url,
      timeoutMs: GET_MS,
      maxBytes: MAX_BYTES,
      tls,
    });
    return { ok: true, response, atMs: host.clock.nowMs() };
  } catch (error) {
    if (error instanceof BrokerError) return { ok: false, error };
    throw error;
  }
}

function once<A extends readonly unknown[], T>(
  ask: (...asked: A) => Promise<T>,
  key: (...asked: A) => unknown = (...asked) => JSON.stringify(asked),
): (...asked: A) => Promise<T> {
  const known = new Map<unknown, Promise<T>>();
  return (...asked) => {
    const found = known.get(key(...asked)) ?? ask(...asked);
    known.set(key(...asked), found);
    return found;
  };
}
