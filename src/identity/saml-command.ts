import { COMMAND_SETTINGS, type CommandSettings, commandSettings, readProofCommand } from "./lib/proof-command.ts";
import { METADATA_SETTINGS, type MetadataSettings, metadataSettings, readMetadata } from "./lib/saml-metadata.ts";
import { MAX_RESPONSE_BYTES, responseOf } from "./lib/saml-response.ts";
import type { IdentitySource } from "./source.ts";

/** A SAML response that a program prints: the way in for an IdP that nobody here knows. */
export const samlCommand: IdentitySource<CommandSettings & MetadataSettings> = {
  kind: "saml-command",
  yields: "saml",
  summary: "a SAML response that a program prints on its standard output",
  settings: { ...COMMAND_SETTINGS, ...METADATA_SETTINGS },
  parse: (table) => ({ ...commandSettings(table), ...metadataSettings(table) }),
  async acquire(settings, context) {
    const { text, program } = await readProofCommand(settings, "a SAML response", context, MAX_RESPONSE_BYTES);
    const name = `the SAML response that ${program} printed`;
    const response = responseOf(text, name);
    const metadata = settings.verify ? await readMetadata(settings, context) : undefined;
    return { kind: "saml", response, name, ...(metadata === undefined ? {} : { metadata }) };
  },
};
