import fc from "fast-check";
import { oidcTrustContext } from "../../src/assertion/trust-context.ts";
import { evaluateTrustPolicy } from "../../src/assertion/trust-policy.ts";
import { Secret } from "../../src/core/secret.ts";
import { oidcTrustPlan } from "../../src/trust/oidc.ts";
import type { TrustPlan } from "../../src/trust/plan.ts";
import { jwtOf, profileWith } from "../exchange/fixtures.ts";

export const CLAIMS = {
  iss: "https://idp.corp.com/realms/prod",
  sub: "0f6a2c1e",
  aud: "sts.amazonaws.com",
  iat: 1_800_000_000,
  exp: 1_800_000_600,
};
export const ROLE = "arn:aws:iam::123456789012:role/ci/billing";

export function planOf(claims: Record<string, unknown>, durationSeconds?: number, arn = ROLE): TrustPlan {
  const role = durationSeconds === undefined ? { arn } : { arn, durationSeconds };
  return oidcTrustPlan(new Secret(jwtOf({ ...CLAIMS, ...claims })), profileWith(role));
}

/** What our own judge makes of a token with these claims, action by action. */
export function judged(policy: unknown, claims: Record<string, unknown>, arn = ROLE): string[] {
  const { federated, actions, context } = oidcTrustContext({ ...CLAIMS, ...claims }, arn, "ana@web1");
  return actions.map((action) => evaluateTrustPolicy(policy, { action, federated, context }).verdict);
}

/** Text that some format or other would read as more than text. */
export const nasty = (): fc.Arbitrary<string> =>
  fc
    .array(
      fc.oneof(
        // biome-ignore-start lint/suspicious/noTemplateCurlyInString: what others would take for templates
        fc.constantFrom(
          ..."'\"\\$%{}*?`!#&|<>:;,@=()[] -~",
          ...[
            "${",
            "${aws:username}",
            "${$}",
            "$${",
            "%{ if true }",
            "%%{",
            "file://",
            "http://",
            "--x",
            "- a",
            "\u202e",
            "é",
            "💥",
          ],
        ),
        // biome-ignore-end lint/suspicious/noTemplateCurlyInString: up to here
        fc.string({ maxLength: 3, unit: "grapheme" }),
      ),
      { minLength: 1, maxLength: 12 },
    )
    .map((parts) => parts.join(""))
    .filter((text) => !/[\u0000-\u001f\u007f-\u009f]|\p{Surrogate}/u.test(text) && text.trim() !== "");
