import type { OptionSpec } from "./command.ts";

/** What `config init` would ask otherwise, and how it goes about it. */
export const SETUP_OPTIONS: readonly OptionSpec[] = [
  { name: "issuer", value: "URL", summary: "address of the identity provider" },
  { name: "type", value: "TYPE", summary: "type of the identity (default: asked, of those that the provider offers)" },
  { name: "client-id", value: "ID", summary: "the client registered at the provider" },
  {
    name: "secret-from",
    value: "PLACE",
    summary: "where the secret is: file:/path, keychain:NAME, env:NAME or credential:NAME",
  },
  { name: "audience", value: "TEXT", summary: "audience to ask for" },
  { name: "scope", value: "TEXT", summary: "scope to ask for" },
  { name: "url", value: "URL", summary: "SAML: the provider's sign-on page for AWS" },
  { name: "username", value: "NAME", summary: "SAML: the account" },
  { name: "keytab", value: "PATH", summary: "Kerberos: keytab (default: the ticket of kinit)" },
  { name: "principal", value: "NAME", summary: "Kerberos: whose key of the keytab" },
  { name: "role-arn", value: "ARN", summary: "the role to assume" },
  { name: "region", value: "REGION", summary: "region (default: AWS_REGION)" },
  { name: "profile", short: "p", value: "NAME", summary: "name of the profile (default: the role's)" },
  { name: "identity", value: "NAME", summary: "name of the identity (default: the profile's)" },
  { name: "yes", short: "y", summary: "ask nothing: write, or say which option is missing" },
  { name: "dry-run", summary: "show what would be written, and write nothing" },
  { name: "plain", summary: "lines of text instead of a screen that is redrawn" },
];
