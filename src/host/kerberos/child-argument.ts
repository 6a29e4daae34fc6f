/** argv[0] of the child process that holds the Kerberos library. */
export const KERBEROS_CHILD = "__kerberos";
