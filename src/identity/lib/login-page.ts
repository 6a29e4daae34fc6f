import { printable } from "../../core/printable.ts";
import type { Secret } from "../../core/secret.ts";
import type { Field, Form, HtmlPage } from "./forms.ts";
import { repeats } from "./repeats.ts";

/** A form that asks who we are. Either field may be missing: some ask for the name first, and then for the password alone. */
export interface LoginForm {
  readonly form: Form;
  readonly username: Field | undefined;
  readonly password: Field | undefined;
}

/** AD FS, Keycloak, SimpleSAMLphp, LemonLDAP::NG, Shibboleth, and what others are fond of. */
const USERNAME = /^(username|user|userid|user_?name|login|loginname|j_username|email|mail|uid|identifier)$/i;
const PASSWORD = /^(password|passwd|pass|pwd|j_password)$/i;

const TYPED = new Set(["text", "email", "tel", "number", "password", ""]);
const ONE_TIME =
  /^(otp|totp|hotp|mfa|passcode|one-?time-?(code|password)|verification_?code|security_?code|j_tokennumber|challengequestionanswer|sms_?code|auth_?code|oath\w*|authenticator\w*)$/i;
/** Only where nobody asks for a password: too common otherwise. */
const CODE = /^(code|token|pin|answer)$/i;
/** Fields and actions of pages made for a second factor, hidden ones included. */
const FACTOR_FIELD = /^(sig_response|authenticatordata|clientdatajson|duo_\w+|tx)$/i;
const FACTOR_ACTION = /(totp|u2f|webauthn|mail|ext|yubikey|sms|rest|password)?2f(check|choice|registers)|\/duo\b/i;
const FACTOR_FRAME = /duosecurity\.com|duo_iframe|duo-web/i;
const FACTOR_METHOD = /azuremfa|windowsazuremultifactor|multifactor|certificateauth|otp/i;

/** The form that asks for a name, a password or both; a change of password (two or more password fields) is not one. */
export function loginForm({ forms }: HtmlPage): LoginForm | undefined {
  const found = forms.map(readLoginForm).filter((one) => one !== undefined);
  return found.find(({ password }) => password !== undefined) ?? found[0];
}

function readLoginForm(form: Form): LoginForm | undefined {
  const passwords = form.fields.filter(
    ({ type, name }) =>
      name !== "" && (type === "password" || (type === "text" && PASSWORD.test(name))) && !ONE_TIME.test(name),
  );
  if (passwords.length > 1) return undefined;
  const [password] = passwords;
  const names = form.fields.filter(
    ({ type, name }) => TYPED.has(type) && type !== "password" && name !== "" && !ONE_TIME.test(name),
  );
  const known = names.filter(
    ({ name, autocomplete }) => USERNAME.test(name) || /\b(username|email)\b/.test(autocomplete),
  );
  if (password === undefined) {
    const [username] = known;
    return username === undefined ? undefined : { form, username, password: undefined };
  }
  const before = names.filter((one) => one !== password && form.fields.indexOf(one) < form.fields.indexOf(password));
  return { form, username: known[0] ?? before.at(-1), password };
}

/** Two fields for a new password: the old one has ended. */
export function asksForNewPassword({ forms }: HtmlPage): boolean {
  return forms.some(({ fields }) => fields.filter(({ type }) => type === "password").length > 1);
}

/** What a page wants besides a password, undefined when nothing. */
export function secondFactor(page: HtmlPage): string | undefined {
  if (page.frames.some((one) => FACTOR_FRAME.test(one))) return "Duo";
  const login = loginForm(page);
  for (const { action, fields } of page.forms) {
    const typed = fields.find(({ type, name, autocomplete }) => {
      if (!TYPED.has(type)) return false;
      return ONE_TIME.test(name) || autocomplete.includes("one-time-code") || (login === undefined && CODE.test(name));
    });
    if (typed !== undefined) return `field ${typed.name || typed.id}`;
    if (login !== undefined) continue;
    const hidden = fields.find(({ name }) => FACTOR_FIELD.test(name));
    if (hidden !== undefined) return /^(auth|client)/i.test(hidden.name) ? "a security key" : "Duo";
    if (FACTOR_ACTION.test(action)) return "one-time code or security key";
    const method = fields.find(({ name, value }) => name === "AuthMethod" && FACTOR_METHOD.test(value));
    if (method !== undefined) return method.value;
  }
  return undefined;
}

/** A second factor that a person can type: a form with one field for it. Pictures, keys and pushes are not. */
export function oneTimeForm(page: HtmlPage): { readonly form: Form; readonly field: Field } | undefined {
  if (page.frames.some((one) => FACTOR_FRAME.test(one)) || loginForm(page)?.password !== undefined) return undefined;
  for (const form of page.forms) {
    const typed = form.fields.filter(({ type, name }) => TYPED.has(type) && name !== "");
    const [field, ...others] = typed;
    if (field === undefined || others.length > 0 || form.method !== "POST") continue;
    const { name, autocomplete } = field;
    if (ONE_TIME.test(name) || CODE.test(name) || autocomplete.includes("one-time-code")) return { form, field };
  }
  return undefined;
}

export type Refusal = "credentials" | "locked" | "expired" | "unknown";

/** Codes that LemonLDAP::NG leaves to a script to put into words. */
const TRMSG: Readonly<Record<string, Refusal>> = {
  "4": "credentials",
  "5": "credentials",
  "21": "locked",
  "22": "expired",
  "25": "expired",
  "40": "credentials",
  "86": "locked",
};

const PHRASES: readonly (readonly [Refusal, RegExp])[] = [
  [
    "expired",
    /password[^.]{0,40}\b(expired|must (be )?change|has to be changed|needs? to be (changed|updated))|(update|change) your password/i,
  ],
  [
    "locked",
    /(account|user)[^.]{0,40}\b(locked|disabled|suspended|deactivated)|locked out|too many (failed )?(attempts|logins)/i,
  ],
  [
    "credentials",
    /(incorrect|invalid|wrong|unknown|bad)[^.]{0,30}(password|user|credential|login)|(password|user|credential|login)[^.]{0,40}(incorrect|invalid|wrong|not (recognized|recognised|valid|correct)|unknown|could not be found|failed)/i,
  ],
];

/** Why a login was refused, in the page's words where it has any; `secret` never stands in them. */
export function refusalOf(page: HtmlPage, secret: Secret | undefined): { reason: Refusal; said: string | undefined } {
  const said = page.notices.filter((one) => !one.startsWith("trmsg:"));
  const code = page.notices
    .map((one) => (one.startsWith("trmsg:") ? TRMSG[one.slice(6)] : undefined))
    .find((one) => one !== undefined);
  for (const [reason, phrase] of PHRASES) {
    const notice = said.find((one) => phrase.test(one));
    if (notice !== undefined) return { reason, said: quotable(notice, secret) };
  }
  if (code !== undefined) return { reason: code, said: undefined };
  // Old pages mark their message by a picture alone.
  const sentence = page.text
    .slice(0, 8_000)
    .split(/(?<=[.!?])\s/)
    .map((one) => ({ one, reason: PHRASES.find(([, phrase]) => phrase.test(one))?.[0] }))
    .find(({ reason }) => reason !== undefined);
  if (sentence?.reason !== undefined) return { reason: sentence.reason, said: quotable(sentence.one, secret) };
  return { reason: "unknown", said: said[0] === undefined ? undefined : quotable(said[0], secret) };
}

function quotable(text: string, secret: Secret | undefined): string | undefined {
  // A page may repeat what was typed.
  if (repeats(text, secret)) return undefined;
  return printable(text, 160) || undefined;
}
