import type { IdentityTable, Profile, TomlTable } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { ccacheOwner } from "./ccache.ts";

type Where = Pick<Host, "env" | "crypto" | "system" | "files">;

/** Raised when the meaning of an entry or of its inputs changes: older entries become misses. */
const KEY_VERSION = 1;

/** KRB5CCNAME is looked into, and a trace changes nothing. */
const SHAPES_TICKET = /^(?:KRB5(?!CCNAME$|_TRACE$)|GSS)/;

/** JSON with sorted keys, so that the order in a file does not matter. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => {
    if (typeof one === "bigint") return `${one}n`;
    if (typeof one !== "object" || one === null || Array.isArray(one) || one instanceof Date) return one;
    return Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/**
 * What says who we are: the settings, and what a source takes from the environment besides them. Two units of one user may read two
 * tokens by one configuration, and kinit may make somebody else of us.
 */
function identityInputs({ kind, settings }: IdentityTable, host: Where): readonly unknown[] {
  const names = new Set(
    Array.isArray(settings.pass_env) ? settings.pass_env.filter((name) => typeof name === "string") : [],
  );
  if (settings.command !== undefined) for (const name of ["CREDENTIALS_DIRECTORY", "KRB5CCNAME"]) names.add(name);
  if (typeof settings.path === "string" && settings.path.includes("CREDENTIALS_DIRECTORY"))
    names.add("CREDENTIALS_DIRECTORY");
  // As the Kerberos child gets them: another keytab, another gssproxy or another default cache is somebody else.
  const fromTicket = takesTicketFromCache(kind, settings);
  if (fromTicket) for (const name of Object.keys(host.env)) if (SHAPES_TICKET.test(name)) names.add(name);
  const ambient = [...names].sort().map((name) => [name, host.env[name] ?? null]);
  const stated = typeof settings.ccache === "string" ? settings.ccache : undefined;
  return fromTicket ? [kind, settings, ambient, ccacheOwner(stated, host)] : [kind, settings, ambient];
}

/** Where nothing in the settings says who we are it is Kerberos: whoever ran kinit last. */
function takesTicketFromCache(kind: string, settings: TomlTable): boolean {
  // Its password is typed where none is configured.
  if (kind === "saml-password") return false;
  const told = ["keytab", "principal", "password", "client_certificate", "path", "command"].some(
    (key) => settings[key] !== undefined,
  );
  return !told && (kind.endsWith("-kerberos") || kind.startsWith("saml-"));
}

/**
 * The name of the credentials of a profile: a hash of every input that shapes them, and of nothing else. The profile's name and its
 * store are not among them, except where the session name was made from the name; secrets are named by their place, not their value.
 */
export function credentialsKey({ role, sts, identity }: Profile, host: Where): string {
  const { regionStated: _, ...endpoint } = sts;
  return host.crypto.sha256Hex(
    canonical(["credentials", KEY_VERSION, role, endpoint, ...identityInputs(identity, host)]),
  );
}

/** The name of an IdP's token: what the identity says, whoever uses it. */
export function tokenKey({ identity }: Profile, host: Where): string {
  return host.crypto.sha256Hex(canonical(["token", KEY_VERSION, ...identityInputs(identity, host)]));
}

/** What tells one person's login from another; `assertion` is among them, since a provider may name us differently in its two tokens. */
const LOGIN_SETTINGS = ["issuer", "client_id", "scope", "audience", "resource", "parameters", "assertion"];

/**
 * The name of what a login of this identity leaves: profiles share it, and so do identities that differ only in how the login is done.
 * Undefined where the configuration alone says who we are, so that nobody logs in.
 */
export function loginKey({ kind, settings }: IdentityTable, host: Pick<Host, "crypto">): string | undefined {
  if (kind === "oidc-browser" || kind === "oidc-device") {
    const inputs = LOGIN_SETTINGS.map((name) => settings[name] ?? null);
    return host.crypto.sha256Hex(canonical(["login", KEY_VERSION, ...inputs]));
  }
  const asked = kind === "saml-password" && (settings.username === undefined || settings.password === undefined);
  return asked ? host.crypto.sha256Hex(canonical(["login", KEY_VERSION, kind, settings])) : undefined;
}
