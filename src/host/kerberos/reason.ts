import type { KerberosReason } from "../../core/kerberos-failure.ts";

/**
 * The addon hands on no codes, only the texts of gss_display_status; the child runs in the C locale, so they are English. MIT's
 * words first, Heimdal's where they differ.
 */
const TEXTS: readonly (readonly [RegExp, KerberosReason])[] = [
  [/Clock skew too great|Ticket not yet valid|time skew/i, "clock-skew"],
  [/Ticket expired|credentials? (has|have)? ?expired|Ticket is expired/i, "expired-ticket"],
  [/Request is a replay|replay/i, "replay"],
  [/Server .*not found in Kerberos database|Server not found|Server \(.*\) unknown/i, "unknown-spn"],
  [/Client .*not found in Kerberos database|Client not found|Client \(.*\) unknown/i, "unknown-client"],
  [
    /no support for encryption type|encryption type not (permitted|supported)|bad encryption type/i,
    "unsupported-encryption",
  ],
  [/have been revoked|entry in database has expired|Password has expired|KDC policy rejects/i, "client-locked"],
  [/Preauthentication failed|Decrypt integrity check failed|Password incorrect|key version/i, "wrong-key"],
  [/Cannot contact any KDC|unable to reach any KDC|Cannot resolve/i, "kdc-unreachable"],
  [
    /Cannot find KDC for realm|default realm|(Configuration|profile).*(file|section)|Improper format of Kerberos|Cannot determine realm/i,
    "configuration",
  ],
  [/Keytab contains no suitable keys|Key table entry not found|no keytab entry/i, "keytab-without-principal"],
  [/Can't find client principal|cache does not match|Principal in credential cache/i, "other-principal"],
  [/Unsupported key table|Bad format in keytab|keytab.*(permission|denied|corrupt)/i, "keytab-unreadable"],
  [
    /No Kerberos credentials available|credentials? cache|cannot find mechanisms|Matching credential not found|No credentials were supplied/i,
    "no-ticket",
  ],
];

/** @param answering true once the server has answered: then it is its key, or its proof, that is at fault */
export function reasonOf(text: string, answering: boolean): KerberosReason {
  const reason = TEXTS.find(([pattern]) => pattern.test(text))?.[1] ?? "unknown";
  if (!answering) return reason;
  if (
    reason === "wrong-key" ||
    /ticket isn't for us|Wrong principal|Message stream modified|No key|(Service|version of) key/i.test(text)
  )
    return "server-key";
  return reason === "clock-skew" || reason === "replay" || reason === "expired-ticket" ? reason : "server-not-proved";
}
