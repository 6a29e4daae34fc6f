/** The values of `trust-policy --format`; apart from what renders them, since every start of the program reads this. */
export const TRUST_FORMATS = ["policy", "aws-cli", "cloudformation", "terraform"] as const;

export type TrustFormat = (typeof TRUST_FORMATS)[number];
