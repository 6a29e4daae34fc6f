import { BrokerError } from "../core/errors.ts";
import { posixQuote } from "../core/posix-quote.ts";
import { hasControlCharacter, printable } from "../core/printable.ts";
import type { Profile, TomlTable, TomlValue } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { checkSettings } from "./check-settings.ts";
import { type Configuration, configurationPaths, type FileTable, readConfiguration } from "./files.ts";
import { type Problem, problemError } from "./problem.ts";
import { OVERRIDES, PROFILE_SETTINGS, type ProfileSetting } from "./profile-settings.ts";
import { firstRegion, isRegion, partitionOf } from "./region.ts";
import { DEFAULT_SESSION_NAME, sessionName } from "./session-name.ts";
import { didYouMean } from "./suggest.ts";

type Where = Pick<Host, "env" | "system" | "files">;

/** What the command line said. */
export interface Flags {
  readonly profile?: string | undefined;
  /** By the setting's name. */
  readonly settings?: Readonly<Partial<Record<ProfileSetting, string>>>;
}

/** What other rooms know: the names that may stand in a setting. */
export interface Known {
  readonly stores: readonly string[];
}

/** Where a resolved value came from, for `config show`. */
export type Origin =
  | { readonly from: "flag" | "environment"; readonly name: string }
  | { readonly from: "file"; readonly file: string; readonly path: readonly string[] }
  | { readonly from: "default" };

export interface Resolved {
  readonly profile: Profile;
  readonly origins: ReadonlyMap<ProfileSetting, Origin>;
  /** The tables the profile was made of, for the check on the cold path. */
  readonly profileTable: FileTable;
  readonly identityTable: FileTable;
  /** What the files say of audit records, judged on the cold path. */
  readonly audit: Pick<Configuration, "audits" | "unknown">;
}

/**
 * Files, environment and flags become one profile. Judged here is what the profile itself says; the settings of its identity are
 * judged by their source when it is used, and by `config check`.
 *
 * @throws CONFIG_MISSING, PROFILE_UNKNOWN, CONFIG_INVALID with file:line:column
 */
export async function resolveProfile(host: Where, flags: Flags, known: Known): Promise<Resolved> {
  const configuration = readConfiguration(host);
  const name = chooseProfile(host, configuration, flags.profile);
  const resolved = resolveNamed(host, configuration, name, flags, known);
  if ("message" in resolved) throw await problemError(resolved, host);
  return resolved;
}

/** How to begin, to be pasted. */
export const START_HINT =
  "sts-broker config init, or by hand: mkdir -p ~/.config/sts-broker && sts-broker config example > ~/.config/sts-broker/config.toml, then edit it";

function chooseProfile(host: Where, configuration: Configuration, flag: string | undefined): string {
  const { profiles } = configuration;
  const wanted = flag ?? (host.env.STS_BROKER_PROFILE || undefined);
  const known = [...profiles.keys()];
  if (wanted !== undefined) {
    if (profiles.has(wanted)) return wanted;
    if (known.length > 0) {
      if (flag !== undefined) throw unknownProfile(wanted, configuration);
      const message = `STS_BROKER_PROFILE names an unknown profile "${printable(wanted, 80)}"`;
      throw new BrokerError("PROFILE_UNKNOWN", message, { hint: didYouMean(wanted, known) });
    }
  }
  const [only, ...others] = known;
  if (only === undefined) throw noProfiles(host, configuration);
  if (others.length === 0) return only;
  throw new BrokerError(
    "PROFILE_UNKNOWN",
    `which profile? there are ${known.map((one) => printable(one, 80)).join(", ")}`,
    {
      hint: `--profile ${posixQuote(printable(only, 80))}, or STS_BROKER_PROFILE`,
    },
  );
}

/** Nobody has configured anything yet. */
export function noProfiles(host: Where, { files }: Configuration): BrokerError {
  const places = configurationPaths(host).join(", ");
  const message =
    files.length === 0 ? `there is no configuration (looked at ${places})` : `no [profile.…] in ${files.join(", ")}`;
  return new BrokerError("CONFIG_MISSING", message, { hint: START_HINT });
}

/** A profile that somebody named, and that is not there. */
export function unknownProfile(name: string, { profiles }: Configuration): BrokerError {
  return new BrokerError("PROFILE_UNKNOWN", `there is no profile "${printable(name, 80)}"`, {
    hint: didYouMean(name, [...profiles.keys()]),
  });
}

/** One profile of a configuration, or the first thing wrong with it. */
export function resolveNamed(
  host: Where,
  configuration: Configuration,
  name: string,
  flags: Flags,
  known: Known,
): Resolved | Problem {
  const profileTable = configuration.profiles.get(name);
  if (profileTable === undefined) return { path: [], message: `there is no profile "${printable(name, 80)}"` };
  const { file, table } = profileTable;
  const path = ["profile", name];
  if (hasControlCharacter(name)) return { file, path, message: "the profile's name holds a control character" };

  const { merged, origins, wrong } = merge(host, file, path, table, flags);
  const [problem] = [...wrong, ...checkSettings(merged, PROFILE_SETTINGS, { file, path }, host.system.platform)];
  if (problem !== undefined) return relocate(problem, origins);
  const text = (key: ProfileSetting): string | undefined => merged[key] as string | undefined;

  const identityName = text("identity") ?? "";
  const identityTable = configuration.identities.get(identityName);
  if (identityTable === undefined) {
    const hint =
      didYouMean(identityName, [...configuration.identities.keys()]) ||
      `add a table [identity.${printable(identityName, 60)}]`;
    return {
      file,
      path: [...path, "identity"],
      message: `there is no [identity.${printable(identityName, 60)}]`,
      hint,
    };
  }
  const { type, ...settings } = identityTable.table;
  if (typeof type !== "string" || type === "") {
    return {
      file: identityTable.file,
      path: ["identity", identityName],
      message: `[identity.${printable(identityName, 60)}] has no type`,
      hint: 'type = "oidc-client-credentials", for example',
    };
  }

  const at = (key: ProfileSetting, message: string, hint?: string): Problem =>
    relocate({ file, path: [...path, key], message, hint }, origins);
  const arn = text("role_arn");
  const principalArn = text("principal_arn");
  const partition = arn === undefined ? undefined : ROLE_ARN.exec(arn)?.[1];
  if (arn !== undefined && partition === undefined) {
    const hint = "arn:aws:iam::123456789012:role/NAME";
    return at("role_arn", `role_arn "${printable(arn, 120)}" is not the ARN of a role`, hint);
  }
  if (principalArn !== undefined && !SAML_PROVIDER_ARN.test(principalArn)) {
    const hint = "arn:aws:iam::123456789012:saml-provider/NAME";
    return at(
      "principal_arn",
      `principal_arn "${printable(principalArn, 120)}" is not the ARN of a SAML provider`,
      hint,
    );
  }
  const region = text("region") ?? firstRegion(partition ?? "aws");
  if (region === undefined)
    return at("role_arn", `role_arn names the unknown partition "${printable(partition, 40)}"`, "set region");
  if (!isRegion(region))
    return at("region", `region "${printable(region, 40)}" is not the name of a region`, "eu-west-1, for example");
  if (partition !== undefined && firstRegion(partition) !== undefined && partitionOf(region) !== partition) {
    return at("region", `region ${region} is in the partition ${partitionOf(region)}, the role in ${partition}`);
  }
  const store = text("store") ?? "auto";
  if (!known.stores.includes(store)) {
    return at("store", `store "${printable(store, 40)}" is not a store`, didYouMean(store, known.stores));
  }
  const policy = text("policy");
  if (policy !== undefined) {
    const wrongPolicy = judgePolicy(policy);
    if (wrongPolicy !== undefined) return at("policy", wrongPolicy);
  }

  const { system } = host;
  const session = { hostname: system.hostname(), user: system.username(), profile: name };
  let roleSessionName: string;
  try {
    roleSessionName = sessionName(text("role_session_name") ?? DEFAULT_SESSION_NAME, session);
  } catch (error) {
    if (!(error instanceof BrokerError)) throw error;
    return at("role_session_name", error.message, error.hint);
  }
  const duration = merged.duration_seconds as number | undefined;
  const policyArns = merged.policy_arns as readonly string[] | undefined;
  const providerId = text("provider_id");
  const endpointUrl = text("endpoint_url");
  return {
    origins,
    profileTable,
    identityTable,
    audit: configuration,
    profile: {
      name,
      role: {
        ...(arn === undefined ? {} : { arn }),
        ...(principalArn === undefined ? {} : { principalArn }),
        sessionName: roleSessionName,
        ...(duration === undefined ? {} : { durationSeconds: duration }),
        ...(policy === undefined ? {} : { policy }),
        ...(policyArns === undefined ? {} : { policyArns }),
        ...(providerId === undefined ? {} : { providerId }),
      },
      sts: {
        region,
        regionStated: merged.region !== undefined,
        ...(endpointUrl === undefined ? {} : { endpointUrl }),
        useFips: merged.use_fips_endpoint === true,
        useDualstack: merged.use_dualstack_endpoint === true,
      },
      identity: { name: identityName, kind: type, settings },
      store,
    },
  };
}

const ROLE_ARN = /^arn:([a-z-]+):iam::(?:\d{12})?:role\/[\w+=,.@/-]{1,576}$/;
const SAML_PROVIDER_ARN = /^arn:[a-z-]+:iam::\d{12}:saml-provider\/[\w.-]{1,128}$/;

/** AWS's own variables stand below the profile: they are the machine's habit, not this program's configuration. */
const FROM_AWS: Partial<Record<ProfileSetting, readonly string[]>> = {
  region: ["AWS_REGION", "AWS_DEFAULT_REGION"],
  endpoint_url: ["AWS_ENDPOINT_URL_STS"],
  use_fips_endpoint: ["AWS_USE_FIPS_ENDPOINT"],
  use_dualstack_endpoint: ["AWS_USE_DUALSTACK_ENDPOINT"],
};

interface Merged {
  readonly merged: TomlTable;
  readonly origins: Map<ProfileSetting, Origin>;
  readonly wrong: readonly Problem[];
}

/** Flag, else STS_BROKER_…, else the file, else AWS's variable. */
function merge(host: Where, file: string, path: readonly string[], table: TomlTable, flags: Flags): Merged {
  const merged: Record<string, TomlValue> = Object.assign(Object.create(null), table);
  const origins = new Map<ProfileSetting, Origin>();
  const wrong: Problem[] = [];
  for (const key of Object.keys(PROFILE_SETTINGS) as ProfileSetting[]) {
    const { env, flag } = OVERRIDES[key] ?? {};
    const stated = env === undefined ? undefined : host.env[env] || undefined;
    const flagged = flag === undefined ? undefined : flags.settings?.[key];
    const take = (text: string, from: "flag" | "environment", name: string): void => {
      const value = typed(text, PROFILE_SETTINGS[key].type);
      if (value === undefined)
        wrong.push({
          path: [],
          message: `${name} "${printable(text, 60)}" ${EXPECTED[PROFILE_SETTINGS[key].type] ?? "cannot be used"}`,
        });
      else merged[key] = value;
      origins.set(key, { from, name });
    };
    if (flagged !== undefined) take(flagged, "flag", `--${flag}`);
    else if (stated !== undefined) take(stated, "environment", env ?? "");
    else if (Object.hasOwn(table, key)) origins.set(key, { from: "file", file, path: [...path, key] });
    else {
      const name = FROM_AWS[key]?.find((one) => (host.env[one] ?? "") !== "");
      if (name === undefined) origins.set(key, { from: "default" });
      else take(host.env[name] ?? "", "environment", name);
    }
  }
  return { merged, origins, wrong };
}

const EXPECTED: Record<string, string> = { integer: "is not a whole number", boolean: "is neither true nor false" };

function typed(text: string, type: string): TomlValue | undefined {
  if (type === "integer") return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (type === "boolean") return /^true$/i.test(text) ? true : /^false$/i.test(text) ? false : undefined;
  return text;
}

/** A value that a flag or a variable stated stands in no file. */
function relocate(problem: Problem, origins: ReadonlyMap<ProfileSetting, Origin>): Problem {
  const origin = origins.get(problem.path[2] as ProfileSetting);
  if (origin?.from !== "flag" && origin?.from !== "environment") return problem;
  const key = problem.path[2] ?? "";
  return { path: [], message: problem.message.replace(key, origin.name), hint: problem.hint };
}

function judgePolicy(policy: string): string | undefined {
  if (policy.length > 2048) return `policy has ${policy.length} characters, and STS takes at most 2048`;
  try {
    const document: unknown = JSON.parse(policy);
    return typeof document === "object" && document !== null && !Array.isArray(document)
      ? undefined
      : "policy is not a JSON object";
  } catch {
    return "policy is not JSON";
  }
}
