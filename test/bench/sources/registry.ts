import { OIDC_SOURCES } from "./oidc.ts";
import { oidcKerberos } from "./oidc-kerberos.ts";
import { samlEcp } from "./saml-ecp.ts";
import { samlKerberos } from "./saml-kerberos.ts";
import { samlPassword } from "./saml-password.ts";
import { samlWsTrust } from "./saml-wstrust.ts";
import type { ColdSource } from "./source.ts";

/** What needs no person. The first one is the main job. */
export const COLD_SOURCES: readonly ColdSource[] = [
  ...OIDC_SOURCES,
  samlPassword,
  samlEcp,
  samlWsTrust,
  samlKerberos,
  oidcKerberos,
];
