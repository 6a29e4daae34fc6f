import { BrokerError, type ErrorCode } from "../../core/errors.ts";
import type { KerberosFailure, KerberosReason } from "../../core/kerberos-failure.ts";
import { posixQuote } from "../../core/posix-quote.ts";
import { printable } from "../../core/printable.ts";
import { spoken } from "../../core/time.ts";
import type { KerberosCredentials } from "../../host/host.ts";

/** What is needed to say who could not prove what to whom. */
export interface KerberosContext {
  /** The server's host name. */
  readonly host: string;
  /** service@host. */
  readonly spn: string;
  readonly credentials: KerberosCredentials;
  /** How far the server's clock is ahead of ours, by its Date header. */
  readonly skewMs: number | undefined;
}

/** Kerberos refuses more than this by default (clockskew in krb5.conf); the header counts whole seconds. */
const TOLERATED_SKEW_MS = 290_000;

interface Said {
  readonly code: ErrorCode;
  readonly line: string;
  readonly hint: string;
}

/** A cause as one line, with its fix. */
export function kerberosError(failure: KerberosFailure, at: KerberosContext): BrokerError {
  const { code, line, hint } = SAID[failure.reason](at, printable(failure.message, 200));
  return new BrokerError(code, line, { hint, cause: failure });
}

/** A clock that Kerberos cannot bear, by the server's own word; undefined when it is in order or unknown. */
export function clockError(at: KerberosContext): BrokerError | undefined {
  if (at.skewMs === undefined || Math.abs(at.skewMs) < TOLERATED_SKEW_MS) return undefined;
  const { code, line, hint } = SAID["clock-skew"](at, "");
  return new BrokerError(code, line, { hint });
}

const SAID: Record<KerberosReason, (at: KerberosContext, detail: string) => Said> = {
  "no-ticket": ({ host, credentials }) => ({
    code: "LOGIN_REQUIRED",
    line: `there is no Kerberos ticket for ${host}${credentials.ccache === undefined ? "" : ` in ${printable(credentials.ccache, 120)}`}`,
    hint:
      credentials.gssproxy === true
        ? "systemctl status gssproxy: it has to run, with a [service/…] whose euid is this user's and a client_keytab that it can read"
        : `${kinit(credentials)}, or for a job: keytab = "/etc/krb5.keytab" and principal = "HOST$@REALM"`,
  }),
  "expired-ticket": ({ credentials }) => ({
    code: "LOGIN_REQUIRED",
    line: "the Kerberos ticket has expired",
    hint: `${kinit(credentials)}, or for a job that needs none: keytab = "/path"`,
  }),
  "other-principal": ({ credentials }) => ({
    code: "LOGIN_REQUIRED",
    line: `there is no Kerberos ticket of ${who(credentials)}`,
    hint: `${kinit(credentials)}; klist -A lists the tickets there are`,
  }),
  "keytab-unreadable": ({ credentials }, detail) => ({
    code: "SECRET_UNAVAILABLE",
    line: `${keytab(credentials)} cannot be used: ${detail}`,
    hint: `klist -k ${posixQuote(path(credentials))} as this user; the machine's own keytab is root's: gssproxy = true, or a keytab for the job`,
  }),
  "keytab-without-principal": ({ credentials }) => ({
    code: "CONFIG_INVALID",
    line: `${keytab(credentials)} has no key of ${who(credentials)}`,
    hint: `klist -k ${posixQuote(path(credentials))} lists whose keys it has; names are case-sensitive, and a machine's is HOST$@REALM`,
  }),
  "unknown-client": ({ credentials }, detail) => ({
    code: "IDP_REFUSED",
    line: `the KDC does not know ${who(credentials)} (${detail})`,
    hint:
      credentials.keytab === undefined
        ? "check principal, and the realm"
        : `principal = "HOST$@REALM": Active Directory knows machines by that name only; klist -k ${posixQuote(path(credentials))} lists the keytab's`,
  }),
  "wrong-key": ({ credentials }, detail) => ({
    code: "IDP_REFUSED",
    line: `the KDC has another key for ${who(credentials)} than ${credentials.keytab === undefined ? "was used" : keytab(credentials)} (${detail})`,
    hint: `the keytab is outdated: compare kvno ${posixQuote(printable(credentials.principal ?? "PRINCIPAL", 120))} with klist -k ${posixQuote(path(credentials))}, then export it anew (adcli update, ktpass, ktadd)`,
  }),
  "unknown-spn": ({ host, spn }, detail) => ({
    code: "IDP_REFUSED",
    line: `the KDC has no service principal ${printable(spn.replace("@", "/"), 200)} (${detail})`,
    hint: `setspn -S ${posixQuote(`HTTP/${host}`)} ACCOUNT in the directory, or kerberos_spn = "HTTP/other" for a server behind another name`,
  }),
  "kdc-unreachable": (_at, detail) => ({
    code: "UNREACHABLE",
    line: `no KDC can be reached (${detail})`,
    hint: "check kdc = … of the realm in /etc/krb5.conf, DNS (_kerberos._tcp), and the firewall for port 88",
  }),
  "no-answer": () => ({
    code: "TIMEOUT",
    line: "the KDC did not answer in time",
    hint: "name only KDCs that answer in /etc/krb5.conf: libkrb5 waits up to half a minute for silent ones (1.22 and later: request_timeout)",
  }),
  "clock-skew": ({ host, skewMs }) => ({
    code: "IDP_REFUSED",
    line:
      skewMs === undefined || Math.abs(skewMs) < 1000
        ? "Kerberos refuses the ticket, because the clocks of this machine and of the KDC or server differ too much"
        : `Kerberos refuses the ticket, because this machine's clock is ${spoken(skewMs)} ${skewMs > 0 ? "behind" : "ahead of"} that of ${host}`,
    hint: "set the clocks right: timedatectl set-ntp true; Kerberos bears 5 minutes",
  }),
  replay: ({ host }) => ({
    code: "IDP_REFUSED",
    line: `${host} takes the ticket for a replay`,
    hint: "try again; if it stays, something in between sends requests twice",
  }),
  "server-key": ({ host, spn }, detail) => ({
    code: "IDP_REFUSED",
    line: `${host} cannot read the ticket for ${printable(spn.replace("@", "/"), 200)} (${detail})`,
    hint: "the server's own keytab is outdated, or the service principal belongs to another account: kvno and setspn -Q show it; a ticket from before that change goes with kdestroy",
  }),
  configuration: (_at, detail) => ({
    code: "CONFIG_INVALID",
    line: `Kerberos is not configured on this machine (${detail})`,
    hint: "/etc/krb5.conf, or the file that KRB5_CONFIG names: default_realm, and [realms] with kdc = …, unless DNS has them",
  }),
  "unsupported-encryption": ({ credentials }, detail) => ({
    code: "IDP_REFUSED",
    line: `the KDC and this machine share no encryption type (${detail})`,
    hint: `let the account use AES (msDS-SupportedEncryptionTypes = 24)${credentials.keytab === undefined ? "" : ", and export its keytab anew"}`,
  }),
  "client-locked": ({ credentials }, detail) => ({
    code: "IDP_REFUSED",
    line: `the KDC refuses ${who(credentials)} (${detail})`,
    hint: "the account is locked, disabled or expired: ask who runs the directory",
  }),
  "server-not-proved": ({ host }, detail) => ({
    code: "IDP_REFUSED",
    line: `${host} does not prove by Kerberos that it is the server it says it is (${detail})`,
    hint: "nothing was taken from it: check kerberos_spn, and whether something stands in between",
  }),
  unknown: ({ host }, detail) => ({
    code: "IDP_REFUSED",
    line: `Kerberos gives no ticket for ${host} (${detail})`,
    hint: "KRB5_TRACE=/dev/stderr sts-broker --debug shows what the library does",
  }),
};

function who({ principal }: KerberosCredentials): string {
  return principal === undefined ? "the keytab's or cache's principal" : printable(principal, 200);
}

function path({ keytab }: KerberosCredentials): string {
  return printable(keytab ?? "KEYTAB", 200);
}

function keytab(credentials: KerberosCredentials): string {
  return `the keytab ${path(credentials)}`;
}

function kinit({ principal, ccache }: KerberosCredentials): string {
  const cache = ccache === undefined ? "" : ` -c ${posixQuote(printable(ccache, 120))}`;
  return `kinit${cache}${principal === undefined ? "" : ` ${posixQuote(printable(principal, 120))}`}`;
}
