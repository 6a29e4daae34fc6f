import { BrokerError } from "../../core/errors.ts";
import { hasControlCharacter, printable } from "../../core/printable.ts";
import { Secret } from "../../core/secret.ts";
import type { TomlTable, TomlValue } from "../../core/types.ts";
import type { Host } from "../../host/host.ts";
import { absolutePath } from "./path.ts";

const MAX_BYTES = 64 * 1024;
const COMMAND_TIMEOUT_MS = 10_000;

/** Where a long-lived secret is; its value is fetched when it is needed and kept nowhere. */
export type SecretSource =
  | { readonly place: "file"; readonly path: string }
  | { readonly place: "env"; readonly name: string }
  | { readonly place: "credential"; readonly name: string }
  | { readonly place: "keychain"; readonly account: string }
  | { readonly place: "command"; readonly argv: readonly string[]; readonly passEnv: readonly string[] };

/** The typed form of a table that config has checked. Undefined stays undefined. */
export function secretSource(value: TomlValue | undefined): SecretSource | undefined {
  if (value === undefined) return undefined;
  const { file, env, credential, keychain, command, pass_env: passEnv } = value as TomlTable;
  if (file !== undefined) return { place: "file", path: String(file) };
  if (env !== undefined) return { place: "env", name: String(env) };
  if (credential !== undefined) return { place: "credential", name: String(credential) };
  if (keychain !== undefined) return { place: "keychain", account: String(keychain) };
  return {
    place: "command",
    argv: command as readonly string[],
    passEnv: (passEnv as readonly string[] | undefined) ?? [],
  };
}

/**
 * Fetches a secret. One line end at its end is taken off, since editors and `echo` leave one.
 *
 * @param what names the secret in errors, as in "client_secret"
 * @param lines "one": control characters are refused; "many": a PEM or JWK may hold line ends
 * @throws BrokerError SECRET_UNAVAILABLE, SECRET_EXPOSED, COMMAND_FAILED, TIMEOUT; never quoting the value
 */
export async function readSecret(
  source: SecretSource,
  what: string,
  lines: "one" | "many",
  { host, signal }: { host: Host; signal: AbortSignal },
): Promise<Secret> {
  const text = (await rawSecret(source, what, host, signal)).replace(/\r?\n$/, "");
  if (text === "") throw unavailable(what, `${placeName(source)} is empty`);
  if (text.includes("\0") || (lines === "one" && hasControlCharacter(text))) {
    throw unavailable(what, `${placeName(source)} holds a control character`, "it must be one line of text");
  }
  return new Secret(text);
}

/**
 * What can be said of a secret without fetching it: a file is there and not open to others.
 * @throws BrokerError SECRET_UNAVAILABLE, SECRET_EXPOSED
 */
export function checkSecret(source: SecretSource, what: string, host: Host): void {
  if (source.place !== "file") return;
  const path = absolutePath(source.path, host);
  refuseExposed(path, what, host);
  if (host.files.stat(path) === undefined) throw unavailable(what, `${printable(path)} does not exist`);
}

async function rawSecret(source: SecretSource, what: string, host: Host, signal: AbortSignal): Promise<string> {
  switch (source.place) {
    case "file":
      return fromFile(absolutePath(source.path, host), what, host, true);
    case "env": {
      const value = host.env[source.name];
      if (value === undefined)
        throw unavailable(what, `the environment variable ${printable(source.name, 80)} is not set`);
      return value;
    }
    case "credential":
      return fromCredential(source.name, what, host);
    case "keychain":
      return fromKeychain(source.account, what, host);
    case "command":
      return fromCommand(source, what, host, signal);
  }
}

function fromFile(path: string, what: string, host: Host, mustBePrivate: boolean): string {
  let bytes: Uint8Array | undefined;
  try {
    if (mustBePrivate) refuseExposed(path, what, host);
    bytes = host.files.read(path, MAX_BYTES);
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    const denied = code === "EACCES" || code === "EPERM";
    throw unavailable(
      what,
      `${printable(path)} cannot be read (${denied ? "permission denied" : code})`,
      denied ? `the user ${host.system.username()} has to be able to read it` : undefined,
    );
  }
  if (bytes === undefined) throw unavailable(what, `${printable(path)} does not exist`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw unavailable(what, `${printable(path)} is not UTF-8 text`);
  }
}

/** Others must not read it at all; a group may, where the file is root's and the group is how a service gets at it. */
function refuseExposed(path: string, what: string, host: Host): void {
  const { uid } = host.system;
  const found = host.files.stat(path);
  if (uid === undefined || found === undefined) return;
  const ours = found.uid === uid;
  const open = found.mode & (ours ? 0o077 : 0o027);
  if (open === 0) return;
  throw new BrokerError(
    "SECRET_EXPOSED",
    `${what}: ${printable(path)} is open to others (mode ${found.mode.toString(8).padStart(4, "0")})`,
    {
      hint: `${ours ? "" : "sudo "}chmod ${ours ? "600" : "640"} ${printable(path)}`,
    },
  );
}

/** @see systemd.exec(5), LoadCredential=: systemd guards the directory, and its files may be group-readable */
function fromCredential(name: string, what: string, host: Host): string {
  const directory = host.env.CREDENTIALS_DIRECTORY;
  if (directory === undefined || directory === "") {
    throw unavailable(
      what,
      "CREDENTIALS_DIRECTORY is not set, so this is not a systemd unit with credentials",
      `LoadCredential=${printable(name, 80)}:/path in the unit`,
    );
  }
  if (name.includes("/") || name === ".." || name === ".")
    throw unavailable(what, `"${printable(name, 80)}" is not the name of a credential`);
  return fromFile(`${directory}/${name}`, what, host, false);
}

async function fromKeychain(account: string, what: string, host: Host): Promise<string> {
  const found = await host.keychain.get("sts-broker", account);
  if (!found.ok) throw unavailable(what, `the keychain cannot be used: ${found.problem.detail}`);
  if (found.value === undefined) {
    const hint = `secret-tool store --label='sts-broker ${printable(account, 80)}' service sts-broker account ${printable(account, 80)}`;
    throw unavailable(
      what,
      `the keychain has no item for service sts-broker, account ${printable(account, 80)}`,
      host.system.platform === "linux" ? hint : undefined,
    );
  }
  return found.value.reveal();
}

async function fromCommand(
  { argv, passEnv }: Extract<SecretSource, { place: "command" }>,
  what: string,
  host: Host,
  signal: AbortSignal,
): Promise<string> {
  const {
    status,
    signal: by,
    stdout,
  } = await host.spawn.capture(argv, { timeoutMs: COMMAND_TIMEOUT_MS, maxBytes: MAX_BYTES, passEnv, signal });
  if (status !== 0) {
    const how = by === undefined ? `ended with status ${status}` : `was ended by ${by}`;
    throw new BrokerError("COMMAND_FAILED", `${what}: ${printable(argv[0], 120)} ${how}`, {
      hint: "run it by hand as this user; its environment is scrubbed, pass_env names what it needs",
    });
  }
  return new TextDecoder().decode(stdout);
}

function placeName(source: SecretSource): string {
  switch (source.place) {
    case "file":
      return printable(source.path);
    case "env":
      return `the environment variable ${printable(source.name, 80)}`;
    case "credential":
      return `the credential ${printable(source.name, 80)}`;
    case "keychain":
      return `the keychain item ${printable(source.account, 80)}`;
    case "command":
      return `what ${printable(source.argv[0], 120)} printed`;
  }
}

function unavailable(what: string, detail: string, hint?: string): BrokerError {
  return new BrokerError("SECRET_UNAVAILABLE", `${what}: ${detail}`, { hint });
}
