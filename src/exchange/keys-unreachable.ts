import type { StsRefusal } from "./answer.ts";

/** True for the one InvalidIdentityToken that passes: AWS could not fetch the issuer's keys this time. */
export function keysUnreachable(refusal: StsRefusal): boolean {
  return refusal.code === "InvalidIdentityToken" && /couldn't retrieve verification key/i.test(refusal.message);
}
