/**
 * Session policies and session tags share one packed, compressed space. How AWS packs is not published; what is kept here is that
 * PackedPolicySize is a percentage and that more than 100 is refused, by an estimate over the deflated size.
 */
import { deflateRawSync } from "node:zlib";
import { policyArns } from "./parameters.ts";
import { StsError } from "./sts-error.ts";

const PACKED_SPACE_BYTES = 1024;

/** Checks the session policy and gives PackedPolicySize, or undefined when there is nothing to pack. */
export function packSessionPolicy(
  params: ReadonlyMap<string, string>,
  tags: Readonly<Record<string, string>>,
): number | undefined {
  const policy = params.get("Policy");
  if (policy !== undefined) checkPolicyDocument(policy);
  const policies = [policy ?? "", ...policyArns(params)].join("\n").trim();
  const pairs = Object.entries(tags).map((pair) => pair.join("="));
  if (policies === "" && pairs.length === 0) return undefined;
  const percent = Math.ceil((deflateRawSync(`${policies}\n${pairs.join("\n")}`).length * 100) / PACKED_SPACE_BYTES);
  if (percent <= 100) return percent;
  const message =
    policies === ""
      ? `Packed size of session tags consumes ${percent}% of allotted space.`
      : `Packed policy consumes ${percent}% of allotted space, please use smaller policy.`;
  throw new StsError("PackedPolicyTooLarge", message);
}

function checkPolicyDocument(policy: string): void {
  let document: unknown;
  try {
    document = JSON.parse(policy);
  } catch {
    throw new StsError("MalformedPolicyDocument", "The policy is not in the valid JSON format.");
  }
  if (typeof document !== "object" || document === null || !("Statement" in document)) {
    throw new StsError("MalformedPolicyDocument", "Syntax errors in policy.");
  }
}
