interface Sending {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What whoever sends it says of it. */
  readonly repeatable?: boolean;
}

/**
 * Whether a request may be sent a second time. A password is not (accounts are locked for less), nor a Kerberos token, a code or a signed
 * assertion: they are good for one use, and a server may have used them before it found itself too busy.
 */
export function mayBeRepeated({ method, headers = {}, repeatable }: Sending): boolean {
  return (
    repeatable ?? (method === "GET" && !Object.keys(headers).some((name) => name.toLowerCase() === "authorization"))
  );
}
