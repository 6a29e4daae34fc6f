import { AUDIT_SETTINGS, checkedAudit } from "../config/audit.ts";
import { SECRET_PLACES } from "../config/check-settings.ts";
import { readConfiguration } from "../config/files.ts";
import { judgeIdentity } from "../config/identity.ts";
import { place, problemError } from "../config/problem.ts";
import { PROFILE_SETTINGS, type ProfileSetting } from "../config/profile-settings.ts";
import type { Origin, Resolved } from "../config/resolve.ts";
import { EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { SettingSpec, SettingsSpec } from "../core/settings.ts";
import type { TomlTable, TomlValue } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { IDENTITY_SOURCES, identitySource } from "../identity/registry.ts";
import type { CommandModule } from "./command.ts";
import { profileOf } from "./profile-options.ts";

export const run: CommandModule["run"] = async (host, parsed) => {
  const resolved = await profileOf(host, parsed);
  const { profile, identityTable } = resolved;
  const lines: [left: string, origin: string][] = [[`[profile.${printable(profile.name, 80)}]`, ""]];
  for (const [key, value] of Object.entries(resolvedValues(resolved))) {
    const origin = resolved.origins.get(key as ProfileSetting) ?? { from: "default" };
    lines.push([`${key} = ${shown(value)}`, await originText(origin, host)]);
  }
  lines.push(["", ""], [`[identity.${printable(profile.identity.name, 80)}]`, ""]);
  const source = identitySource(profile.identity.kind);
  for (const [key, value] of Object.entries(identityTable.table)) {
    const spec: SettingSpec | undefined =
      key === "type" ? { type: "string", summary: "" } : ownSetting(source?.settings, key);
    const where = await place(identityTable.file, ["identity", profile.identity.name, key], host);
    lines.push([`${printable(key, 60)} = ${redacted(value, spec)}`, where]);
  }
  for (const { file, table } of resolved.audit.audits) {
    lines.push(["", ""], ["[audit]", ""]);
    for (const [key, value] of Object.entries(table)) {
      const spec = ownSetting(AUDIT_SETTINGS, key);
      lines.push([`${printable(key, 60)} = ${redacted(value, spec)}`, await place(file, ["audit", key], host)]);
    }
  }
  lines.push(
    ["", ""],
    ["# files read", ""],
    ...readConfiguration(host).files.map((file): [string, string] => [`# ${file}`, ""]),
  );
  const width = Math.min(72, Math.max(...lines.map(([left]) => left.length)));
  host.streams.writeOut(
    lines.map(([left, origin]) => `${origin === "" ? left : `${left.padEnd(width)}  # ${origin}`}\n`).join(""),
  );

  const judged = judgeIdentity(profile.identity.name, identityTable, IDENTITY_SOURCES, host.system.platform);
  if ("problems" in judged && judged.problems[0] !== undefined) throw await problemError(judged.problems[0], host);
  await checkedAudit(resolved.audit, host);
  return EXIT.done;
};

/** What will be used, defaults and expansions included. */
function resolvedValues({ profile, origins }: Resolved): Partial<Record<ProfileSetting, TomlValue>> {
  const { role, sts, identity, store } = profile;
  const all: Partial<Record<ProfileSetting, TomlValue | undefined>> = {
    identity: identity.name,
    role_arn: role.arn,
    principal_arn: role.principalArn,
    role_session_name: role.sessionName,
    duration_seconds: role.durationSeconds,
    region: sts.region,
    policy: role.policy,
    policy_arns: role.policyArns,
    provider_id: role.providerId,
    endpoint_url: sts.endpointUrl,
    use_fips_endpoint: sts.useFips,
    use_dualstack_endpoint: sts.useDualstack,
    store,
  };
  const always: readonly ProfileSetting[] = ["role_session_name", "region", "store"];
  const stated = Object.entries(all).filter(([key, value]) => {
    const origin = origins.get(key as ProfileSetting);
    return value !== undefined && (origin?.from !== "default" || always.includes(key as ProfileSetting));
  });
  return Object.fromEntries(stated.filter(([key]) => Object.hasOwn(PROFILE_SETTINGS, key)));
}

async function originText(origin: Origin, host: Host): Promise<string> {
  if (origin.from === "file") return place(origin.file, origin.path, host);
  return origin.from === "default" ? "default" : `${origin.from} ${origin.name}`;
}

function shown(value: TomlValue): string {
  const text = JSON.stringify(value, (_, one: unknown) => (typeof one === "bigint" ? Number(one) : one));
  // A password in a URL is refused when it is used; here it must not be shown either.
  return printable(text.replace(/\/\/[^/@\s"]*@/g, "//[not shown]@"), 200);
}

/** "constructor" is nobody's setting. */
function ownSetting(settings: SettingsSpec | undefined, key: string): SettingSpec | undefined {
  return settings !== undefined && Object.hasOwn(settings, key) ? settings[key] : undefined;
}

const PLACES: readonly string[] = [...SECRET_PLACES, "pass_env"];

const TELLING = /secret|password|passwd|token|assertion|key/i;

/** Where a secret is may be shown, the secret not; what nobody knows could be one. */
function redacted(value: TomlValue, spec: SettingSpec | undefined): string {
  if (spec === undefined) return "[unknown key, not shown]";
  if (spec.type === "secret") {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return "[secret]";
    const places = Object.entries(value as TomlTable).map(
      ([place, at]) =>
        `${printable(place, 40)} = ${place === "command" ? program(at) : PLACES.includes(place) ? shown(at) : "[not shown]"}`,
    );
    return `{ ${places.join(", ")} }`;
  }
  if (spec.type === "argv") return program(value);
  if (spec.type === "string-table" && typeof value === "object") {
    const entries = Object.entries(value as TomlTable).map(
      ([name, one]) => `${printable(name, 60)} = ${TELLING.test(name) ? "[not shown]" : shown(one)}`,
    );
    return `{ ${entries.join(", ")} }`;
  }
  return shown(value);
}

/** Arguments may hold anything. */
function program(argv: TomlValue): string {
  if (!Array.isArray(argv)) return "[not shown]";
  const more = argv.length - 1;
  return `[${shown(String(argv[0]))}${more > 0 ? `, … ${more} more` : ""}]`;
}
