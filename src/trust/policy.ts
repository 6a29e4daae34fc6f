import type { TrustContext } from "../assertion/trust-context.ts";
import { BrokerError } from "../core/errors.ts";
import { hasControlCharacter } from "../core/printable.ts";
import type { Conditions, TrustPolicy } from "./plan.ts";

/** The statement that lets this proof in, and whatever else says the same. */
export function trustPolicy({ federated, actions }: TrustContext, conditions: Conditions): TrustPolicy {
  const [only = "", ...more] = actions;
  const Condition = Object.fromEntries(
    Object.entries(conditions)
      .filter(([, tests]) => Object.keys(tests).length > 0)
      .map(([operator, tests]) => [
        operator,
        Object.fromEntries(Object.entries(tests).map(([key, value]) => [key, literal(value)])),
      ]),
  );
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Principal: { Federated: federated },
        Action: more.length === 0 ? only : actions,
        Condition,
      },
    ],
  };
}

/**
 * IAM fills in variables even where it compares for equality, so a subject "${aws:username}" would mean something else than it says.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars
 */
function literal(value: string): string {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of IAM's, not ours
  return value.replace(/\$(?=\{)/g, () => "${$}");
}

/** A value that every format can carry. @throws BrokerError ASSERTION_UNUSABLE */
export function plainValue(value: string, what: string): string {
  if (value !== "" && !hasControlCharacter(value) && !/\p{Surrogate}/u.test(value)) return value;
  throw new BrokerError("ASSERTION_UNUSABLE", `${what} is not plain text, and no policy can name it`);
}
