import type { Secret } from "./secret.ts";

/** What STS answered with. `expiresAtMs` is AWS's own Expiration, never invented. */
export interface SessionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
  /** Wall clock, milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** arn:PARTITION:sts::ACCOUNT:assumed-role/ROLE/SESSION */
  readonly assumedRoleArn: string;
}

/** Proof of identity from an IdP, still to be redeemed at STS. */
export interface OidcAssertion {
  readonly kind: "oidc";
  readonly token: Secret;
  readonly issuer: string;
  /** What AWS will match against the provider's client ids: the token's `azp`, and only without it its `aud`. */
  readonly audience: string;
  readonly subject: string;
  readonly expiresAtMs: number;
}

export type Assertion = OidcAssertion;

/** A value of a configuration file after TOML, before anybody judged it. */
export type TomlValue = string | number | bigint | boolean | Date | readonly TomlValue[] | TomlTable;
export interface TomlTable {
  readonly [key: string]: TomlValue;
}

/**
 * One profile with its identity, resolved: files, environment and flags merged. What is inside `identity.settings` is judged by
 * its source on the cold path only; a cached entry under the same inputs proves that they were judged once.
 */
export interface Profile {
  readonly name: string;
  readonly role: RoleSettings;
  readonly sts: StsSettings;
  readonly identity: IdentityTable;
  readonly store: string;
}

export interface IdentityTable {
  readonly name: string;
  readonly kind: string;
  readonly settings: TomlTable;
}

export interface RoleSettings {
  readonly arn: string;
  /** Already expanded and made to fit STS's alphabet and length. */
  readonly sessionName: string;
  /** Undefined: STS's own default of one hour. Bounds 900 to 43,200. */
  readonly durationSeconds?: number;
  /** Session policy, JSON, at most 2,048 characters. */
  readonly policy?: string;
  /** Managed session policies, at most 10. */
  readonly policyArns?: readonly string[];
  /** ProviderId of AssumeRoleWithWebIdentity: for OAuth 2.0 providers without OpenID Connect only. */
  readonly providerId?: string;
}

export interface StsSettings {
  readonly region: string;
  /** True when somebody stated the region, false when it is the partition's default. */
  readonly regionStated: boolean;
  readonly endpointUrl?: string;
  readonly useFips: boolean;
  readonly useDualstack: boolean;
}
