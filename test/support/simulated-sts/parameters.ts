/**
 * The constraints of STS's parameters (service model 2011-06-15), refused in the words of AWS's validator, which collects every
 * violation before it answers.
 */
import { StsError, validationError } from "./sts-error.ts";

interface Constraint {
  readonly name: string;
  readonly required?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  readonly integer?: boolean;
}

export const ROLE_ARN: Constraint = { name: "RoleArn", required: true, min: 20, max: 2048 };
export const ROLE_SESSION_NAME: Constraint = {
  name: "RoleSessionName",
  required: true,
  min: 2,
  max: 64,
  pattern: /^[\w+=,.@-]*$/,
};
export const WEB_IDENTITY_TOKEN: Constraint = { name: "WebIdentityToken", required: true, min: 4, max: 20_000 };
export const PRINCIPAL_ARN: Constraint = { name: "PrincipalArn", required: true, min: 20, max: 2048 };
export const SAML_ASSERTION: Constraint = { name: "SAMLAssertion", required: true, min: 4, max: 100_000 };
export const DURATION_SECONDS: Constraint = { name: "DurationSeconds", min: 900, max: 43_200, integer: true };
export const POLICY: Constraint = { name: "Policy", min: 1, max: 2048 };
export const EXTERNAL_ID: Constraint = { name: "ExternalId", min: 2, max: 1224, pattern: /^[\w+=,.@:/-]*$/ };
const MAX_POLICY_ARNS = 10;

/** Checks all of them together. */
export function checkParameters(params: ReadonlyMap<string, string>, constraints: readonly Constraint[]): void {
  const violations = constraints.flatMap((constraint) => violationsOf(constraint, params.get(constraint.name)));
  const arns = policyArns(params);
  if (arns.length > MAX_POLICY_ARNS) {
    violations.push(violation(`[${arns.join(", ")}]`, "PolicyArns", `length less than or equal to ${MAX_POLICY_ARNS}`));
  }
  if (violations.length === 0) return;
  const noun = violations.length === 1 ? "error" : "errors";
  throw validationError(`${violations.length} validation ${noun} detected: ${violations.join("; ")}`);
}

/** The managed policies: PolicyArns.member.N.arn. */
export function policyArns(params: ReadonlyMap<string, string>): string[] {
  return [...params].filter(([name]) => /^PolicyArns\.member\.\d+\.arn$/i.test(name)).map(([, arn]) => arn);
}

/** Tags.member.N.Key and .Value. */
export function sessionTags(params: ReadonlyMap<string, string>): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const [name, key] of params) {
    const prefix = /^(Tags\.member\.\d+)\.Key$/.exec(name)?.[1];
    if (prefix !== undefined) tags[key] = params.get(`${prefix}.Value`) ?? "";
  }
  return tags;
}

/** TransitiveTagKeys.member.N. */
export function transitiveTagKeys(params: ReadonlyMap<string, string>): string[] {
  return [...params].filter(([name]) => /^TransitiveTagKeys\.member\.\d+$/.test(name)).map(([, key]) => key);
}

/** DurationSeconds, 3,600 where none is given. */
export function durationSeconds(params: ReadonlyMap<string, string>): number {
  return Number(params.get("DurationSeconds") ?? 3600);
}

function violationsOf({ name, required, min, max, pattern, integer }: Constraint, value: string | undefined): string[] {
  if (value === undefined)
    return required
      ? [`Value null at '${lowerFirst(name)}' failed to satisfy constraint: Member must not be null`]
      : [];
  if (integer && !/^-?\d+$/.test(value)) throw new StsError("MalformedInput", `${value} is not a valid ${name}`);
  const size = integer ? Number(value) : value.length;
  const kind = integer ? "value" : "length";
  const found: string[] = [];
  if (pattern !== undefined && !pattern.test(value)) {
    found.push(violation(value, name, undefined, pattern.source.slice(1, -1).replaceAll("\\/", "/")));
  }
  if (max !== undefined && size > max) found.push(violation(value, name, `${kind} less than or equal to ${max}`));
  if (min !== undefined && size < min) {
    found.push(violation(value, name, `${kind} greater than or equal to ${min}`));
  }
  return found;
}

function violation(value: string, name: string, bound: string | undefined, pattern = ""): string {
  const must = bound === undefined ? `satisfy regular expression pattern: ${pattern}` : `have ${bound}`;
  return `Value '${value}' at '${lowerFirst(name)}' failed to satisfy constraint: Member must ${must}`;
}

function lowerFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
