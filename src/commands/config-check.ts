import { STORE_NAMES } from "../cache/cache.ts";
import { readConfiguration } from "../config/files.ts";
import { judgeIdentity } from "../config/identity.ts";
import { type Problem, problemError } from "../config/problem.ts";
import { resolveNamed } from "../config/resolve.ts";
import { didYouMean } from "../config/suggest.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { IDENTITY_SOURCES } from "../identity/registry.ts";
import type { CommandModule } from "./command.ts";

export const run: CommandModule["run"] = async (host) => {
  const configuration = readConfiguration(host);
  const { files, identities, profiles, unknown } = configuration;
  if (files.length === 0)
    throw new BrokerError("CONFIG_MISSING", "there is no configuration", { hint: "sts-broker config example" });

  const problems: Problem[] = unknown.map(({ file, key }) => ({
    file,
    path: key.split("."),
    message: `"${printable(key, 80)}" means nothing here`,
    hint: didYouMean(key, ["identity", "profile"]),
  }));
  for (const [name, table] of identities) {
    const judged = judgeIdentity(name, table, IDENTITY_SOURCES, host.system.platform);
    if ("problems" in judged) problems.push(...judged.problems);
  }
  // The environment is left out: this is about the files, and cron has another one.
  const bare = { ...host, env: {} };
  for (const name of profiles.keys()) {
    const resolved = resolveNamed(bare, configuration, name, {}, { stores: STORE_NAMES });
    if ("message" in resolved) problems.push(resolved);
  }

  const [first, ...rest] = problems;
  if (first === undefined) {
    host.streams.writeOut(
      `ok: ${count(profiles.size, "profile")}, ${count(identities.size, "identity", "identities")} in ${files.join(", ")}\n`,
    );
    return EXIT.done;
  }
  for (const problem of rest) {
    const { message, hint } = await problemError(problem, host);
    host.streams.writeErr(`sts-broker: ${message}\n${hint === undefined ? "" : `  hint: ${hint}\n`}`);
  }
  throw await problemError(first, host);
};

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
