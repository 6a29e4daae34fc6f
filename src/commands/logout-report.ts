import type { LoggedOut, Swept } from "../broker/logout.ts";
import { BrokerError } from "../core/errors.ts";
import { logoutCommand } from "../core/login-command.ts";
import { printable } from "../core/printable.ts";
import { rfc3339 } from "../core/time.ts";
import { hostOf } from "./login-outcome.ts";

export interface Failure {
  readonly profile: string;
  readonly error: BrokerError;
}

/** What has to be known, and done again: of stores, of the provider, of renewals that go on. */
export function failuresOf(one: LoggedOut, command = logoutCommand(one.resolved.profile.name)): Failure[] {
  const { name: profile } = one.resolved.profile;
  const stores = one.problems
    .filter((problem) => problem.absent !== true || isNamed(one, problem.store))
    .map(({ store, detail }) => {
      const line = `${store}: ${detail}: what it may keep was not removed`;
      return new BrokerError("STORE_UNUSABLE", line, { hint: `when it can be used, once more: ${command}` });
    });
  const provider = [one.refreshToken, one.accessToken]
    .map((outcome, index) => ({ outcome, name: index === 0 ? "refresh token" : "access token" }))
    .flatMap(({ outcome, name }) => (outcome instanceof BrokerError ? [notRevoked(outcome, name, one)] : []));
  return [...stores, ...notClosed(one, command), ...provider, ...one.busy].map((error) => ({ profile, error }));
}

/** Unless the same has kept a store from removing what it has: that is said already. */
function notClosed({ notClosed: problem, problems }: LoggedOut, command: string): BrokerError[] {
  if (problem === undefined || problems.some(({ detail }) => detail === problem.detail)) return [];
  const line = `it could not be noted that nobody is logged in: ${problem.detail}`;
  return [new BrokerError("STORE_UNUSABLE", line, { hint: `when that is mended, once more: ${command}` })];
}

/** Who chose a place by name has reason to think that something is there. */
function isNamed({ resolved: { profile } }: LoggedOut, store: string): boolean {
  return profile.store === store || profile.identity.settings.refresh_token_store === store;
}

function notRevoked({ code, message, exitCode }: BrokerError, name: string, { resolved }: LoggedOut): BrokerError {
  const { identity } = resolved.profile;
  return new BrokerError(code, `the ${name} is removed here, and stays good at its provider: ${message}`, {
    exitCode,
    hint: `end the session of ${identityHost(identity.settings.issuer)} in its own account pages, or wait until it ends by itself`,
  });
}

/** For stderr: what is the same for many profiles is said once. */
export function failureLines(failures: readonly Failure[]): string {
  const messages = [...new Set(failures.map(({ error }) => error.message))];
  return messages
    .map((message) => {
      const [first, ...more] = failures.filter(({ error }) => error.message === message) as [Failure, ...Failure[]];
      const { profile, error } = first;
      const whose = `${printable(profile, 80)}${more.length === 0 ? "" : ` and ${more.length} more`}`;
      const hint = error.hint === undefined ? "" : `  hint: ${printable(error.hint, 600)}\n`;
      return `sts-broker: profile ${whose}: ${printable(message, 1200)}\n${hint}`;
    })
    .join("");
}

export function asText(outcomes: readonly LoggedOut[], swept: Swept | undefined): string {
  const asked = new Set(outcomes.filter((one) => one.asked).map(({ resolved }) => resolved.profile.name));
  const lines = outcomes.flatMap((one) =>
    told(one, asked).map((line) => `${printable(one.resolved.profile.name, 80)}: ${line}`),
  );
  return [...lines, ...notLookedAt(outcomes), ...(swept === undefined ? [] : sweptLines(swept))]
    .map((line) => `${line}\n`)
    .join("");
}

function told(one: LoggedOut, wanted: ReadonlySet<string>): string[] {
  const { removed, refreshToken, accessToken, session, sharedWith, asked, hasLogin, resolved } = one;
  const provider = identityHost(resolved.profile.identity.settings.issuer);
  const kinds = [...new Set(removed.map(({ kind }) => kind))].map((kind) => {
    const stores = removed.filter((thing) => thing.kind === kind).map(({ store }) => store);
    return `${kind} (${stores.join(", ")})`;
  });
  const names = sharedWith
    .filter((name) => wanted.has(name) !== asked)
    .map((name) => printable(name, 80))
    .join(", ");
  return [
    kinds.length === 0 ? "nothing was kept" : `removed ${kinds.join(", ")}`,
    ...(refreshToken === "revoked" ? [`revoked the refresh token at ${provider}`] : []),
    ...(accessToken === "revoked" ? [`revoked the access token at ${provider}`] : []),
    ...(refreshToken === "not-offered" ? [`${provider} revokes no refresh tokens: it ends there by itself`] : []),
    ...(accessToken === "not-offered" ? [`${provider} does not revoke the access token: it ends by itself`] : []),
    ...(names === "" ? [] : [asked ? `had the same login, and logged out too: ${names}` : `logged out with ${names}`]),
    ...(session === undefined
      ? []
      : [`${printable(session.assumedRoleArn, 300)} stays valid at AWS until ${rfc3339(session.expiresAtMs)}`]),
    ...(hasLogin ? [] : ["nobody logs in to it: the next call gets new credentials by itself"]),
  ];
}

function notLookedAt(outcomes: readonly LoggedOut[]): string[] {
  const absent = outcomes.flatMap(({ problems }) => problems.filter((problem) => problem.absent === true));
  const lines = absent.map(({ store, detail }) => `${store}: not looked at: ${printable(detail, 300)}`);
  return [...new Set(lines)];
}

function sweptLines({ entries, refreshTokens }: Swept): string[] {
  return [
    ...(entries === 0 ? [] : [`removed ${entries} more that no profile accounts for`]),
    ...(refreshTokens === 0
      ? []
      : [`removed ${refreshTokens} refresh ${refreshTokens === 1 ? "token" : "tokens"} of no profile, not revoked`]),
  ];
}

/** For stderr, beside the error that says why the configuration cannot be read; empty where nothing was kept. */
export function sweptUnread(swept: Swept): string {
  const why = "refresh tokens could not be revoked at their providers, since the configuration cannot be read";
  return [...sweptLines(swept), ...(swept.refreshTokens === 0 ? [] : [why])]
    .map((line) => `sts-broker: ${line}\n`)
    .join("");
}

export function asJson(outcomes: readonly LoggedOut[], unusable: readonly Failure[], swept: Swept | undefined): string {
  const profiles = [
    ...unusable.map((failure) => ({ profile: failure.profile, ...UNTOUCHED, errors: [shownError(failure)] })),
    ...outcomes.map((one) => ({
      profile: one.resolved.profile.name,
      asked: one.asked,
      removed: one.removed,
      refreshToken: outcomeOf(one.refreshToken),
      accessToken: outcomeOf(one.accessToken),
      sharedWith: one.sharedWith,
      needsLogin: one.hasLogin,
      awsSession:
        one.session === undefined
          ? null
          : { assumedRole: one.session.assumedRoleArn, expiresAt: rfc3339(one.session.expiresAtMs) },
      notLookedAt: one.problems
        .filter(({ absent }) => absent === true)
        .map(({ store, detail }) => ({ store, problem: detail })),
      errors: failuresOf(one).map(shownError),
    })),
  ];
  const others = swept ?? { entries: 0, refreshTokens: 0 };
  const text = JSON.stringify({ ok: profiles.every(({ errors }) => errors.length === 0), profiles, others }, null, 2);
  return `${text.replace(/[\u007f-\uffff]/g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`)}\n`;
}

const UNTOUCHED = {
  asked: true,
  removed: [],
  refreshToken: "nothing",
  accessToken: "nothing",
  sharedWith: [],
  needsLogin: null,
  awsSession: null,
  notLookedAt: [],
};

function outcomeOf(outcome: LoggedOut["refreshToken"]): string {
  return outcome instanceof BrokerError ? "failed" : outcome;
}

function shownError({ error: { code, message, hint, exitCode } }: Failure): object {
  return { code, message, hint: hint ?? null, exitCode };
}

function identityHost(issuer: unknown): string {
  return typeof issuer === "string" ? printable(hostOf(issuer), 200) : "the provider";
}
