/** The hidden first argument that makes the executable the child in which keytar runs. */
export const KEYCHAIN_CHILD = "__keychain";
