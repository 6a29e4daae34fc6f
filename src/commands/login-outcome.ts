import type { LoginOutcome } from "../broker/login.ts";
import type { AccountAliases } from "../config/account-aliases.ts";
import { printable } from "../core/printable.ts";
import { localTime, spoken } from "../core/time.ts";
import { namedRole } from "./role-names.ts";

export interface Told {
  readonly outcome: LoginOutcome;
  readonly aliases: AccountAliases;
  readonly nowMs: number;
  /** False where nothing was asked of anybody: later renewals need nobody either. */
  readonly askedPerson: boolean;
  /** Where the chosen role was saved, or why not. */
  readonly saved?: string | undefined;
}

/** What a login came to, a line each: who, as what, for how long, kept where, and what renewing it takes. */
export function outcomeLines({ outcome, aliases, nowMs, askedPerson, saved }: Told): string[] {
  const { issuer, subject, roleArn, expiresAtMs, store, storeProblem } = outcome;
  const who = subject === "" ? "an encrypted subject" : printable(subject, 200);
  const [, time = "", zone = ""] = localTime(expiresAtMs).split(" ");
  const kept =
    store === undefined
      ? `nowhere: ${printable(storeProblem ?? 'the profile keeps nothing (store = "none")', 400)}`
      : `in ${store}`;
  return [
    `Logged in as ${who} at ${printable(hostOf(issuer), 200)}`,
    labelled("role", printable(namedRole(roleArn, aliases), 600)),
    labelled("valid", `for ${spoken(expiresAtMs - nowMs)}, until ${time} ${zone}`),
    labelled("kept", kept),
    ...renewal(outcome, askedPerson).map((line, index) => labelled(index === 0 ? "renewal" : "", line)),
    ...(saved === undefined ? [] : [labelled("saved", saved)]),
  ];
}

function renewal({ refreshToken }: LoginOutcome, askedPerson: boolean): string[] {
  if (refreshToken.kept) return [`without you, until the provider wants a new login (token in ${refreshToken.store})`];
  if (!askedPerson) return ["without you: nothing had to be asked"];
  const { detail, hint } = refreshToken;
  const reason = refreshToken.reason === "never" ? "" : `: ${printable(detail, 400)}`;
  return [`needs you again when they end${reason}`, ...(hint === undefined ? [] : [`hint: ${printable(hint, 400)}`])];
}

/** An issuer that is a URL by its host, as a person knows it; a SAML entity id as it is. */
export function hostOf(issuer: string): string {
  return URL.canParse(issuer) ? new URL(issuer).host || issuer : issuer;
}

function labelled(label: string, text: string): string {
  return `  ${label.padEnd(9)}${text}`;
}
