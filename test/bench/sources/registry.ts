import { KERBEROS_SOURCES } from "./kerberos.ts";
import { OIDC_SOURCES } from "./oidc.ts";
import { SAML_SOURCES } from "./saml.ts";
import type { ColdSource } from "./source.ts";

/** What needs no person. The first one is the main job. */
export const COLD_SOURCES: readonly ColdSource[] = [...OIDC_SOURCES, ...SAML_SOURCES, ...KERBEROS_SOURCES];
