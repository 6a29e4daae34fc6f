import { STORE_NAMES } from "../cache/cache.ts";
import { OVERRIDES, PROFILE_SETTINGS, type ProfileSetting } from "../config/profile-settings.ts";
import { type Flags, type Resolved, resolveProfile } from "../config/resolve.ts";
import type { Host } from "../host/host.ts";
import type { OptionSpec, Parsed } from "./command.ts";

const VALUE_NAMES: Partial<Record<ProfileSetting, string>> = {
  role_arn: "ARN",
  role_session_name: "TEMPLATE",
  duration_seconds: "SECONDS",
  region: "REGION",
  store: "STORE",
};

/** --profile, and one option for every setting that a command line may override. */
export const PROFILE_OPTIONS: readonly OptionSpec[] = [
  {
    name: "profile",
    short: "p",
    value: "NAME",
    summary: "profile to use (default: STS_BROKER_PROFILE, else the only one there is)",
  },
  ...overridable().map(
    ([setting, flag]): OptionSpec => ({
      name: flag,
      value: VALUE_NAMES[setting] ?? "VALUE",
      ...(setting === "store" ? { choices: STORE_NAMES } : {}),
      summary: PROFILE_SETTINGS[setting].summary,
    }),
  ),
];

function overridable(): [ProfileSetting, string][] {
  return (Object.keys(OVERRIDES) as ProfileSetting[]).flatMap((setting) => {
    const flag = OVERRIDES[setting]?.flag;
    return flag === undefined ? [] : [[setting, flag]];
  });
}

/** The profile that a command line asks for. @throws CONFIG_MISSING, CONFIG_INVALID, PROFILE_UNKNOWN */
export function profileOf(host: Host, { options }: Parsed): Promise<Resolved> {
  const settings: Partial<Record<ProfileSetting, string>> = {};
  for (const [setting, flag] of overridable()) {
    const value = options[flag];
    if (typeof value === "string") settings[setting] = value;
  }
  const flags: Flags = { profile: typeof options.profile === "string" ? options.profile : undefined, settings };
  return resolveProfile(host, flags, { stores: STORE_NAMES });
}
