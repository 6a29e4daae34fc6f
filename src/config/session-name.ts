import { BrokerError } from "../core/errors.ts";

// On the hot path: keep it small, import nothing but core.

export interface SessionNameParts {
  readonly hostname: string;
  readonly user: string;
  readonly profile: string;
}

export const DEFAULT_SESSION_NAME = "{user}@{hostname}";

const MIN_LENGTH = 2;
const MAX_LENGTH = 64;

/**
 * The RoleSessionName that CloudTrail will show: `template` with {hostname}, {user} and {profile} filled in, and every character that
 * STS does not take turned into "-". Always 2 to 64 characters of `[\w+=,.@-]`.
 *
 * A name that is too long first loses the host name's domain; if that is not enough, its middle gives way to one "-", since both
 * ends (who, and the number of the machine) tell names apart better than a head alone.
 *
 * @throws BrokerError CONFIG_INVALID for an empty template or an unknown placeholder
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
 */
export function sessionName(template: string, parts: SessionNameParts): string {
  if (template === "") throw new BrokerError("CONFIG_INVALID", "role_session_name is empty");
  let name = expand(template, parts);
  if (name.length > MAX_LENGTH) name = expand(template, { ...parts, hostname: withoutDomain(parts.hostname) });
  if (name.length > MAX_LENGTH) name = `${name.slice(0, MAX_LENGTH / 2)}-${name.slice(1 - MAX_LENGTH / 2)}`;
  return name.padEnd(MIN_LENGTH, "-");
}

function expand(template: string, parts: SessionNameParts): string {
  const filled = template.replace(/\{([^{}]*)\}/g, (_, placeholder: string) => {
    if (placeholder === "hostname" || placeholder === "user" || placeholder === "profile") return parts[placeholder];
    throw new BrokerError(
      "CONFIG_INVALID",
      `role_session_name has the unknown placeholder {${placeholder.replace(/[^\w.-]/g, "?").slice(0, 40)}}`,
      { hint: "there are {hostname}, {user} and {profile}" },
    );
  });
  return filled.replace(/[^\w+=,.@-]/gu, "-");
}

/** An IPv4 address has dots but no domain. */
function withoutDomain(hostname: string): string {
  return /^[\d.]+$/.test(hostname) ? hostname : hostname.replace(/\..*$/s, "");
}
