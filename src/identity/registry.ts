import { oidcBrowser } from "./oidc-browser.ts";
import { oidcClientCredentials } from "./oidc-client-credentials.ts";
import { oidcDevice } from "./oidc-device.ts";
import { oidcKerberos } from "./oidc-kerberos.ts";
import { samlCommand } from "./saml-command.ts";
import { samlEcp } from "./saml-ecp.ts";
import { samlFile } from "./saml-file.ts";
import { samlKerberos } from "./saml-kerberos.ts";
import { samlPassword } from "./saml-password.ts";
import { samlWsTrust } from "./saml-wstrust.ts";
import type { IdentitySource } from "./source.ts";
import { tokenCommand } from "./token-command.ts";
import { tokenFile } from "./token-file.ts";

/** Settings differ from source to source; whoever walks the registry hands `parse`'s result to the same source's `acquire`. */
// biome-ignore lint/suspicious/noExplicitAny: each source's settings are its own, and never leave it
export const IDENTITY_SOURCES: readonly IdentitySource<any>[] = [
  oidcClientCredentials,
  oidcKerberos,
  oidcBrowser,
  oidcDevice,
  tokenFile,
  tokenCommand,
  samlKerberos,
  samlPassword,
  samlWsTrust,
  samlEcp,
  samlFile,
  samlCommand,
];

export function identitySource(kind: string): (typeof IDENTITY_SOURCES)[number] | undefined {
  return IDENTITY_SOURCES.find((source) => source.kind === kind);
}
