import type { TrustPlan } from "../plan.ts";
import { jsonText } from "./json-text.ts";

/** The role's trust policy, as `--assume-role-policy-document` takes it. */
export function policy({ policy: document }: TrustPlan): string {
  return `${jsonText(document)}\n`;
}
