import type { Profile, TomlValue } from "../core/types.ts";
import type { Crypto } from "../host/host.ts";

/** Raised when the meaning of an entry or of its inputs changes: older entries become misses. */
const KEY_VERSION = 1;

/** JSON with sorted keys, so that the order in a file does not matter. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === "bigint") return `${one}n`;
    if (typeof one !== "object" || one === null || Array.isArray(one) || one instanceof Date) return one;
    return Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * The name of the credentials of a profile: a hash of every input that shapes them, and of nothing else. The profile's name and its
 * store are not among them, except where the session name was made from the name; secrets are named by their place, not their value.
 */
export function credentialsKey({ role, sts, identity }: Profile, hash: Crypto): string {
  const { regionStated: _, ...endpoint } = sts;
  return hash.sha256Hex(
    canonical(["credentials", KEY_VERSION, role, endpoint, identity.kind, identity.settings as TomlValue]),
  );
}

/** The name of an IdP's token: what the identity says, whoever uses it. */
export function tokenKey({ identity }: Profile, hash: Crypto): string {
  return hash.sha256Hex(canonical(["token", KEY_VERSION, identity.kind, identity.settings as TomlValue]));
}
