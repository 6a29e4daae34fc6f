import type { Assertion, Profile, RoledProfile } from "../core/types.ts";

/** The profile with the role to ask for: the stated one, or the only one that a SAML assertion grants. */
export function chooseRole(_profile: Profile, _assertion: Assertion): RoledProfile {
  throw new Error("not written yet");
}
