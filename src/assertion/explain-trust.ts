import type { Finding } from "./finding.ts";
import type { TrustContext } from "./trust-context.ts";
import { evaluateTrustPolicy } from "./trust-policy.ts";

/** One finding for each action that the call needs. @throws BrokerError CONFIG_INVALID for what is no trust policy */
export function trustFindings(policy: unknown, { federated, actions, context }: TrustContext): Finding[] {
  return actions.map((action): Finding => {
    const point = `trust policy, ${action}`;
    const verdict = evaluateTrustPolicy(policy, { action, federated, context });
    if (verdict.verdict === "allowed") return { point, verdict: "ok", detail: `allowed by ${verdict.statement}` };
    const detail = verdict.reasons.join("; ");
    if (verdict.verdict === "unknown") return { point, verdict: "unknown", detail };
    return {
      point,
      verdict: "no",
      detail,
      hint: "aws iam update-assume-role-policy, or have the identity provider say what the policy wants",
    };
  });
}

/** Where there is nothing to evaluate it against. */
export function trustUnknown(detail: string): Finding {
  return { point: "trust policy", verdict: "unknown", detail };
}

/** Whether a document is a trust policy at all, said before the identity provider is asked. @throws BrokerError CONFIG_INVALID */
export function checkTrustPolicy(policy: unknown): void {
  evaluateTrustPolicy(policy, { action: "sts:AssumeRoleWithSAML", federated: "", context: new Map() });
}
