/**
 * Evaluates a role's trust policy as IAM does: an explicit Deny wins, without an Allow there is none. It knows the operators and keys
 * that trust policies for OIDC use and throws on any other, since a silently ignored condition would make a test lie.
 */

type OneOrMany = string | readonly string[];

export interface TrustStatement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal: "*" | { readonly Federated?: OneOrMany; readonly AWS?: OneOrMany };
  readonly Action: OneOrMany;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, OneOrMany>>>>;
}

/** A trust policy document, as `aws iam create-role --assume-role-policy-document` takes it. */
export interface TrustPolicy {
  readonly Version: string;
  readonly Statement: TrustStatement | readonly TrustStatement[];
}

/** What a request is judged by. `principals` are all ARNs that name its caller; keys of `context` are lower case. */
export interface TrustRequest {
  readonly kind: "Federated" | "AWS";
  readonly principals: readonly string[];
  readonly action: string;
  readonly context: Readonly<Record<string, readonly string[]>>;
}

/** Whether the policy lets the request in. */
export function isTrusted(policy: TrustPolicy, request: TrustRequest): boolean {
  const matching = toStatements(policy).filter((statement) => statementMatches(statement, request));
  return matching.some(({ Effect }) => Effect === "Allow") && !matching.some(({ Effect }) => Effect === "Deny");
}

/** Refuses, at the start of a test, a policy that this evaluator would misread. */
export function checkTrustPolicy(policy: TrustPolicy): void {
  for (const statement of toStatements(policy)) {
    for (const operator of Object.keys(statement.Condition ?? {})) parseOperator(operator);
  }
}

function toStatements(policy: TrustPolicy): readonly TrustStatement[] {
  return "Effect" in policy.Statement ? [policy.Statement] : policy.Statement;
}

function statementMatches(statement: TrustStatement, request: TrustRequest): boolean {
  return (
    principalMatches(statement.Principal, request) &&
    toArray(statement.Action).some((action) => like(action.toLowerCase(), request.action.toLowerCase())) &&
    Object.entries(statement.Condition ?? {}).every(([operator, tests]) =>
      Object.entries(tests).every(([key, wanted]) => conditionHolds(operator, key, toArray(wanted), request)),
    )
  );
}

function principalMatches(principal: TrustStatement["Principal"], request: TrustRequest): boolean {
  if (principal === "*") return true;
  // A principal has no wildcards but the lone asterisk.
  return toArray(principal[request.kind] ?? []).some((arn) => arn === "*" || request.principals.includes(arn));
}

function conditionHolds(operator: string, key: string, wanted: readonly string[], request: TrustRequest): boolean {
  const { set, negated, ifExists, test } = parseOperator(operator);
  const values = request.context[key.toLowerCase()] ?? [];
  if (values.length === 0) return ifExists || negated || set === "ForAllValues";
  const matches = (value: string): boolean => wanted.some((pattern) => test(filled(pattern), value)) !== negated;
  // A single-valued operator on several values: a positive one is content with one match, a negated one wants none to match.
  const every = set === "ForAllValues" || (set === undefined && negated);
  return every ? values.every(matches) : values.some(matches);
}

/** Of IAM's policy variables, those that stand for a character. */
function filled(pattern: string): string {
  return pattern.replace(/\$\{([^{}]*)\}/g, (_, name: string) => {
    if (name === "*" || name === "?" || name === "$") return name;
    throw new Error(`the simulated STS does not know the policy variable ${name}`);
  });
}

interface Operator {
  readonly set: string | undefined;
  readonly negated: boolean;
  readonly ifExists: boolean;
  readonly test: (pattern: string, value: string) => boolean;
}

function parseOperator(operator: string): Operator {
  const parsed = /^(?:(ForAnyValue|ForAllValues):)?String(Not)?(Equals|EqualsIgnoreCase|Like)(IfExists)?$/.exec(
    operator,
  );
  if (parsed === null) throw new Error(`the simulated STS does not know the condition operator ${operator}`);
  const [, set, not, comparison, ifExists] = parsed;
  const test =
    comparison === "Like"
      ? like
      : comparison === "Equals"
        ? (pattern: string, value: string) => pattern === value
        : (pattern: string, value: string) => pattern.toLowerCase() === value.toLowerCase();
  return { set, negated: not !== undefined, ifExists: ifExists !== undefined, test };
}

function like(pattern: string, value: string): boolean {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(value);
}

function toArray(value: OneOrMany): readonly string[] {
  return typeof value === "string" ? [value] : value;
}
