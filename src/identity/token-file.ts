import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { Secret } from "../core/secret.ts";
import { SettingError } from "../core/settings.ts";
import { absolutePath } from "./lib/path.ts";
import type { IdentitySource } from "./source.ts";

const MAX_BYTES = 64 * 1024;

interface Settings {
  readonly path: string;
}

/** A JWT that something else keeps fresh in a file: a SPIFFE agent, a projected service account token, a systemd credential. */
export const tokenFile: IdentitySource<Settings> = {
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
  parse(table) {
    const path = String(table.path);
    if (!/^(\/|~\/|\$\{?CREDENTIALS_DIRECTORY\}?\/|[a-z]:[\\/])/i.test(path)) {
      throw new SettingError(
        "path",
        `path "${printable(path)}" must be absolute, or start with ~/ or $CREDENTIALS_DIRECTORY/`,
      );
    }
    return { path };
  },
  async acquire({ path }, { host }) {
    const file = absolutePath(withCredentials(path, host.env.CREDENTIALS_DIRECTORY), host);
    const name = `the token in ${printable(file)}`;
    let bytes: Uint8Array | undefined;
    try {
      bytes = host.files.read(file, MAX_BYTES);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
      throw new BrokerError(
        "SECRET_UNAVAILABLE",
        `${name} cannot be read (${code === "EACCES" ? "permission denied" : code})`,
        { cause },
      );
    }
    if (bytes === undefined) {
      throw new BrokerError("SECRET_UNAVAILABLE", `${name} does not exist`, {
        hint: "is the agent that writes it running?",
      });
    }
    return { kind: "oidc", token: new Secret(new TextDecoder().decode(bytes).trim()), name };
  },
};

function withCredentials(path: string, directory: string | undefined): string {
  const match = /^(?:\$CREDENTIALS_DIRECTORY|\$\{CREDENTIALS_DIRECTORY\})\/(.+)$/.exec(path);
  if (match === null) return path;
  if (directory === undefined || directory === "") {
    throw new BrokerError(
      "SECRET_UNAVAILABLE",
      "CREDENTIALS_DIRECTORY is not set, so this is not a systemd unit with credentials",
      {
        hint: "LoadCredential=NAME:/path in the unit",
      },
    );
  }
  return `${directory}/${match[1]}`;
}
