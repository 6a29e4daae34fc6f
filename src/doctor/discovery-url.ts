/**
 * Where an issuer's metadata is.
 * @param kind the setting `discovery`
 * @see OpenID Connect Discovery §4; RFC 8414 §3.1, which puts the path behind it
 */
export function discoveryUrl(issuer: string, kind: unknown): string {
  const url = new URL(issuer);
  if (kind !== "oauth2") return `${issuer.replace(/\/+$/, "")}/.well-known/openid-configuration`;
  return `${url.origin}/.well-known/oauth-authorization-server${url.pathname.replace(/\/$/, "")}`;
}
