import { type LoggedOut, logOut, type Swept, sweep } from "../broker/logout.ts";
import { STORE_NAMES } from "../cache/cache.ts";
import { type Configuration, readConfiguration } from "../config/files.ts";
import { problemError } from "../config/problem.ts";
import { type Resolved, resolveNamed } from "../config/resolve.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import type { Host } from "../host/host.ts";
import type { CommandModule } from "./command.ts";
import { asJson, asText, type Failure, failureLines, failuresOf, sweptUnread } from "./logout-report.ts";
import { profileOf } from "./profile-options.ts";
import { wantsJson } from "./report-options.ts";

export const run: CommandModule["run"] = async (host, parsed) => {
  const { all, profile } = parsed.options;
  if (all === true && profile !== undefined) throw new BrokerError("USAGE", "--all and --profile do not go together");
  const { outcomes, unusable, swept } = all === true ? await everything(host) : await one(host, parsed);
  const again = all === true ? "sts-broker logout --all" : undefined;
  const failures = [...unusable, ...outcomes.flatMap((one) => failuresOf(one, again))];
  if (failures.length > 0) host.streams.writeErr(failureLines(failures));
  host.streams.writeOut(wantsJson(parsed) ? asJson(outcomes, unusable, swept) : asText(outcomes, swept));
  return failures[0]?.error.exitCode ?? EXIT.done;
};

interface Done {
  readonly outcomes: readonly LoggedOut[];
  /** Profiles that the configuration does not say enough of. */
  readonly unusable: readonly Failure[];
  readonly swept?: Swept;
}

async function one(host: Host, parsed: Parameters<CommandModule["run"]>[1]): Promise<Done> {
  const wanted = await profileOf(host, parsed);
  const { usable } = await resolvedProfiles(host, readConfiguration(host));
  const others = usable.filter(({ profile }) => profile.name !== wanted.profile.name);
  return { outcomes: await logOut(host, [wanted], others), unusable: [] };
}

/** Without a configuration, too, and beside a broken one: what is kept is kept all the same. */
async function everything(host: Host): Promise<Done> {
  let configuration: Configuration;
  try {
    configuration = readConfiguration(host);
  } catch (error) {
    host.streams.writeErr(sweptUnread(await sweep(host)));
    throw error;
  }
  const { usable, unusable } = await resolvedProfiles(host, configuration);
  const outcomes = await logOut(host, usable, []);
  return { outcomes, unusable, swept: await sweep(host) };
}

async function resolvedProfiles(
  host: Host,
  configuration: Configuration,
): Promise<{ readonly usable: readonly Resolved[]; readonly unusable: readonly Failure[] }> {
  const usable: Resolved[] = [];
  const unusable: Failure[] = [];
  for (const profile of configuration.profiles.keys()) {
    const resolved = resolveNamed(host, configuration, profile, {}, { stores: STORE_NAMES });
    if ("message" in resolved) unusable.push({ profile, error: await problemError(resolved, host) });
    else usable.push(resolved);
  }
  return { usable, unusable };
}
