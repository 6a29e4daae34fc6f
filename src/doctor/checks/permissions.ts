import { existingCacheDirectory } from "../../cache/directory.ts";
import { posixQuote } from "../../core/posix-quote.ts";
import { printable } from "../../core/printable.ts";
import type { FileStat, Host } from "../../host/host.ts";
import { absolutePath } from "../../identity/lib/path.ts";
import { secretSource } from "../../identity/lib/secret-source.ts";
import type { Check, UsedIdentity } from "../check.ts";
import { type Finding, failed, ok, warning } from "../finding.ts";

/** Who else could read or change what decides who we are. */
export const permissions: Check = {
  id: "permissions",
  title: "permissions",
  async run({ host, configuration, identities }) {
    if (host.system.uid === undefined) return [ok("files are guarded by Windows' own access lists, not looked at")];
    const files = configuration?.files ?? [];
    const secrets = identities.flatMap((identity) => secretFiles(identity, host));
    const findings = [
      ...files.flatMap((file) => configurationFile(file, host)),
      ...secrets.flatMap((secret) => secretFile(secret, host)),
      ...cacheDirectory(host),
    ];
    if (findings.length > 0) return findings;
    return [
      ok(
        secrets.length === 0
          ? "the configuration and the cache directory are open to nobody who should not be there"
          : "the configuration, secrets and the cache directory are open to nobody who should not be there",
      ),
    ];
  },
};

interface SecretFile {
  readonly key: string;
  readonly path: string;
  readonly identity: string;
}

/** Secrets in files, keys and keytabs. */
function secretFiles({ name, source, table }: UsedIdentity, host: Host): SecretFile[] {
  return Object.entries(source.settings).flatMap(([key, { type }]): SecretFile[] => {
    const value = table[key];
    const from = value !== undefined && type === "secret" ? secretSource(value) : undefined;
    const path = from?.place === "file" ? from.path : key === "keytab" ? value : undefined;
    if (typeof path !== "string") return [];
    return [{ key, path: absolutePath(path, host), identity: name }];
  });
}

function configurationFile(file: string, host: Host): Finding[] {
  const found = statOf(file, host);
  if (found === undefined || found === "denied" || (found.mode & 0o020) === 0) return [];
  return [warning(`${printable(file)} can be written by its group`, `chmod g-w ${posixQuote(printable(file))}`)];
}

function secretFile({ key, path, identity }: SecretFile, host: Host): Finding[] {
  const file = printable(path);
  const found = statOf(path, host);
  if (found === "denied")
    return [failed(`${key}: ${file} cannot be looked at by this user`, `ls -ld ${file}`, { identity })];
  // That it is missing, the check of the configuration says.
  if (found === undefined) return [];
  const ours = found.uid === host.system.uid;
  const sudo = ours ? "" : "sudo ";
  if ((found.mode & (ours ? 0o077 : 0o027)) !== 0)
    return [
      failed(
        `${key}: ${file} is open to others (mode ${found.mode.toString(8).padStart(4, "0")})`,
        `${sudo}chmod ${ours ? "600" : "640"} ${posixQuote(file)}`,
        { identity },
      ),
    ];
  try {
    host.files.read(path);
    return [];
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    // Whatever is larger than a secret is not judged here.
    if (code === "EFBIG") return [];
    const who = printable(host.system.username(), 60);
    return [
      failed(
        `${key}: ${file} cannot be read by ${who} (${code})`,
        `sudo setfacl -m u:${posixQuote(who)}:r ${posixQuote(file)}`,
        { identity },
      ),
    ];
  }
}

function cacheDirectory(host: Host): Finding[] {
  const directory = existingCacheDirectory(host);
  return directory.ok ? [] : [warning(`nothing is kept: ${directory.detail}`, directory.hint)];
}

function statOf(path: string, { files }: Host): FileStat | undefined | "denied" {
  try {
    return files.stat(path);
  } catch {
    return "denied";
  }
}
