import type { Secret } from "../core/secret.ts";
import type { SamlAssertion } from "../core/types.ts";

/** A SAML response read, and where there is metadata, checked. */
export async function toSamlAssertion(
  _proof: { readonly response: Secret; readonly name: string; readonly metadata?: string | undefined },
  _nowMs: number,
  _skewMs?: number,
): Promise<SamlAssertion> {
  throw new Error("not written yet");
}
