import { STORE_NAMES } from "../cache/cache.ts";
import { type FileTable, readConfiguration } from "../config/files.ts";
import { judgeIdentity } from "../config/identity.ts";
import { type Problem, problemError } from "../config/problem.ts";
import { type Resolved, resolveNamed, START_HINT } from "../config/resolve.ts";
import { didYouMean } from "../config/suggest.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { SettingsSpec } from "../core/settings.ts";
import type { Host } from "../host/host.ts";
import { checkFile } from "../identity/lib/path.ts";
import { checkSecret, secretSource } from "../identity/lib/secret-source.ts";
import { IDENTITY_SOURCES, identitySource } from "../identity/registry.ts";
import type { CommandModule } from "./command.ts";

export const run: CommandModule["run"] = async (host) => {
  const configuration = readConfiguration(host);
  const { files, identities, profiles, unknown } = configuration;
  if (files.length === 0) throw new BrokerError("CONFIG_MISSING", "there is no configuration", { hint: START_HINT });

  const problems: Problem[] = unknown.map(({ file, path }) => ({
    file,
    path,
    message: `"${printable(path.join("."), 80)}" means nothing here`,
    hint: didYouMean(path[0] ?? "", ["identity", "profile"]),
  }));
  for (const [name, table] of identities) {
    const judged = judgeIdentity(name, table, IDENTITY_SOURCES, host.system.platform);
    if ("problems" in judged) problems.push(...judged.problems);
    else problems.push(...fileProblems(host, judged.source.settings, table, ["identity", name]));
  }
  // The environment is left out: this is about the files, and cron has another one.
  const bare = { ...host, env: {} };
  for (const name of profiles.keys()) {
    const resolved = resolveNamed(bare, configuration, name, {}, { stores: STORE_NAMES });
    if ("message" in resolved) problems.push(resolved);
    else problems.push(...roleProblems(resolved));
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

/** Only a SAML assertion can say by itself which role is meant. */
function roleProblems({ profile, profileTable }: Resolved): Problem[] {
  if (profile.role.arn !== undefined || identitySource(profile.identity.kind)?.yields !== "oidc") return [];
  const path = ["profile", profile.name];
  const hint = "role_arn may be left out only where a SAML assertion grants a single role";
  return [{ file: profileTable.file, path, message: `[profile.${printable(profile.name, 60)}] has no role_arn`, hint }];
}

/** A job that runs at night should not be the first to find out that a file is missing, or open to others. */
function fileProblems(host: Host, spec: SettingsSpec, { file, table }: FileTable, path: readonly string[]): Problem[] {
  return Object.entries(spec).flatMap(([key, { type }]) => {
    const value = table[key];
    if (value === undefined) return [];
    try {
      if (type === "path") checkFile(String(value), key, host);
      const source = type === "secret" ? secretSource(value) : undefined;
      if (source !== undefined) checkSecret(source, key, host);
      return [];
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      return [{ file, path: [...path, key], message: error.message, hint: error.hint }];
    }
  });
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
