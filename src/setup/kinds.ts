import type { TomlTable } from "../core/types.ts";
import type { Offers } from "./offers.ts";

/** A setting that somebody has to say. */
export interface Field {
  /** In the identity's table. */
  readonly setting: string;
  /** On the command line, without dashes. */
  readonly option: string;
  /** In front of a person. */
  readonly label: string;
  readonly required: boolean;
  /** What to propose. */
  readonly proposed?: (offers: Offers) => string | undefined;
  /** Asked only where this other setting was given. */
  readonly with?: string;
}

/** A kind of identity that `config init` can set up. */
export interface Kind {
  /** As in `type`. */
  readonly kind: string;
  readonly label: string;
  /** Who uses it: a person has to log in first. */
  readonly who: "person" | "machine";
  /** What it lives on; the first kind that fits is proposed first. */
  fits(offers: Offers): boolean;
  /** What discovery has told. */
  known(offers: Offers): TomlTable;
  readonly fields: readonly Field[];
  /** The setting that says where a secret is. */
  readonly secret?: { readonly setting: string; readonly label: string; readonly required: boolean };
  /** Keep the provider's metadata beside the configuration, so that its signatures are checked. */
  readonly metadata?: boolean;
}

const CLIENT_ID: Field = {
  setting: "client_id",
  option: "client-id",
  label: "Client id, as registered at the provider",
  required: true,
};
const AUDIENCE: Field = {
  setting: "audience",
  option: "audience",
  label: "Audience to ask for (empty: none; Auth0 and others need one)",
  required: false,
};
const SCOPE: Field = {
  setting: "scope",
  option: "scope",
  label: "Scope to ask for (empty: none; Entra ID needs api://CLIENT/.default)",
  required: false,
};
const SIGN_ON: Field = {
  setting: "url",
  option: "url",
  label: "The provider's sign-on page for AWS (empty: where its metadata says)",
  required: false,
  proposed: ({ saml }) => saml?.signOnUrl,
};
const KEYTAB: Field = {
  setting: "keytab",
  option: "keytab",
  label: "Keytab of the machine or service (empty: the ticket of kinit)",
  required: false,
};
const PRINCIPAL: Field = {
  setting: "principal",
  option: "principal",
  label: "Whose key in it, as in HOST$@CORP.EXAMPLE (empty: the first)",
  required: false,
  with: "keytab",
};
const USERNAME: Field = {
  setting: "username",
  option: "username",
  label: "Name of the account (empty: asked at login)",
  required: false,
};

const issuer = ({ oidc }: Offers): TomlTable => (oidc === undefined ? {} : { issuer: oidc.issuer });
const secrets = (methods: readonly string[]): boolean => methods.some((one) => one.startsWith("client_secret_"));

/** In the order in which they are proposed. */
export const KINDS: readonly Kind[] = [
  {
    kind: "oidc-browser",
    label: "a person, who logs in with the browser",
    who: "person",
    fits: ({ oidc }) => oidc?.authorizationEndpoint !== undefined && oidc.grants.includes("authorization_code"),
    known: issuer,
    fields: [CLIENT_ID],
  },
  {
    kind: "oidc-device",
    label: "a person, who enters a code on another device",
    who: "person",
    fits: ({ oidc }) => oidc?.deviceEndpoint !== undefined,
    known: issuer,
    fields: [CLIENT_ID],
  },
  {
    kind: "oidc-client-credentials",
    label: "a machine or job, with a client and its secret",
    who: "machine",
    fits: ({ oidc }) => oidc?.grants.includes("client_credentials") === true && secrets(oidc.clientAuthentication),
    known: (offers) => {
      const methods = offers.oidc?.clientAuthentication ?? [];
      const only = methods.includes("client_secret_post") && !methods.includes("client_secret_basic");
      return { ...issuer(offers), ...(only ? { token_endpoint_auth_method: "client_secret_post" } : {}) };
    },
    fields: [CLIENT_ID, AUDIENCE, SCOPE],
    secret: { setting: "client_secret", label: "client secret", required: true },
  },
  {
    kind: "oidc-kerberos",
    label: "a machine of a Kerberos realm or Windows domain, by OpenID Connect",
    who: "machine",
    fits: ({ oidc }) => oidc?.negotiate === true,
    known: issuer,
    fields: [CLIENT_ID, KEYTAB, PRINCIPAL],
  },
  {
    kind: "saml-kerberos",
    label: "a machine of a Kerberos realm or Windows domain, by SAML",
    who: "machine",
    fits: ({ saml }) => saml !== undefined,
    known: () => ({}),
    fields: [SIGN_ON, KEYTAB, PRINCIPAL],
    metadata: true,
  },
  {
    kind: "saml-password",
    label: "a name and a password, by SAML",
    who: "machine",
    fits: ({ saml }) => saml !== undefined,
    known: () => ({}),
    fields: [SIGN_ON, USERNAME],
    secret: { setting: "password", label: "password", required: false },
    metadata: true,
  },
];

export function kindNamed(name: string): Kind | undefined {
  return KINDS.find(({ kind }) => kind === name);
}
