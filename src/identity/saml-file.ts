import { proofPath, readProofFile } from "./lib/proof-file.ts";
import { METADATA_SETTINGS, type MetadataSettings, metadataSettings, readMetadata } from "./lib/saml-metadata.ts";
import { MAX_RESPONSE_BYTES, responseOf } from "./lib/saml-response.ts";
import type { IdentitySource } from "./source.ts";

interface Settings extends MetadataSettings {
  readonly path: string;
}

/** A SAML response that something else fetched and left in a file. AWS takes it for five minutes after it was issued. */
export const samlFile: IdentitySource<Settings> = {
  kind: "saml-file",
  yields: "saml",
  summary: "a SAML response from a file that something else keeps fresh",
  settings: {
    path: {
      type: "string",
      required: true,
      summary:
        "the file, base64 or XML: an absolute path, ~/…, or $CREDENTIALS_DIRECTORY/NAME; read anew at each renewal",
    },
    ...METADATA_SETTINGS,
  },
  parse: (table) => ({ path: proofPath(table.path), ...metadataSettings(table) }),
  async acquire(settings, context) {
    const { text, name } = readProofFile(settings.path, "the SAML response", context.host, MAX_RESPONSE_BYTES);
    const response = responseOf(text, name);
    const metadata = settings.verify ? await readMetadata(settings, context) : undefined;
    return { kind: "saml", response, name, ...(metadata === undefined ? {} : { metadata }) };
  },
};
