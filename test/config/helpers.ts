import { STORE_NAMES } from "../../src/cache/cache.ts";
import type { ProfileSetting } from "../../src/config/profile-settings.ts";
import { type Resolved, resolveProfile } from "../../src/config/resolve.ts";
import { BrokerError } from "../../src/core/errors.ts";
import { type FakeHost, type FakeHostOptions, fakeHost } from "../support/fake-host.ts";

export const SYSTEM = "/etc/sts-broker/config.toml";
export const USER = "/home/ana/.config/sts-broker/config.toml";

export const IDENTITY = `[identity.corp]
type = "oidc-client-credentials"
issuer = "https://idp.corp.example"
client_id = "billing-batch"
client_secret = { file = "/etc/billing.secret" }
`;
export const PROFILE = `[profile.billing]
identity = "corp"
role_arn = "arn:aws:iam::123456789012:role/billing"
`;
export const GOOD = `${IDENTITY}\n${PROFILE}`;

/** A host whose user has this configuration. */
export function configured(toml: string, options: FakeHostOptions = {}): FakeHost {
  const host = fakeHost(options);
  host.machine.disk.file(USER, toml);
  return host;
}

export function resolve(
  host: FakeHost,
  flags: { profile?: string; settings?: Partial<Record<ProfileSetting, string>> } = {},
): Promise<Resolved> {
  return resolveProfile(host, flags, { stores: STORE_NAMES });
}

/** The error of work that must fail by somebody else's doing. */
export async function failure(work: () => unknown): Promise<BrokerError> {
  try {
    await work();
  } catch (error) {
    if (error instanceof BrokerError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
