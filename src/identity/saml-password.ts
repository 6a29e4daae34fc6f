import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import type { SettingsSpec } from "../core/settings.ts";
import type { Arrival, Page } from "./lib/browser.ts";
import type { Field, Form } from "./lib/forms.ts";
import type { LoginForm } from "./lib/login-page.ts";
import { repeats } from "./lib/repeats.ts";
import {
  beginSamlLogin,
  SAML_LOGIN_SETTINGS,
  type SamlLogin,
  type SamlLoginSettings,
  samlLoginSettings,
} from "./lib/saml-login.ts";
import { secondFactorNeeded } from "./lib/second-factor.ts";
import { readSecret, type SecretSource, secretSource } from "./lib/secret-source.ts";
import type { AcquireContext, IdentitySource, Proof } from "./source.ts";

/** Not one that AD FS offers Negotiate to: to those it shows no form. */
const USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) sts-broker";
/** A page for the name, a page for the password, and one to spare. */
const MAX_PAGES = 4;

const SETTINGS = {
  username: {
    type: "string",
    required: true,
    summary: "the service account, as it is typed into the IdP's login form",
  },
  password: { type: "secret", required: true, summary: "where its password is" },
  ...SAML_LOGIN_SETTINGS,
  user_agent: { type: "string", summary: "User-Agent of every request", defaultText: USER_AGENT },
} as const satisfies SettingsSpec;

interface Settings extends SamlLoginSettings {
  readonly username: string;
  readonly password: SecretSource;
}

/** The IdP's own login form: AD FS, Keycloak, SimpleSAMLphp, LemonLDAP::NG, Shibboleth and their like. */
export const samlPassword: IdentitySource<Settings> = {
  kind: "saml-password",
  yields: "saml",
  summary:
    "SAML through the IdP's login form, for a service account (AD FS, Keycloak, SimpleSAMLphp, LemonLDAP, Shibboleth)",
  settings: SETTINGS,
  parse: (table) => ({
    ...samlLoginSettings(table, USER_AGENT),
    username: String(table.username),
    password: secretSource(table.password) as SecretSource,
  }),
  async acquire(settings, context) {
    const password = await readSecret(settings.password, "password", "one", context);
    const login = await beginSamlLogin(settings, context);
    return signIn(login, settings.username, password, context);
  },
};

async function signIn(login: SamlLogin, username: string, password: Secret, { host }: AcquireContext): Promise<Proof> {
  const pages = await import("./lib/login-page.ts");
  const sent = { username: false, password: false };
  let arrival = await login.begin();
  for (let count = 0; count < MAX_PAGES; count++) {
    if (arrival.kind === "assertion") return login.proof(arrival);
    const { page } = arrival;
    const factor = pages.secondFactor(page);
    if (factor !== undefined) throw secondFactorNeeded(login.idp, factor);
    const form = pages.loginForm(page);
    if (sent.password || form === undefined || (sent.username && form.password === undefined)) break;
    if (form.password !== undefined && form.form.method !== "POST") {
      throw new BrokerError("IDP_INVALID_ANSWER", `the login form of ${login.idp} would put the password into a URL`);
    }
    if (form.username === undefined && !sent.username) break;
    sent.username ||= form.username !== undefined;
    sent.password = form.password !== undefined;
    host.log.debug(
      "idp",
      `login form: ${form.username?.name ?? "no name"}, ${form.password?.name ?? "no password yet"}`,
    );
    arrival = await login.browser.submit(page, form.form, filledIn(form, username, password), password);
  }
  throw refusal(arrival, login.idp, username, password, sent, pages);
}

/** Every field as the page has it, ours instead of the two, and the button that a person would press. */
function filledIn({ form, username, password }: LoginForm, name: string, secret: Secret): [string, string][] {
  const fields = form.fields
    .filter((field) => field.name !== "")
    .map((field): [string, string] => {
      if (field === username) return [field.name, name];
      return [field.name, field === password ? secret.reveal() : field.value];
    });
  const button = pressed(form);
  return button === undefined ? fields : [...fields, [button.name, button.value]];
}

/** Shibboleth goes on by the button's name alone (_eventId_proceed). */
function pressed({ buttons }: Form): Field | undefined {
  const named = buttons.filter(({ type, name }) => type === "submit" && name !== "");
  const yes = /proceed|log_?in|log_?on|sign_?in|sign_?on|submit|continue/i;
  const no = /cancel|reset|abort|back|help|forgot|register|reject/i;
  return (
    named.find(({ name, value }) => yes.test(`${name} ${value}`) && !no.test(name)) ??
    named.find(({ name, value }) => !no.test(`${name} ${value}`))
  );
}

function refusal(
  arrival: Arrival,
  idp: string,
  username: string,
  password: Secret,
  sent: { readonly username: boolean; readonly password: boolean },
  pages: typeof import("./lib/login-page.ts"),
): BrokerError {
  if (arrival.kind !== "page") return new BrokerError("IDP_INVALID_ANSWER", `${idp} asked for page after page`);
  const { page } = arrival;
  const user = `user "${printable(username, 120)}"`;
  const refused = (line: string, hint?: string): BrokerError => new BrokerError("IDP_REFUSED", line, { hint });
  const { reason, said } = pages.refusalOf(page, password);
  const quoted = said === undefined ? "" : `: "${said}"`;
  if (sent.password) {
    if (pages.asksForNewPassword(page) || reason === "expired")
      return refused(
        `the password of ${user} has expired at ${idp}${quoted}`,
        "change it at the IdP, then in the secret's place",
      );
    if (reason === "locked") return refused(`${idp} has locked or disabled ${user}${quoted}`, "ask who runs the IdP");
    if (reason === "credentials" || pages.loginForm(page) !== undefined)
      return refused(
        `${idp} does not accept ${user} with this password${quoted}`,
        "check username and password; no second try is made, since accounts get locked",
      );
    return new BrokerError(
      "IDP_REFUSED",
      `${idp} took ${user}, and shows a page instead of sending a SAML response for AWS${titled(page, password)}${quoted}`,
      { hint: "may this account use AWS there? Consent and notice pages need a person once" },
    );
  }
  if (sent.username) return refused(`${idp} does not know ${user}, or offers no password for it${quoted}`);
  if (/\bnegotiate\b/i.test(page.challenge)) {
    return refused(`${idp} wants Kerberos and shows no login form`, 'type = "saml-kerberos", or another user_agent');
  }
  if (page.status === 401) return refused(`${idp} answered HTTP 401 without a login form${quoted}`);
  return new BrokerError("IDP_INVALID_ANSWER", `${idp} shows no login form${titled(page, password)}${quoted}`, {
    hint: "check url: it is the address that ends at AWS in a browser; pages made by scripts alone cannot be read",
  });
}

function titled({ title }: Page, password: Secret): string {
  return title === "" || repeats(title, password) ? "" : ` (page "${printable(title, 80)}")`;
}
