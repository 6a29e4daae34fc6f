import { Secret } from "../core/secret.ts";
import { proofPath, readProofFile } from "./lib/proof-file.ts";
import type { IdentitySource, OidcProof } from "./source.ts";

const MAX_BYTES = 64 * 1024;

interface Settings {
  readonly path: string;
}

/** A JWT that something else keeps fresh in a file: a SPIFFE agent, a projected service account token, a systemd credential. */
export const tokenFile: IdentitySource<Settings, OidcProof> = {
  kind: "token-file",
  yields: "oidc",
  summary: "a JWT from a file that something else keeps fresh (SPIFFE agent, projected token, systemd credential)",
  settings: {
    path: {
      type: "string",
      required: true,
      summary: "the file: an absolute path, ~/…, or $CREDENTIALS_DIRECTORY/NAME; read anew at each renewal",
    },
  },
  parse: (table) => ({ path: proofPath(table.path) }),
  async acquire({ path }, { host }) {
    const { text, name } = readProofFile(path, "the token", host, MAX_BYTES);
    return { kind: "oidc", token: new Secret(text), name };
  },
};
