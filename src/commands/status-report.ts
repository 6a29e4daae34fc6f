import { readStandings, readStores, type Standing, type StoreStanding } from "../broker/report.ts";
import { STORE_NAMES } from "../cache/cache.ts";
import type { Configuration } from "../config/files.ts";
import { problemError } from "../config/problem.ts";
import { type Resolved, resolveNamed } from "../config/resolve.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import type { Profile } from "../core/types.ts";
import type { Host } from "../host/host.ts";

export interface StatusReport {
  readonly nowMs: number;
  readonly profiles: readonly ProfileReport[];
  /** None where they were not asked for. */
  readonly stores: readonly StoreStanding[];
}

export type ProfileReport =
  | { readonly name: string; readonly profile: Profile; readonly standing: Standing }
  /** What the configuration says of it cannot be used. */
  | { readonly name: string; readonly error: BrokerError };

/** A profile that cannot be used stands beside the others: a mistake in one table must not hide the state of the rest. */
export async function makeReport(
  host: Host,
  configuration: Configuration,
  names: readonly string[],
  withStores: boolean,
): Promise<StatusReport> {
  const judged = await Promise.all(
    names.map(async (name): Promise<Resolved | BrokerError> => {
      const resolved = resolveNamed(host, configuration, name, {}, { stores: STORE_NAMES });
      return "message" in resolved ? problemError(resolved, host) : resolved;
    }),
  );
  const usable = judged.flatMap((one) => (one instanceof BrokerError ? [] : [one.profile]));
  // First, since a keychain that hangs is then known when the entries are read.
  const stores = withStores
    ? await readStores(
        host,
        usable.map(({ store }) => store),
      )
    : [];
  const standings = (await readStandings(host, usable)).values();
  const profiles = judged.map((one, index): ProfileReport => {
    const name = names[index] ?? "";
    if (one instanceof BrokerError) return { name, error: one };
    return { name, profile: one.profile, standing: standings.next().value as Standing };
  });
  return { nowMs: host.clock.nowMs(), profiles, stores };
}

/** What a caller would end with, as far as it is known. */
export function exitCodeOf(report: ProfileReport): number {
  if ("error" in report) return report.error.exitCode;
  const { ok, failure } = report.standing;
  return ok ? EXIT.done : (failure?.exitCode ?? EXIT.unexpected);
}
