/** @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html */

/** How one condition operator compares. */
export interface Operator {
  readonly set: "ForAnyValue" | "ForAllValues" | undefined;
  readonly negated: boolean;
  readonly ifExists: boolean;
  readonly test: (pattern: string, value: string) => boolean;
}

export const sameCase = (pattern: string, value: string): boolean => pattern === value;
export const anyCase = (pattern: string, value: string): boolean => pattern.toLowerCase() === value.toLowerCase();
const TESTS: Readonly<Record<string, Operator["test"]>> = {
  StringEquals: sameCase,
  StringEqualsIgnoreCase: anyCase,
  StringLike: isLike,
  ArnEquals: isArnLike,
  ArnLike: isArnLike,
  Bool: anyCase,
};

/** Undefined for those that are not evaluated here. Names of operators ignore case. */
export function operatorOf(name: string): Operator | undefined {
  const match = /^(?:(ForAnyValue|ForAllValues):)?(String|Arn|Bool)(Not)?(\w*?)(IfExists)?$/i.exec(name);
  if (match === null) return undefined;
  const [, set, family = "", not, comparison = "", ifExists] = match;
  const known = Object.keys(TESTS).find((one) => one.toLowerCase() === `${family}${comparison}`.toLowerCase());
  const test = known === undefined ? undefined : TESTS[known];
  if (test === undefined || (known === "Bool" && not !== undefined)) return undefined;
  const spelt = set?.toLowerCase();
  return {
    set: spelt === "foranyvalue" ? "ForAnyValue" : spelt === "forallvalues" ? "ForAllValues" : undefined,
    negated: not !== undefined,
    ifExists: ifExists !== undefined,
    test,
  };
}

/** `*` and `?`, in time that cannot explode. */
export function isLike(pattern: string, value: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let index = 0;
  while (index < value.length) {
    if (pattern[at] === "*") {
      star = at++;
      resume = index;
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === value[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

/** Each of the six parts of an ARN by itself. */
function isArnLike(pattern: string, value: string): boolean {
  const partsOf = (arn: string): string[] => {
    const parts = arn.split(":");
    return [...parts.slice(0, 5), parts.slice(5).join(":")];
  };
  const values = partsOf(value);
  return partsOf(pattern).every((part, index) => isLike(part, values[index] ?? ""));
}
