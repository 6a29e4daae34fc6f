/** The hidden first argument that makes the executable the child that resolves one host name. */
export const RESOLVER_CHILD = "__resolve";
