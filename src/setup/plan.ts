/** What `config init` would do, worked out before anything is done. */

import { isAbsolute } from "../core/absolute-path.ts";
import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import type { TomlTable } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { withAwsProfile } from "./aws-config.ts";
import { withTables } from "./config-file.ts";

/** All that a person or a command line has said. */
export interface Answers {
  readonly identity: { readonly name: string; readonly table: TomlTable };
  readonly profile: { readonly name: string; readonly table: TomlTable };
  readonly region: string | undefined;
  /** A file to be made for a secret that was typed. */
  readonly secretFile: { readonly path: string; readonly value: Secret } | undefined;
  /** An item to be made in the keychain for it. */
  readonly keychainItem: { readonly account: string; readonly value: Secret } | undefined;
  /** Metadata to be kept in a file, unless there is one already. */
  readonly metadataFile: { readonly path: string; readonly xml: string } | undefined;
}

export interface FileChange {
  readonly path: string;
  /** Where symbolic links lead; the file that changes. */
  readonly target: string;
  /** Undefined: there is none yet. */
  readonly before: Uint8Array | undefined;
  readonly after: Uint8Array;
  /** "name": its content is not for a screen. */
  readonly shown: "diff" | "name";
}

export interface Plan {
  /** In the order in which they are made: what a later one names is there. */
  readonly changes: readonly FileChange[];
  /** One line each, for a person. */
  readonly notes: readonly string[];
}

type Where = Pick<Host, "files" | "env" | "system">;

/** @throws BrokerError CONFIG_INVALID, naming the file and what is in the way */
export async function planSetup(host: Where, configFile: string, answers: Answers): Promise<Plan> {
  const { identity, profile, region, secretFile, metadataFile } = answers;
  const notes: string[] = [];
  const changes: FileChange[] = [];
  if (secretFile !== undefined) {
    if (host.files.stat(secretFile.path) !== undefined)
      throw invalid(`${printable(secretFile.path)} is there already`, `--secret-from file:${secretFile.path}`);
    changes.push(newFile(secretFile.path, secretFile.value.reveal(), "name"));
  }
  if (metadataFile !== undefined) {
    if (host.files.stat(metadataFile.path) === undefined)
      changes.push(newFile(metadataFile.path, metadataFile.xml, "name"));
    else notes.push(`${printable(metadataFile.path)} is there already and stays as it is`);
  }
  const config = await open(host, configFile, notes);
  const configText = utf8(config.before, configFile);
  const tables = withTables(configText, printable(configFile), [
    { path: ["identity", identity.name], table: identity.table, option: "identity" },
    { path: ["profile", profile.name], table: profile.table, option: "profile" },
  ]);
  if (tables !== configText) changes.push({ ...config, after: Buffer.from(tables, "utf8"), shown: "diff" });

  const awsFile = awsConfigFile(host);
  const aws = await open(host, awsFile, notes);
  const awsText = Buffer.from(aws.before ?? []).toString("latin1");
  const command = `sts-broker credential-process --profile ${profile.name}`;
  const awsAfter = withAwsProfile(awsText, printable(awsFile), { name: profile.name, region, command });
  if (awsAfter !== awsText) changes.push({ ...aws, after: Buffer.from(awsAfter, "latin1"), shown: "diff" });

  if ((host.env.STS_BROKER_CONFIG ?? "") !== "")
    notes.push("AWS's tools find this configuration only where STS_BROKER_CONFIG is set as it is now");
  if (hasLongLivedKeys(host, profile.name))
    notes.push(`the keys of [${profile.name}] in ~/.aws/credentials win over credential_process: take them away`);
  return { changes, notes };
}

/** @see https://docs.aws.amazon.com/sdkref/latest/guide/file-location.html */
function awsConfigFile(host: Where): string {
  return awsFile(host, "AWS_CONFIG_FILE", "config");
}

function awsFile(host: Where, variable: string, name: string): string {
  const home = host.system.homeDir();
  const stated = host.env[variable] ?? "";
  if (stated !== "" && !stated.startsWith("~/")) {
    if (isAbsolute(stated, host.system.platform)) return stated;
    throw invalid(`${variable} must be an absolute path, not ${printable(stated, 80)}`);
  }
  if (home === undefined)
    throw invalid(`there is no home directory to put ~/.aws/${name} into`, `${variable}=/path/to/${name}`);
  return stated === "" ? `${home}/.aws/${name}` : `${home}${stated.slice(1)}`;
}

/** @see aws-cli#5109 */
function hasLongLivedKeys(host: Where, name: string): boolean {
  try {
    const bytes = host.files.read(awsFile(host, "AWS_SHARED_CREDENTIALS_FILE", "credentials"));
    const sections = Buffer.from(bytes ?? [])
      .toString("latin1")
      .split(/^(?=\[)/m);
    return sections.some((one) => one.startsWith(`[${name}]`) && /^aws_access_key_id\s*[=:]/m.test(one));
  } catch {
    return false;
  }
}

function newFile(path: string, content: string, shown: FileChange["shown"]): FileChange {
  return { path, target: path, before: undefined, after: Buffer.from(content, "utf8"), shown };
}

async function open(
  host: Where,
  path: string,
  notes: string[],
): Promise<Pick<FileChange, "path" | "target" | "before">> {
  try {
    const target = await host.files.resolve(path);
    if (target !== path) notes.push(`${printable(path)} leads to ${printable(target)}, and that file is changed`);
    return { path, target, before: host.files.read(target) };
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new BrokerError("CONFIG_INVALID", `${printable(path)} cannot be read (${code})`, { cause });
  }
}

function utf8(bytes: Uint8Array | undefined, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes ?? new Uint8Array());
  } catch {
    throw invalid(`${printable(file)} is not valid UTF-8`);
  }
}

function invalid(message: string, hint?: string): BrokerError {
  return new BrokerError("CONFIG_INVALID", message, { hint });
}
