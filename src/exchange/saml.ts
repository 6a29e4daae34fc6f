import type { RoledProfile, SamlAssertion, SessionCredentials } from "../core/types.ts";
import type { ExchangeOptions } from "./web-identity.ts";

/** AssumeRoleWithSAML. */
export async function exchangeSaml(
  _profile: RoledProfile,
  _assertion: SamlAssertion,
  _options: ExchangeOptions,
): Promise<SessionCredentials> {
  throw new Error("not written yet");
}
