import { wantedCredentials } from "../broker/obtain.ts";
import { type Refreshed, type RefreshOptions, refreshAll } from "../broker/refresh.ts";
import { STORE_NAMES } from "../cache/cache.ts";
import { type Configuration, readConfiguration } from "../config/files.ts";
import { problemError } from "../config/problem.ts";
import { noProfiles, type Resolved, resolveNamed, unknownProfile } from "../config/resolve.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { rfc3339, spoken } from "../core/time.ts";
import type { Host } from "../host/host.ts";
import type { CommandModule } from "./command.ts";
import { wantsJson } from "./report-options.ts";

const LONGEST_SPREAD_SECONDS = 3600;

interface Report {
  readonly profile: string;
  readonly refreshed: Refreshed;
}

export const run: CommandModule["run"] = async (host, parsed) => {
  const { options, operands } = parsed;
  const spreadMs = spreadSeconds(options.spread) * 1000;
  const configuration = readConfiguration(host);
  if (configuration.profiles.size === 0) throw noProfiles(host, configuration);
  const named = [...(typeof options.profile === "string" ? [options.profile] : []), ...operands];
  const names = named.length > 0 ? [...new Set(named)] : [...configuration.profiles.keys()];
  const reports = await refreshNamed(host, configuration, names, { spreadMs, force: options.force === true });

  for (const { profile, refreshed } of reports) {
    if (refreshed.outcome === "failed") host.streams.writeErr(failureLines(profile, refreshed, host.clock.nowMs()));
  }
  host.streams.writeOut(wantsJson(parsed) ? asJson(reports) : asText(reports));
  const failed = reports.find(({ refreshed }) => refreshed.outcome === "failed");
  return failed?.refreshed.outcome === "failed" ? failed.refreshed.error.exitCode : EXIT.done;
};

/** A profile that cannot be used fails by itself: a mistake in one table must not cost the other jobs their credentials. */
async function refreshNamed(
  host: Host,
  configuration: Configuration,
  names: readonly string[],
  refreshOptions: RefreshOptions,
): Promise<Report[]> {
  const judged = await Promise.all(names.map((name) => resolvedOrError(host, configuration, name)));
  const usable = judged.filter((one): one is Resolved => !(one instanceof BrokerError));
  const renewables = usable.map((one) => ({ store: one.profile.store, wanted: wantedCredentials(host, one) }));
  const refreshed = await refreshAll(host, renewables, refreshOptions);
  return judged.map((one, index) => ({
    profile: names[index] ?? "",
    refreshed:
      one instanceof BrokerError ? { outcome: "failed", error: one } : (refreshed[usable.indexOf(one)] as Refreshed),
  }));
}

async function resolvedOrError(
  host: Host,
  configuration: Configuration,
  name: string,
): Promise<Resolved | BrokerError> {
  if (!configuration.profiles.has(name)) return unknownProfile(name, configuration);
  const resolved = resolveNamed(host, configuration, name, {}, { stores: STORE_NAMES });
  return "message" in resolved ? problemError(resolved, host) : resolved;
}

/** @throws USAGE */
function spreadSeconds(stated: string | boolean | undefined): number {
  if (stated === undefined) return 0;
  const seconds = /^\d{1,6}$/.test(String(stated)) ? Number(stated) : Number.NaN;
  if (seconds <= LONGEST_SPREAD_SECONDS) return seconds;
  throw new BrokerError(
    "USAGE",
    `--spread "${printable(stated, 40)}" is not a number of seconds from 0 to ${LONGEST_SPREAD_SECONDS}`,
    { hint: "--spread 300" },
  );
}

function failureLines(
  profile: string,
  { error, expiresAtMs }: Extract<Refreshed, { outcome: "failed" }>,
  nowMs: number,
): string {
  const still = expiresAtMs === undefined ? "" : `; the cached ones are valid for ${spoken(expiresAtMs - nowMs)} more`;
  const hint = error.hint === undefined ? "" : `  hint: ${printable(error.hint, 600)}\n`;
  return `sts-broker: profile ${printable(profile, 80)}: ${printable(error.message, 1200)}${still}\n${hint}`;
}

function asText(reports: readonly Report[]): string {
  return reports
    .flatMap(({ profile, refreshed }) => {
      const name = printable(profile, 80);
      if (refreshed.outcome === "failed") return [];
      if (refreshed.outcome === "skipped") return [`${name}: keeps nothing (store "none")\n`];
      const until = `valid until ${rfc3339(refreshed.expiresAtMs)}`;
      return [`${name}: ${refreshed.outcome === "renewed" ? "renewed" : "still fresh"}, ${until}\n`];
    })
    .join("");
}

function asJson(reports: readonly Report[]): string {
  const profiles = reports.map(({ profile, refreshed }) => ({
    profile: printable(profile, 80),
    outcome: refreshed.outcome,
    ...("expiresAtMs" in refreshed ? { expiresAt: rfc3339(refreshed.expiresAtMs) } : {}),
    ...("store" in refreshed ? { store: refreshed.store } : {}),
    ...(refreshed.outcome === "failed" ? { error: shownError(refreshed.error) } : {}),
  }));
  return `${JSON.stringify({ profiles }, null, 2)}\n`;
}

function shownError({ code, message, hint }: BrokerError): Record<string, string> {
  return { code, message: printable(message, 1200), ...(hint === undefined ? {} : { hint: printable(hint, 600) }) };
}
