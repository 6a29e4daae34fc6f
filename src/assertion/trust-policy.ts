/**
 * Evaluates a role's trust policy as IAM does: an explicit Deny wins, without an Allow there is none. What cannot be known from here (a
 * condition on the caller's address, an operator that is not evaluated) makes the answer unknown, never a guess.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
 */
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { anyCase, isLike, operatorOf, sameCase } from "./trust-operators.ts";

/** What a request is judged by. */
export interface TrustRequest {
  /** As in "sts:AssumeRoleWithSAML". */
  readonly action: string;
  /** ARN of the identity provider at AWS. */
  readonly federated: string;
  /** Condition keys as AWS spells them, with their values; a key that is not there is not in the request. */
  readonly context: ReadonlyMap<string, readonly string[]>;
}

export type TrustVerdict =
  | { readonly verdict: "allowed"; readonly statement: string }
  | { readonly verdict: "refused"; readonly reasons: readonly string[] }
  | { readonly verdict: "unknown"; readonly reasons: readonly string[] };

interface Statement {
  readonly label: string;
  readonly effect: "Allow" | "Deny";
  readonly principal: unknown;
  readonly notPrincipal: boolean;
  readonly actions: readonly string[] | undefined;
  readonly notActions: readonly string[] | undefined;
  readonly conditions: readonly Condition[];
}

interface Condition {
  readonly operator: string;
  readonly key: string;
  readonly wanted: readonly string[];
}

/** Undefined: nobody can tell from here. */
type Ternary = { readonly holds: boolean | undefined; readonly reason: string };

/**
 * @param document parsed JSON: a policy, or what `aws iam get-role` prints
 * @throws BrokerError CONFIG_INVALID for what is no policy
 */
export function evaluateTrustPolicy(document: unknown, request: TrustRequest): TrustVerdict {
  const judged = statementsOf(document).map((statement) => ({ statement, ...judge(statement, request) }));
  const denies = judged.filter(({ statement }) => statement.effect === "Deny");
  const allows = judged.filter(({ statement }) => statement.effect === "Allow");
  const denying = denies.find(({ holds }) => holds === true);
  if (denying !== undefined) return { verdict: "refused", reasons: [`${denying.statement.label} denies it`] };
  const allowing = allows.find(({ holds }) => holds === true);
  const doubtful = denies.filter(({ holds }) => holds === undefined);
  if (allowing !== undefined) {
    if (doubtful.length === 0) return { verdict: "allowed", statement: allowing.statement.label };
    return {
      verdict: "unknown",
      reasons: doubtful.map(({ statement, reason }) => `${statement.label} may deny it: ${reason}`),
    };
  }
  const maybe = allows.filter(({ holds }) => holds === undefined);
  if (maybe.length > 0)
    return { verdict: "unknown", reasons: maybe.map(({ statement, reason }) => `${statement.label}: ${reason}`) };
  if (allows.length === 0) return { verdict: "refused", reasons: ["there is no statement that allows anything"] };
  return { verdict: "refused", reasons: allows.map(({ statement, reason }) => `${statement.label}: ${reason}`) };
}

function judge(statement: Statement, request: TrustRequest): Ternary {
  const parts = [
    principalMatches(statement, request),
    actionMatches(statement, request),
    ...statement.conditions.map((condition) => conditionHolds(condition, request)),
  ];
  const failing = parts.filter(({ holds }) => holds === false);
  if (failing.length > 0) return { holds: false, reason: failing.map(({ reason }) => reason).join("; ") };
  const unknown = parts.filter(({ holds }) => holds === undefined);
  if (unknown.length > 0) return { holds: undefined, reason: unknown.map(({ reason }) => reason).join("; ") };
  return { holds: true, reason: "" };
}

function principalMatches({ principal, notPrincipal }: Statement, { federated }: TrustRequest): Ternary {
  if (notPrincipal) return { holds: undefined, reason: "NotPrincipal is not evaluated here" };
  if (principal === "*") return { holds: true, reason: "" };
  const entries = isObject(principal) ? Object.entries(principal) : [];
  const arns = entries.filter(([type]) => type === "Federated").flatMap(([, value]) => stringsOf(value));
  // A principal has no wildcards but the lone asterisk.
  if (arns.some((arn) => arn === "*" || arn === federated)) return { holds: true, reason: "" };
  const near = arns.find((arn) => arn.toLowerCase() === federated.toLowerCase());
  const said =
    arns.length === 0
      ? `names no Federated principal${entries.length === 0 ? "" : `, but ${entries.map(([type]) => printable(type, 40)).join(", ")}`}`
      : `trusts ${arns.map((arn) => printable(arn, 200)).join(", ")}`;
  const because = near === undefined ? "" : " (upper and lower case count)";
  return { holds: false, reason: `${said}, and this comes through ${printable(federated, 300)}${because}` };
}

function actionMatches({ actions, notActions }: Statement, { action }: TrustRequest): Ternary {
  const matches = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) => isLike(pattern.toLowerCase(), action.toLowerCase()));
  const holds = actions !== undefined ? matches(actions) : !matches(notActions ?? []);
  const listed = (actions ?? notActions ?? []).map((one) => printable(one, 80)).join(", ");
  return {
    holds,
    reason: holds ? "" : `its ${actions === undefined ? "NotAction" : "Action"} is ${listed}, and ${action} is needed`,
  };
}

function conditionHolds({ operator, key, wanted }: Condition, request: TrustRequest): Ternary {
  const shownKey = printable(key, 200);
  const values = valuesOf(key, request.context);
  if (/^null$/i.test(operator)) {
    if (values === undefined) return { holds: undefined, reason: `${shownKey} cannot be known from here` };
    const holds = wanted.includes(values.length === 0 ? "true" : "false");
    return { holds, reason: holds ? "" : `Null: ${shownKey} is ${values.length === 0 ? "not " : ""}in the request` };
  }
  const known = operatorOf(operator);
  if (known === undefined)
    return { holds: undefined, reason: `the operator ${printable(operator, 60)} is not evaluated here` };
  if (values === undefined) return { holds: undefined, reason: `${shownKey} cannot be known from here` };

  const { set, negated, ifExists, test } = known;
  if (values.length === 0) {
    const holds = ifExists || (negated && set !== "ForAnyValue") || set === "ForAllValues";
    return { holds, reason: holds ? "" : `${operator} wants ${shownKey} = ${shown(wanted)}, and there is none` };
  }
  const patterns: string[] = [];
  for (const pattern of wanted) {
    const filled = withVariables(pattern, request.context);
    if (filled === undefined)
      return { holds: undefined, reason: `the variable in ${shown([pattern])} cannot be known from here` };
    patterns.push(filled);
  }
  const matches = (value: string): boolean => patterns.some((pattern) => test(pattern, value)) !== negated;
  // A single-valued operator on several values: a positive one is content with one match, a negated one wants none to match.
  const every = set === "ForAllValues" || (set === undefined && negated);
  const holds = every ? values.every(matches) : values.some(matches);
  if (holds) return { holds, reason: "" };
  const near =
    !negated && test === sameCase && patterns.some((pattern) => values.some((value) => anyCase(pattern, value)))
      ? " (upper and lower case count)"
      : !negated && test === sameCase && patterns.some((pattern) => /[*?]/.test(pattern))
        ? " (StringEquals knows no wildcards, StringLike does)"
        : "";
  return {
    holds,
    reason: `${printable(operator, 60)} wants ${shownKey} ${negated ? "not to be" : "="} ${shown(wanted)}, and it is ${shown(values)}${near}`,
  };
}

/** Undefined: a key of AWS's own that a request has, but that cannot be seen here; condition keys ignore case. */
function valuesOf(key: string, context: TrustRequest["context"]): readonly string[] | undefined {
  const lower = key.toLowerCase();
  for (const [name, values] of context) if (name.toLowerCase() === lower) return values;
  return /^aws:(?!RequestTag\/|TagKeys$|FederatedProvider$)/i.test(key) ? undefined : [];
}

function withVariables(pattern: string, context: TrustRequest["context"]): string | undefined {
  let known = true;
  const filled = pattern.replace(/\$\{([^{}]{1,200})\}/g, (_, name: string) => {
    if (name === "*" || name === "?" || name === "$") return name;
    const [value] = valuesOf(name, context) ?? [];
    if (value === undefined) known = false;
    return value ?? "";
  });
  return known ? filled : undefined;
}

function statementsOf(document: unknown): Statement[] {
  const role = isObject(document) && isObject(document.Role) ? document.Role : document;
  const policy =
    isObject(role) && isObject(role.AssumeRolePolicyDocument) ? role.AssumeRolePolicyDocument : (role as unknown);
  if (!isObject(policy) || policy.Statement === undefined) throw notAPolicy("has no Statement");
  const statements = Array.isArray(policy.Statement) ? policy.Statement : [policy.Statement];
  return statements.map((statement: unknown, index) => {
    if (!isObject(statement)) throw notAPolicy(`has a Statement that is not an object`);
    const label =
      typeof statement.Sid === "string" && statement.Sid !== ""
        ? `"${printable(statement.Sid, 60)}"`
        : `statement ${index + 1}`;
    const { Effect: effect } = statement;
    if (effect !== "Allow" && effect !== "Deny") throw notAPolicy(`has no Effect Allow or Deny in ${label}`);
    if (statement.Action === undefined && statement.NotAction === undefined)
      throw notAPolicy(`has no Action in ${label}`);
    if (statement.Principal === undefined && statement.NotPrincipal === undefined)
      throw notAPolicy(`has no Principal in ${label}: it is a role's permissions, not its trust`);
    return {
      label,
      effect,
      principal: statement.Principal,
      notPrincipal: statement.NotPrincipal !== undefined,
      actions: statement.Action === undefined ? undefined : stringsOf(statement.Action),
      notActions: statement.NotAction === undefined ? undefined : stringsOf(statement.NotAction),
      conditions: conditionsOf(statement.Condition, label),
    };
  });
}

function conditionsOf(conditions: unknown, label: string): Condition[] {
  if (conditions === undefined) return [];
  if (!isObject(conditions)) throw notAPolicy(`has a Condition in ${label} that is not an object`);
  return Object.entries(conditions).flatMap(([operator, tests]) => {
    if (!isObject(tests)) throw notAPolicy(`has a Condition in ${label} that is not an object of objects`);
    return Object.entries(tests).map(([key, wanted]) => ({ operator, key, wanted: stringsOf(wanted) }));
  });
}

function shown(values: readonly string[]): string {
  const some = values.slice(0, 8).map((value) => `"${printable(value, 200)}"`);
  const more = values.length > 8 ? ` and ${values.length - 8} more` : "";
  return `${some.join(" or ")}${more}`;
}

/** Policies write one value or a list, and numbers and booleans without quotes. */
function stringsOf(value: unknown): readonly string[] {
  return (Array.isArray(value) ? value : [value])
    .filter((one) => ["string", "number", "boolean"].includes(typeof one))
    .map(String);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notAPolicy(what: string): BrokerError {
  return new BrokerError("CONFIG_INVALID", `the trust policy ${what}`, {
    hint: "aws iam get-role --role-name NAME --query Role.AssumeRolePolicyDocument > trust.json",
  });
}
