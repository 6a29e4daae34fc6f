import type { IdentityTable } from "../core/types.ts";
import type { Host } from "../host/host.ts";
import { existingCacheDirectory, usableCacheDirectory } from "./directory.ts";
import { loginKey } from "./key.ts";
import type { StoreProblem } from "./stores/store.ts";

/** Who logged in last, and when by our clock. It holds no secret; the refresh token is in the vault. */
export interface LoginMark {
  readonly issuer: string;
  readonly subject: string;
  readonly atMs: number;
}

const MAX_BYTES = 16 * 1024;

/**
 * Looks up the mark of an identity's last login at each call; undefined where it is of a kind that nobody logs in to. Every entry says
 * who it was made for, so what a former person left is never served to the next one, whatever flags it was fetched with.
 */
export function loginMarkReader(host: Host, identity: IdentityTable): (() => LoginMark | undefined) | undefined {
  const key = loginKey(identity, host);
  return key === undefined ? undefined : () => readMark(host, key);
}

function readMark(host: Host, key: string): LoginMark | undefined {
  const directory = existingCacheDirectory(host);
  if (!directory.ok) return undefined;
  try {
    const bytes = host.files.read(`${directory.path}/logins/${key}`, MAX_BYTES);
    if (bytes === undefined) return undefined;
    const { issuer, subject, atMs } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
    if (typeof issuer !== "string" || typeof subject !== "string" || !Number.isFinite(atMs)) return undefined;
    return { issuer, subject, atMs: atMs as number };
  } catch {
    return undefined;
  }
}

/** @returns why it could not be written */
export function writeLoginMark(host: Host, key: string, mark: LoginMark): StoreProblem | undefined {
  const directory = usableCacheDirectory(host);
  if (!directory.ok) return directory;
  try {
    host.files.makePrivateDirectory(`${directory.path}/logins`);
    host.files.writePrivate(`${directory.path}/logins/${key}`, new TextEncoder().encode(JSON.stringify(mark)));
    return undefined;
  } catch (error) {
    return { detail: `${directory.path}/logins cannot be written (${(error as NodeJS.ErrnoException).code})` };
  }
}

/** In a mark: nobody is logged in since then. No entry is of nobody, so whatever a store still holds is not served. */
const NOBODY = { issuer: "", subject: "" } as const;

/**
 * Nobody is logged in any more. It holds also for what cannot be removed now, or is written by somebody who is not done yet: a refresh
 * token of before is not used.
 *
 * @returns why it could not be noted
 */
export function markLogout(host: Host, key: string): StoreProblem | undefined {
  // The clock may have been set back since the login.
  const atMs = Math.max(host.clock.nowMs(), readMark(host, key)?.atMs ?? 0);
  return writeLoginMark(host, key, { ...NOBODY, atMs });
}

/** Whether somebody logged out after this login. */
export function isLoggedOut(mark: LoginMark | undefined, loggedInAtMs: number): boolean {
  return mark?.issuer === NOBODY.issuer && mark.subject === NOBODY.subject && mark.atMs >= loggedInAtMs;
}

/** Whether somebody else logged in after this login: identities of one client share the mark, and not always the place of the refresh token. */
export function isReplaced(
  mark: LoginMark | undefined,
  {
    issuer,
    subject,
    loggedInAtMs,
  }: { readonly issuer: string; readonly subject: string; readonly loggedInAtMs: number },
): boolean {
  return mark !== undefined && mark.atMs > loggedInAtMs && (mark.issuer !== issuer || mark.subject !== subject);
}
