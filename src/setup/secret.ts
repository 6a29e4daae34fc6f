import { isAbsolute } from "../core/absolute-path.ts";
import { BrokerError } from "../core/errors.ts";
import { hasControlCharacter, printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import type { TomlTable } from "../core/types.ts";
import type { Asker, Given } from "./ask.ts";
import { openQuestions } from "./ask.ts";
import type { Where } from "./wizard.ts";

export interface SecretAnswer {
  /** As the configuration has it: { file }, { keychain }, { env } or { credential }. */
  readonly place: TomlTable;
  readonly file?: { readonly path: string; readonly value: Secret };
  readonly keychainItem?: { readonly account: string; readonly value: Secret };
}

const OPTION = "secret-from";
const FORMS = "file:/path, keychain:NAME, env:NAME or credential:NAME";

/**
 * Where a secret is, never the secret: what is typed goes into a new file or the keychain, and nowhere else.
 *
 * @throws BrokerError USAGE, LOGIN_REQUIRED when the person gives up
 */
export async function askSecret(
  { label, required }: { readonly label: string; readonly required: boolean },
  name: string,
  given: Given,
  asker: Asker | undefined,
  { host, directory }: Where,
): Promise<SecretAnswer | undefined> {
  const stated = given[OPTION];
  if (stated !== undefined) return { place: placeOf(stated, host.system.platform) };
  if (asker === undefined) {
    if (!required) return undefined;
    throw new BrokerError("USAGE", `--${OPTION} is missing: where the ${label} is`, { hint: `--${OPTION} ${FORMS}` });
  }
  const path = `${directory}/${name}.secret`;
  const hasKeychain = (await host.keychain.check()).ok;
  const chosen = await asker.choose(`Where is the ${label}?`, [
    { value: "new", label: `I type it now; it goes into a new file that only I can read, ${path}` },
    ...(hasKeychain ? [{ value: "keychain", label: "I type it now; it goes into the keychain" }] : []),
    { value: "file", label: "in a file that is there already" },
    { value: "env", label: "in an environment variable" },
    { value: "credential", label: "in a credential of the systemd unit (LoadCredential=)" },
    ...(required ? [] : [{ value: "none", label: "nowhere: it is asked at each login" }]),
  ]);
  if (chosen === "none") return undefined;
  if (chosen === "new" || chosen === "keychain") {
    const value = await asker.ask({ label: `The ${label}`, secret: true });
    if (value.reveal() === "" || hasControlCharacter(value.reveal()))
      throw new BrokerError("USAGE", `the ${label} is empty, or holds a control character`);
    return chosen === "new"
      ? { place: { file: path }, file: { path, value } }
      : { place: { keychain: name }, keychainItem: { account: name, value } };
  }
  const what = chosen === "file" ? "Path of the file" : chosen === "env" ? "Name of the variable" : "Name of it";
  const answer = await openQuestions({}, asker).text({ option: OPTION, label: what, required: true }, (text) =>
    problem(chosen, text, host.system.platform),
  );
  return { place: { [chosen]: answer ?? "" } };
}

function placeOf(stated: string, platform: NodeJS.Platform): TomlTable {
  const [, place = "", value = ""] = /^(file|keychain|env|credential):(.+)$/.exec(stated) ?? [];
  // What does not fit is not quoted: it may be the secret itself.
  if (place === "") throw new BrokerError("USAGE", `--${OPTION} must be ${FORMS}`);
  const wrong = problem(place, value, platform);
  if (wrong !== undefined) throw new BrokerError("USAGE", `--${OPTION} ${place}:${printable(value, 80)} ${wrong}`);
  return { [place]: value };
}

function problem(place: string, value: string, platform: NodeJS.Platform): string | undefined {
  if (hasControlCharacter(value)) return "holds a control character";
  if (place === "file" && !isAbsolute(value, platform) && !value.startsWith("~/"))
    return "must be an absolute path or start with ~/";
  return undefined;
}
