import type { SettingsSpec } from "../core/settings.ts";

/** A profile's setting, and where else it may be stated. */
export interface Override {
  /** STS_BROKER_… */
  readonly env?: string;
  /** The flag's name, without dashes. */
  readonly flag?: string;
}

/** Names follow ~/.aws/config where it has one. */
export const PROFILE_SETTINGS = {
  identity: { type: "string", required: true, summary: "name of the [identity.…] table that proves who we are" },
  role_arn: {
    type: "string",
    summary: "the role to assume, arn:PARTITION:iam::ACCOUNT:role/NAME",
    defaultText: "the only role of a SAML assertion; otherwise required",
  },
  principal_arn: {
    type: "string",
    summary: "the SAML provider, arn:PARTITION:iam::ACCOUNT:saml-provider/NAME, for encrypted assertions",
    defaultText: "the one that the assertion names beside the role",
  },
  role_session_name: {
    type: "string",
    summary:
      "template of the session name that CloudTrail shows: {hostname}, {user}, {profile}; made to fit STS's 64 characters",
    defaultText: "{user}@{hostname}",
  },
  duration_seconds: {
    type: "integer",
    minimum: 900,
    maximum: 43_200,
    summary: "length of the session; the role's MaxSessionDuration bounds it",
    defaultText: "3600, chosen by STS",
  },
  region: {
    type: "string",
    summary: "region of the STS endpoint, and the region that exec and env export",
    defaultText: "AWS_REGION, AWS_DEFAULT_REGION, else the partition's first region",
  },
  policy: {
    type: "string",
    multiline: true,
    summary: "session policy as JSON, at most 2,048 characters: the session may do less than its role",
  },
  policy_arns: { type: "strings", maximum: 10, summary: "managed policies that bound the session, at most 10" },
  provider_id: { type: "string", summary: "ProviderId, for OAuth 2.0 providers that are not OpenID providers" },
  endpoint_url: {
    type: "url",
    summary: "another STS endpoint (a VPC endpoint); plain http only to loopback",
    defaultText: "AWS_ENDPOINT_URL_STS, else the region's",
  },
  use_fips_endpoint: {
    type: "boolean",
    summary: "use the FIPS endpoint",
    defaultText: "AWS_USE_FIPS_ENDPOINT, else false",
  },
  use_dualstack_endpoint: {
    type: "boolean",
    summary: "use the dual-stack (IPv6) endpoint",
    defaultText: "AWS_USE_DUALSTACK_ENDPOINT, else false",
  },
  store: { type: "string", summary: "where credentials are kept between calls", defaultText: "auto" },
} as const satisfies SettingsSpec;

export type ProfileSetting = keyof typeof PROFILE_SETTINGS;

export const OVERRIDES: Partial<Record<ProfileSetting, Override>> = {
  role_arn: { env: "STS_BROKER_ROLE_ARN", flag: "role-arn" },
  role_session_name: { env: "STS_BROKER_ROLE_SESSION_NAME", flag: "role-session-name" },
  duration_seconds: { env: "STS_BROKER_DURATION_SECONDS", flag: "duration-seconds" },
  region: { env: "STS_BROKER_REGION", flag: "region" },
  store: { env: "STS_BROKER_STORE", flag: "store" },
};
