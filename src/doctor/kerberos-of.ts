import type { Host, KerberosCredentials } from "../host/host.ts";
import type { KerberosSettings } from "../identity/lib/kerberos-settings.ts";
import { absolutePath } from "../identity/lib/path.ts";
import type { UsedIdentity } from "./check.ts";

/** What an identity uses of Kerberos. */
export interface UsedKerberos {
  readonly credentials: KerberosCredentials;
  /** Whom the ticket is for; undefined where only the provider's metadata says it. */
  readonly server: { readonly host: string; readonly spn: string } | undefined;
}

/** Undefined where an identity has the settings and proves itself another way (a password, a certificate), or has none. */
export function kerberosOf({ source, settings, table }: UsedIdentity, host: Host): UsedKerberos | undefined {
  const { kerberos } = settings as { readonly kerberos?: KerberosSettings };
  if (kerberos === undefined) return undefined;
  const method = String((settings as { method?: unknown }).method ?? (settings as { auth?: unknown }).auth ?? "");
  const always = source.kind.endsWith("-kerberos");
  if (!always && !/kerberos|negotiate|windows/i.test(method)) return undefined;
  const url = [table.url, table.issuer, table.endpoint, table.idp_ecp_url, table.metadata].find(
    (one): one is string => typeof one === "string" && URL.canParse(one) && /^https?:/.test(one),
  );
  const [configured] = kerberos.configuredHosts;
  const name = configured ?? (url === undefined ? undefined : new URL(url).hostname);
  const { keytab } = kerberos.credentials;
  return {
    credentials: { ...kerberos.credentials, ...(keytab === undefined ? {} : { keytab: absolutePath(keytab, host) }) },
    server: name === undefined ? undefined : { host: name, spn: kerberos.spn ?? `HTTP@${name}` },
  };
}
