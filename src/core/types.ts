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

/** A role that an assertion grants, with the SAML provider it names: one value of the attribute Role. */
export interface RoleGrant {
  readonly roleArn: string;
  readonly principalArn: string;
}

/** A SAML response for AWS, as it will be sent: base64 of the whole samlp:Response. What is said of it was read, not believed: STS judges. */
export interface SamlAssertion {
  readonly kind: "saml";
  readonly response: Secret;
  readonly issuer: string;
  /** NameID; empty where the assertion is encrypted. */
  readonly subject: string;
  /** In the assertion's own order, without duplicates; empty where it is encrypted. */
  readonly grants: readonly RoleGrant[];
  /** The attribute RoleSessionName. */
  readonly sessionName?: string;
  /** The attribute SessionDuration. */
  readonly sessionDurationSeconds?: number;
  /** SessionNotOnOrAfter of the AuthnStatement: no session lasts longer. */
  readonly sessionNotOnOrAfterMs?: number;
  /** The earliest of what ends it: SubjectConfirmationData, Conditions, and AWS's five minutes from issue. */
  readonly expiresAtMs: number;
  /** True: only AWS can read it, so role_arn and principal_arn must be configured. */
  readonly encrypted: boolean;
}

export type Assertion = OidcAssertion | SamlAssertion;

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
  /** Undefined: the only role that a SAML assertion grants. */
  readonly arn?: string;
  /** The SAML provider, for encrypted assertions and where a role is granted through several. */
  readonly principalArn?: string;
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

/** A profile whose role is known: stated, or the only one that an assertion grants. */
export type RoledProfile = Omit<Profile, "role"> & { readonly role: RoleSettings & { readonly arn: string } };

export interface StsSettings {
  readonly region: string;
  /** True when somebody stated the region, false when it is the partition's default. */
  readonly regionStated: boolean;
  readonly endpointUrl?: string;
  readonly useFips: boolean;
  readonly useDualstack: boolean;
}
