import { STORE_NAMES } from "../cache/cache.ts";
import { judgeAliases } from "../config/account-aliases.ts";
import { judgeAudit } from "../config/audit.ts";
import type { Configuration, FileTable } from "../config/files.ts";
import { judgeIdentity } from "../config/identity.ts";
import type { Problem } from "../config/problem.ts";
import { type Resolved, resolveNamed } from "../config/resolve.ts";
import { strayProblem } from "../config/stray.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { SettingsSpec } from "../core/settings.ts";
import type { Host } from "../host/host.ts";
import { checkFile } from "../identity/lib/path.ts";
import { checkSecret, secretSource } from "../identity/lib/secret-source.ts";
import { IDENTITY_SOURCES, identitySource } from "../identity/registry.ts";

/** Everything wrong with the files, whoever will use them: `config check` and `doctor` say the same. */
export function configurationProblems(host: Host, configuration: Configuration): Problem[] {
  const { identities, profiles, audits, aliases, unknown } = configuration;
  const problems: Problem[] = unknown.map(strayProblem);
  for (const table of audits) problems.push(...auditProblems(host, table));
  for (const table of aliases) problems.push(...judgeAliases(table));
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
  return problems;
}

/** "2 profiles, 1 identity in /etc/sts-broker/config.toml" */
export function configurationSummary({ files, profiles, identities }: Configuration): string {
  return `${count(profiles.size, "profile")}, ${count(identities.size, "identity", "identities")} in ${files.join(", ")}`;
}

/** Nothing is written: whether the file takes a record is for the user who will write it. */
function auditProblems(host: Host, found: FileTable): readonly Problem[] {
  const judged = judgeAudit(found, host.system);
  if ("problems" in judged) return judged.problems;
  return judged.places.flatMap((place) => {
    const directory = place.kind === "file" ? place.path.slice(0, place.path.lastIndexOf("/")) || "/" : "/";
    if (host.system.platform === "win32" || !isMissing(host, directory)) return [];
    const message = `file: there is no directory ${printable(directory)}`;
    return [{ file: found.file, path: ["audit", "file"], message, hint: `mkdir ${printable(directory)}` }];
  });
}

function isMissing({ files }: Host, path: string): boolean {
  try {
    return files.stat(path) === undefined;
  } catch {
    return false;
  }
}

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
