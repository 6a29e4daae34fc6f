/** What has to exist at AWS for a profile to work, said once for every format. */

/** One statement, no wildcard. */
export interface TrustPolicy {
  readonly Version: "2012-10-17";
  readonly Statement: readonly [TrustStatement];
}

export interface TrustStatement {
  readonly Effect: "Allow";
  readonly Principal: { readonly Federated: string };
  readonly Action: string | readonly string[];
  readonly Condition: Conditions;
}

/** By operator, then by condition key. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, string>>>>;

export type TrustedProvider =
  | { readonly kind: "oidc"; readonly arn: string; readonly url: string; readonly clientId: string }
  | {
      readonly kind: "saml";
      readonly arn: string;
      readonly name: string;
      /** XML, where the identity has it. */
      readonly metadata: string | undefined;
      /** Where the identity has it from. */
      readonly metadataFile: string | undefined;
    };

export interface TrustPlan {
  readonly profile: string;
  readonly role: {
    readonly arn: string;
    readonly name: string;
    /** Starts and ends with a slash. */
    readonly path: string;
    /** Undefined: an hour, which every role has by itself. */
    readonly maxSessionSeconds: number | undefined;
  };
  readonly provider: TrustedProvider;
  readonly policy: TrustPolicy;
  /** One line each, for a person. */
  readonly warnings: readonly string[];
}

/** STS's default, and the least that a role's MaxSessionDuration can be. */
const AN_HOUR = 3600;

export function trustedRole(arn: string, durationSeconds: number | undefined): TrustPlan["role"] {
  const full = arn.slice(arn.indexOf(":role/") + ":role".length);
  const cut = full.lastIndexOf("/") + 1;
  return {
    arn,
    name: full.slice(cut),
    path: full.slice(0, cut),
    maxSessionSeconds: durationSeconds !== undefined && durationSeconds > AN_HOUR ? durationSeconds : undefined,
  };
}
