import type { KerberosReason } from "../../core/kerberos-failure.ts";

/** One line of JSON each way. Tokens travel on pipes alone. */
export type Request = { readonly id: number } & (
  | { readonly do: "open"; readonly spn: string; readonly principal?: string | undefined }
  /** `challenge` is empty at the start. */
  | { readonly do: "step"; readonly context: number; readonly challenge: string }
);

export type Answer = { readonly id: number } & (
  | { readonly context: number }
  | { readonly token: string; readonly complete: boolean }
  | { readonly failure: { readonly reason: KerberosReason; readonly detail: string } }
  | { readonly missing: { readonly detail: string; readonly hint: string } }
);

/** Stands before every answer: what a library prints on the child's stdout (KRB5_TRACE=/dev/stdout) is not one. */
export const ANSWER_MARK = "sts-broker-kerberos ";
