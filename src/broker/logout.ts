import { existingCacheDirectory } from "../cache/directory.ts";
import { forgetDocuments } from "../cache/documents.ts";
import { loginKey } from "../cache/key.ts";
import { markLogout } from "../cache/login-mark.ts";
import { LASTING, removeFiles } from "../cache/stores/private-files.ts";
import { STORES } from "../cache/stores/registry.ts";
import type { StoreProblem } from "../cache/stores/store.ts";
import type { Resolved } from "../config/resolve.ts";
import type { BrokerError } from "../core/errors.ts";
import type { Secret } from "../core/secret.ts";
import type { SessionCredentials } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { closeLogin, endLogin, type Revocation } from "./end-login.ts";
import { type Forgotten, forgetEntries, type Problem, type Removed } from "./forget.ts";

/** What became of a profile. */
export interface LoggedOut {
  readonly resolved: Resolved;
  /** False for one that shares the login of another, and was not asked for itself. */
  readonly asked: boolean;
  /** False where the configuration alone says who we are: the next call gets new credentials without anybody. */
  readonly hasLogin: boolean;
  /** The profiles that share the login with it, and are logged out with it. */
  readonly sharedWith: readonly string[];
  readonly removed: readonly Removed[];
  /** Stores that may keep something still. */
  readonly problems: readonly Problem[];
  /** Set where a login of before may be used again, as far as anything is left of it: that it ended could not be noted. */
  readonly notClosed: StoreProblem | undefined;
  /** Renewals that may put something there again. */
  readonly busy: readonly BrokerError[];
  /** Of the login, told at the first profile that has it. */
  readonly refreshToken: Revocation;
  readonly accessToken: Revocation;
  /** AWS's, which nobody can end from here. */
  readonly session: SessionCredentials | undefined;
}

/**
 * Logs out of profiles, and of those that share a login with them: first nobody of this machine uses the login any more, then what is
 * kept is removed, then the provider is told. All is done even when some of it fails; throws nothing.
 *
 * @param wanted those that are asked for
 * @param others every other profile of the configuration that can be used
 */
export async function logOut(
  host: Host,
  wanted: readonly Resolved[],
  others: readonly Resolved[],
): Promise<readonly LoggedOut[]> {
  const loginOf = ({ profile }: Resolved): string | undefined => loginKey(profile.identity, host);
  const logins = new Set(wanted.map(loginOf).filter((key) => key !== undefined));
  const sharing = others.filter((one) => logins.has(loginOf(one) ?? ""));
  const all = [...wanted, ...sharing];
  const notClosed = new Map(all.map((one) => [one, closeLogin(host, one)]));

  const forgotten = new Map<Resolved, Forgotten>();
  for (const one of all) forgotten.set(one, await forgetEntries(host, one.profile));

  const reports: LoggedOut[] = [];
  const ended = new Set<string>();
  for (const resolved of all) {
    const key = loginOf(resolved);
    const mates = all.filter((one) => key !== undefined && loginOf(one) === key);
    const isFirst = key !== undefined && !ended.has(key);
    if (isFirst) ended.add(key);
    const { removed, problems, busy, session } = forgotten.get(resolved) as Forgotten;
    const login = isFirst ? await endLogin(host, resolved, firstToken(mates, forgotten)) : undefined;
    reports.push({
      resolved,
      asked: wanted.includes(resolved),
      hasLogin: key !== undefined,
      sharedWith: mates.filter((one) => one !== resolved).map(({ profile }) => profile.name),
      removed: [...removed, ...(login?.removed ?? [])],
      problems: distinct([...problems, ...(login?.problems ?? [])]),
      notClosed: notClosed.get(resolved),
      busy: [busy, login?.busy].filter((one) => one !== undefined),
      refreshToken: login?.refreshToken ?? "nothing",
      accessToken: login?.accessToken ?? "nothing",
      session,
    });
  }
  return reports;
}

function firstToken(mates: readonly Resolved[], forgotten: ReadonlyMap<Resolved, Forgotten>): Secret | undefined {
  return mates.map((one) => forgotten.get(one)?.token).find((token) => token !== undefined);
}

/** A keychain that is locked is locked for everything, and a directory is that of several stores. */
function distinct(problems: readonly Problem[]): Problem[] {
  return problems.filter(({ detail }, index) => problems.findIndex((one) => one.detail === detail) === index);
}

/** What no profile of the configuration accounts for. */
export interface Swept {
  readonly entries: number;
  /** Removed, and not revoked: nobody knows their client any more. */
  readonly refreshTokens: number;
}

/** Removes whatever the user's files keep besides: for profiles that are no more, or with settings of a command line. */
export async function sweep(host: Host): Promise<Swept> {
  const keys: string[] = [];
  for (const { open } of STORES) {
    const cleared = await open(host).clear?.();
    if (cleared?.ok === true) keys.push(...cleared.value);
  }
  const directory = existingCacheDirectory(host);
  if (directory.ok) forgetTraces(host, directory.path);
  forgetDocuments(host);
  const refreshTokens = keys.filter((key) => key.startsWith(LASTING)).length;
  return { entries: keys.length - refreshTokens, refreshTokens };
}

function forgetTraces(host: Host, directory: string): void {
  try {
    removeFiles(host, `${directory}/failures`);
    // What a keychain may still hold for them is not used either.
    const logins = `${directory}/logins`;
    for (const key of host.files.stat(logins)?.isDirectory === true ? host.files.list(logins) : [])
      markLogout(host, key);
  } catch (error) {
    host.log.debug("logout", `traces are left: ${(error as NodeJS.ErrnoException).code ?? "unknown error"}`);
  }
}
