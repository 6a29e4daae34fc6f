import { parse, TomlError } from "smol-toml";
import { isAbsolute } from "../core/absolute-path.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { TomlTable, TomlValue } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { systemDirectory, userFile } from "./paths.ts";

type Where = Pick<Host, "env" | "system" | "files">;

const MAX_DEPTH = 16;

/** A table of a configuration file, and where it stands. */
export interface FileTable {
  readonly file: string;
  readonly table: TomlTable;
}

/** All files merged: a table of the same name replaces the earlier one whole, so a user's issuer never meets the system's secret. */
export interface Configuration {
  /** In the order read; those that do not exist are left out. */
  readonly files: readonly string[];
  readonly identities: ReadonlyMap<string, FileTable>;
  readonly profiles: ReadonlyMap<string, FileTable>;
  /** Every [audit] there is: none replaces another, so that a user cannot switch off the machine's. */
  readonly audits: readonly FileTable[];
  /** Every [account_aliases] there is, in the order read. */
  readonly aliases: readonly FileTable[];
  /** Top-level keys that mean nothing, for the check. */
  readonly unknown: readonly Stray[];
}

export interface Stray {
  readonly file: string;
  readonly path: readonly string[];
}

/** Every place that is looked at, in the order of precedence (the last one wins). */
export function configurationPaths(host: Where): string[] {
  const system = systemDirectory(host);
  const parts = `${system}/config.d`;
  const dropIns = listing(host, parts).filter((name) => name.endsWith(".toml") && !name.startsWith("."));
  const user = userFile(host);
  return [`${system}/config.toml`, ...dropIns.map((name) => `${parts}/${name}`), ...(user === undefined ? [] : [user])];
}

function listing(host: Where, directory: string): string[] {
  try {
    return host.files.list(directory);
  } catch (cause) {
    throw unreadable(directory, cause);
  }
}

/** @throws CONFIG_INVALID with file:line:column; a value is never quoted, it may be a secret */
export function readConfiguration(host: Where): Configuration {
  const named = host.env.STS_BROKER_CONFIG;
  if (named !== undefined && named !== "" && !isAbsolute(named, host.system.platform)) {
    throw new BrokerError("CONFIG_INVALID", `STS_BROKER_CONFIG must be an absolute path, not ${printable(named, 80)}`);
  }
  const system = host.env.STS_BROKER_SYSTEM_CONFIG;
  if (system !== undefined && system !== "" && !isAbsolute(system, host.system.platform)) {
    throw new BrokerError(
      "CONFIG_INVALID",
      `STS_BROKER_SYSTEM_CONFIG must be an absolute path, not ${printable(system, 80)}`,
    );
  }
  const files: string[] = [];
  const identities = new Map<string, FileTable>();
  const profiles = new Map<string, FileTable>();
  const audits: FileTable[] = [];
  const aliases: FileTable[] = [];
  const unknown: Stray[] = [];
  for (const file of configurationPaths(host)) {
    const document = readToml(host, file);
    if (document === undefined) {
      if (file === named)
        throw new BrokerError("CONFIG_MISSING", `${file} does not exist (named by STS_BROKER_CONFIG)`);
      continue;
    }
    files.push(file);
    for (const [key, value] of Object.entries(document)) {
      const whole = key === "audit" ? audits : key === "account_aliases" ? aliases : undefined;
      if (whole !== undefined && isTable(value)) {
        whole.push({ file, table: value });
        continue;
      }
      const target = key === "identity" ? identities : key === "profile" ? profiles : undefined;
      if (target === undefined || !isTable(value)) {
        unknown.push({ file, path: [key] });
        continue;
      }
      for (const [name, table] of Object.entries(value)) {
        if (isTable(table)) target.set(name, { file, table });
        else unknown.push({ file, path: [key, name] });
      }
    }
  }
  return { files, identities, profiles, audits, aliases, unknown };
}

function readToml(host: Where, file: string): TomlTable | undefined {
  let bytes: Uint8Array | undefined;
  try {
    bytes = host.files.read(file);
    if (bytes !== undefined) refuseForeignHands(host, file);
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause;
    throw unreadable(file, cause);
  }
  if (bytes === undefined) return undefined;
  let text: string;
  try {
    text = utf8(bytes);
  } catch {
    throw new BrokerError("CONFIG_INVALID", `${file}: not valid UTF-8`);
  }
  try {
    const document = parse(text) as TomlTable;
    if (!tooDeep(document)) return document;
  } catch (cause) {
    if (cause instanceof TomlError) {
      // Its further lines quote the file, which may hold a secret.
      const what = (cause.message.split("\n")[0] ?? "").replace(/^Invalid TOML document: /, "");
      throw new BrokerError(
        "CONFIG_INVALID",
        `${file}:${cause.line}:${cause.column}: not valid TOML: ${printable(what, 160)}`,
      );
    }
    if (!(cause instanceof RangeError)) throw cause;
  }
  throw new BrokerError("CONFIG_INVALID", `${file}: nested too deeply`);
}

/** Dotted keys may nest as deep as a file is long, and would exhaust the stack of whoever walks them; no setting needs more than four. */
function tooDeep(document: TomlTable): boolean {
  let level: TomlValue[] = [document];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((value) =>
      typeof value === "object" && !(value instanceof Date) ? (Object.values(value) as TomlValue[]) : [],
    );
  }
  return false;
}

/** Without the byte order mark that Windows editors leave. @throws TypeError for what is not UTF-8 */
function utf8(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
  // A strict decoder takes 0.2 ms to make, and only a replacement character can mean that it would refuse.
  if (text.includes("\ufffd")) new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

/** A file that others may write is theirs: it could name a command to run, or another issuer for our secret. */
function refuseForeignHands(host: Where, file: string): void {
  const { uid } = host.system;
  const found = host.files.stat(file);
  if (uid === undefined || found === undefined) return;
  if ((found.mode & 0o002) !== 0) {
    throw new BrokerError("CONFIG_INVALID", `${file} can be written by every user`, { hint: `chmod o-w ${file}` });
  }
  if (found.uid !== uid && found.uid !== 0) {
    throw new BrokerError("CONFIG_INVALID", `${file} belongs to another user (uid ${found.uid})`, {
      hint: `chown ${host.system.username()} ${file}`,
    });
  }
}

function unreadable(file: string, cause: unknown): BrokerError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
  const why = code === "EACCES" ? "permission denied" : code;
  return new BrokerError("CONFIG_INVALID", `${file} cannot be read (${why})`, { cause });
}

export function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
