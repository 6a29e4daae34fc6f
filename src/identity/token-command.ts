import { Secret } from "../core/secret.ts";
import { COMMAND_SETTINGS, type CommandSettings, commandSettings, readProofCommand } from "./lib/proof-command.ts";
import type { IdentitySource, OidcProof } from "./source.ts";

const MAX_BYTES = 64 * 1024;

/** A JWT that a program prints. It runs without a shell and with a scrubbed environment. */
export const tokenCommand: IdentitySource<CommandSettings, OidcProof> = {
  kind: "token-command",
  yields: "oidc",
  summary: "a JWT that a program prints on its standard output",
  settings: COMMAND_SETTINGS,
  parse: commandSettings,
  async acquire(settings, context) {
    const { text, program } = await readProofCommand(settings, "a token", context, MAX_BYTES);
    return { kind: "oidc", token: new Secret(text), name: `the token that ${program} printed` };
  },
};
