import { oidcClientCredentials } from "./oidc-client-credentials.ts";
import type { IdentitySource } from "./source.ts";
import { tokenCommand } from "./token-command.ts";
import { tokenFile } from "./token-file.ts";

/** Settings differ from source to source; whoever walks the registry hands `parse`'s result to the same source's `acquire`. */
// biome-ignore lint/suspicious/noExplicitAny: each source's settings are its own, and never leave it
export const IDENTITY_SOURCES: readonly IdentitySource<any>[] = [oidcClientCredentials, tokenFile, tokenCommand];

export function identitySource(kind: string): (typeof IDENTITY_SOURCES)[number] | undefined {
  return IDENTITY_SOURCES.find((source) => source.kind === kind);
}
