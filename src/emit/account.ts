const ASSUMED_ROLE_ARN = /^arn:[^:]+:sts::(\d{12}):assumed-role\//;

/** The account in an assumed role's ARN; undefined where there is none, since callers take the account as optional. */
export function accountIdOf(assumedRoleArn: string): string | undefined {
  return ASSUMED_ROLE_ARN.exec(assumedRoleArn)?.[1];
}
