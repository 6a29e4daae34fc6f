import { BrokerError } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import type { Secret } from "../core/secret.ts";
import type { SettingsSpec } from "../core/settings.ts";
import type { Arrival, Page } from "./lib/browser.ts";
import type { Field, Form } from "./lib/forms.ts";
import type { LoginForm } from "./lib/login-page.ts";
import { loginRequired } from "./lib/login-required.ts";
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
import type { Question } from "./presenter.ts";
import type { AcquireContext, IdentitySource, Proof } from "./source.ts";

/** Not one that AD FS offers Negotiate to: to those it shows no form. */
const USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) sts-broker";
/** A page for the name, a page for the password, and one to spare. */
const MAX_PAGES = 4;
/** Of one-time codes: the next one may have begun while the first was typed. */
const MAX_CODES = 3;

const SETTINGS = {
  username: {
    type: "string",
    summary: "the account, as it is typed into the IdP's login form",
    defaultText: "asked for by sts-broker login",
  },
  password: {
    type: "secret",
    summary: "where its password is; without it a person has to log in",
    defaultText: "asked for by sts-broker login",
  },
  ...SAML_LOGIN_SETTINGS,
  user_agent: { type: "string", summary: "User-Agent of every request", defaultText: USER_AGENT },
} as const satisfies SettingsSpec;

interface Settings extends SamlLoginSettings {
  /** Undefined: a person is asked. */
  readonly username: string | undefined;
  readonly password: SecretSource | undefined;
}

/** The IdP's own login form: AD FS, Keycloak, SimpleSAMLphp, LemonLDAP::NG, Shibboleth and their like. */
export const samlPassword: IdentitySource<Settings> = {
  kind: "saml-password",
  yields: "saml",
  summary:
    "SAML through the IdP's login form, for a service account or a person (AD FS, Keycloak, SimpleSAMLphp, LemonLDAP, Shibboleth)",
  settings: SETTINGS,
  parse: (table) => ({
    ...samlLoginSettings(table, USER_AGENT),
    username: table.username as string | undefined,
    password: secretSource(table.password),
  }),
  async acquire(settings, context) {
    const { presenter } = context;
    if (presenter === undefined && (settings.username === undefined || settings.password === undefined)) {
      const missing = settings.username === undefined ? "username" : "password";
      throw loginRequired(context, `a person has to log in: the identity has no ${missing}`);
    }
    presenter?.progress(`opening the login page of ${placeOf(settings)}`);
    const login = await beginSamlLogin(settings, context);
    const username = settings.username ?? (await askedName(login, context));
    const password =
      settings.password === undefined
        ? await asked(context, { label: `Password of ${username} at ${login.idp}`, secret: true })
        : await readSecret(settings.password, "password", "one", context);
    presenter?.progress(`signing in at ${login.idp}`);
    return signIn(login, username, password, context);
  },
};

function placeOf({ url, metadata }: Settings): string {
  const place = url ?? metadata ?? "the identity provider";
  return printable(URL.canParse(place) ? new URL(place).host : place, 120);
}

async function askedName(login: SamlLogin, context: AcquireContext): Promise<string> {
  const name = (await asked(context, { label: `User name at ${login.idp}`, secret: false })).reveal().trim();
  if (name === "") throw loginRequired(context, "no user name was given");
  return name;
}

async function asked(context: AcquireContext, question: Question): Promise<Secret> {
  if (context.presenter === undefined) throw loginRequired(context, "a person has to log in");
  return context.presenter.ask(question);
}

/** The person's one-time code, in the form that asks for it. */
async function sendCode(
  login: SamlLogin,
  page: Page,
  { form, field }: { readonly form: Form; readonly field: Field },
  again: boolean,
  context: AcquireContext,
): Promise<Arrival> {
  const label = again ? "That was not it. One-time code once more" : `One-time code for ${login.idp}`;
  const code = await asked(context, { label, secret: false });
  context.presenter?.progress(`signing in at ${login.idp}`);
  const fields = form.fields
    .filter(({ name }) => name !== "")
    .map((one): [string, string] => [one.name, one === field ? code.reveal().trim() : one.value]);
  const button = pressed(form);
  return login.browser.submit(
    page,
    form,
    button === undefined ? fields : [...fields, [button.name, button.value]],
    code,
  );
}

async function signIn(login: SamlLogin, username: string, password: Secret, context: AcquireContext): Promise<Proof> {
  const { host, presenter } = context;
  const pages = await import("./lib/login-page.ts");
  let codes = 0;
  const sent = { username: false, password: false };
  let arrival = await login.begin();
  for (let count = 0; count < MAX_PAGES + codes; count++) {
    if (arrival.kind === "assertion") return login.proof(arrival);
    const { page } = arrival;
    const factor = pages.secondFactor(page);
    const oneTime = presenter === undefined || codes >= MAX_CODES ? undefined : pages.oneTimeForm(page);
    if (oneTime !== undefined && (factor !== undefined || sent.password)) {
      arrival = await sendCode(login, page, oneTime, codes > 0, context);
      codes += 1;
      continue;
    }
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
