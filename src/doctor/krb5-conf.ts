import type { Host } from "../host/host.ts";

/** What is needed of krb5.conf; whatever its include lines name is not followed. */
export interface Krb5Conf {
  readonly files: readonly string[];
  readonly defaultRealm: string | undefined;
  /** "host" or "host:port", by realm. */
  readonly kdcs: ReadonlyMap<string, readonly string[]>;
  readonly includes: boolean;
}

/** @see krb5.conf(5); KRB5_CONFIG may name several files */
export function readKrb5Conf({ env, files }: Pick<Host, "env" | "files">): Krb5Conf {
  const names = (env.KRB5_CONFIG || "/etc/krb5.conf").split(":").filter((name) => name.startsWith("/"));
  const found: string[] = [];
  const kdcs = new Map<string, string[]>();
  let defaultRealm: string | undefined;
  let includes = false;
  for (const name of names) {
    const text = textOf(name, files);
    if (text === undefined) continue;
    found.push(name);
    let section = "";
    let realm: string | undefined;
    for (const raw of text.split("\n")) {
      const line = raw.trim();
      const [, heading] = /^\[(\w+)\]/.exec(line) ?? [];
      const [, key = "", value = ""] = /^([\w.-]+)\s*=\s*(.*?)\*?$/.exec(line) ?? [];
      if (/^include(dir)?\s/.test(line)) includes = true;
      else if (heading !== undefined) [section, realm] = [heading, undefined];
      else if (line.startsWith("}")) realm = undefined;
      else if (section === "libdefaults" && key === "default_realm") defaultRealm ??= value;
      else if (section === "realms" && value.startsWith("{")) realm = key;
      else if (section === "realms" && realm !== undefined && key === "kdc")
        kdcs.set(realm, [...(kdcs.get(realm) ?? []), ...value.split(/\s+/)]);
    }
  }
  return { files: found, defaultRealm, kdcs, includes };
}

function textOf(name: string, files: Host["files"]): string | undefined {
  try {
    const bytes = files.read(name);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  } catch {
    return undefined;
  }
}
