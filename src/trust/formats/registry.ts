import type { TrustFormat } from "../format-names.ts";
import type { TrustPlan } from "../plan.ts";
import { awsCli } from "./aws-cli.ts";
import { cloudFormation } from "./cloudformation.ts";
import { policy } from "./policy.ts";
import { terraform } from "./terraform.ts";

/** Text that ends with a line end. @throws BrokerError ASSERTION_UNUSABLE, CONFIG_INVALID for what a format cannot carry */
export const TRUST_RENDERERS: Readonly<Record<TrustFormat, (plan: TrustPlan) => string>> = {
  policy,
  "aws-cli": awsCli,
  cloudformation: cloudFormation,
  terraform,
};
