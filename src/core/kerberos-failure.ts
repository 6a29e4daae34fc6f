/** Why Kerberos gave no token, by cause; the texts of libraries differ by version and vendor. */
export type KerberosReason =
  /** Neither a ticket nor a keytab to get one with. */
  | "no-ticket"
  | "expired-ticket"
  /** The ticket in the cache is not the configured principal's. */
  | "other-principal"
  | "keytab-unreadable"
  /** The keytab has no key of the principal that its KDC would take (other name, other encryption type). */
  | "keytab-without-principal"
  /** The KDC does not know the client. */
  | "unknown-client"
  /** The KDC knows another key: password or keytab outdated. */
  | "wrong-key"
  | "unknown-spn"
  | "kdc-unreachable"
  /** The call was given up at its deadline. */
  | "no-answer"
  | "clock-skew"
  | "replay"
  /** The server's keytab does not fit the ticket. */
  | "server-key"
  /** No realm, no krb5.conf, or one that cannot be read. */
  | "configuration"
  | "unsupported-encryption"
  | "client-locked"
  /** The server's answer does not prove that it is the one the ticket is for. */
  | "server-not-proved"
  | "unknown";

/** Thrown by the host's Kerberos. Who knows the server and the settings makes one line with its fix out of it. */
export class KerberosFailure extends Error {
  readonly reason: KerberosReason;

  /** @param detail the library's own text, for `unknown` and the debug log; it holds names, never keys */
  constructor(reason: KerberosReason, detail: string) {
    super(detail);
    this.name = "KerberosFailure";
    this.reason = reason;
  }
}
