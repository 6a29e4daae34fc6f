import { SettingError, type SettingsSpec } from "../../core/settings.ts";
import type { TomlTable } from "../../core/types.ts";
import type { KerberosCredentials } from "../../host/host.ts";

/** Spread into the settings of every source that may answer Negotiate. */
export const KERBEROS_SETTINGS = {
  principal: {
    type: "string",
    summary: 'whose ticket to use, as in "HOST$@CORP.EXAMPLE"',
    defaultText: "the credential cache's, or the first of the keytab",
  },
  keytab: {
    type: "path",
    summary: "keytab to get the ticket with; it stays in memory, and no kinit is needed",
  },
  ccache: {
    type: "string",
    summary: 'credential cache to take the ticket from, as in "FILE:/run/user/1000/krb5cc"',
    defaultText: "KRB5CCNAME or the system's default",
  },
  gssproxy: {
    type: "boolean",
    summary: "let gssproxy hold the keytab, for jobs that may not read it",
    defaultText: "false",
  },
  kerberos_spn: {
    type: "string",
    summary: "service principal of the configured host where it is not its name",
    defaultText: "HTTP/host",
  },
  kerberos_hosts: {
    type: "strings",
    summary: "further hosts that may be given a ticket",
  },
  require_mutual_authentication: {
    type: "boolean",
    summary: "refuse a server that does not prove itself by Kerberos too; some never do",
    defaultText: "false",
  },
} as const satisfies SettingsSpec;

/** What {@link negotiatedRequest} needs to know. */
export interface KerberosSettings {
  readonly credentials: KerberosCredentials;
  /** Service principal of the configured hosts, as GSSAPI takes it: HTTP@host. Undefined: made from the host's name. */
  readonly spn: string | undefined;
  /** Host names in lower case, without ports: those of the configured URLs. */
  readonly configuredHosts: readonly string[];
  /** Likewise, the others that may be given a ticket. */
  readonly furtherHosts: readonly string[];
  readonly requireMutualAuthentication: boolean;
}

const HOST_NAME = /^(?!-)[a-z0-9-]+(\.[a-z0-9-]+)*$/i;

/**
 * @param urls the URLs that this identity is configured with: their hosts may be given a ticket
 * @throws SettingError naming the key
 */
export function kerberosSettings(table: TomlTable, urls: readonly (string | undefined)[]): KerberosSettings {
  const principal = table.principal as string | undefined;
  const keytab = table.keytab as string | undefined;
  const ccache = table.ccache as string | undefined;
  const gssproxy = table.gssproxy === true;
  if (keytab !== undefined && ccache !== undefined) {
    throw new SettingError(
      "ccache",
      "ccache and keytab exclude each other: a ticket made with a keytab stays in memory",
      "leave one of them out",
    );
  }
  if (gssproxy && (keytab !== undefined || ccache !== undefined)) {
    const key = keytab === undefined ? "ccache" : "keytab";
    throw new SettingError(key, `${key} and gssproxy exclude each other: gssproxy holds the credentials`);
  }
  if (gssproxy && principal !== undefined) {
    throw new SettingError(
      "principal",
      "principal and gssproxy exclude each other: gssproxy uses the first key of the keytab it holds",
      "leave principal out, and give gssproxy a keytab of that principal alone (cred_store = client_keytab:…)",
    );
  }
  const furtherHosts = ((table.kerberos_hosts as readonly string[] | undefined) ?? []).map((host) => {
    if (HOST_NAME.test(host)) return host.toLowerCase();
    throw new SettingError(
      "kerberos_hosts",
      "kerberos_hosts holds something that is not the name of a host",
      'kerberos_hosts = ["sso.corp.example"], without scheme, port and wildcards',
    );
  });
  return {
    credentials: { principal, keytab, ccache, ...(gssproxy ? { gssproxy } : {}) },
    spn: servicePrincipal(table.kerberos_spn as string | undefined),
    configuredHosts: urls.flatMap((url) => (url === undefined || !URL.canParse(url) ? [] : [new URL(url).hostname])),
    furtherHosts,
    requireMutualAuthentication: table.require_mutual_authentication === true,
  };
}

/** HTTP/host, as directories write it, or HTTP@host, as GSSAPI does. */
function servicePrincipal(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const match = /^(?<service>[A-Za-z][\w.-]*)[/@](?<host>[^/@\s]+)$/.exec(text);
  if (match?.groups === undefined) {
    throw new SettingError(
      "kerberos_spn",
      "kerberos_spn is not service/host",
      'kerberos_spn = "HTTP/node1.corp.example"; the realm comes from [domain_realm] of krb5.conf',
    );
  }
  return `${match.groups.service}@${match.groups.host}`;
}
