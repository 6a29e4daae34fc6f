import { cacheDirectoryPath, usableCacheDirectory, usablePrivateDirectory } from "../cache/directory.ts";
import { BrokerError } from "../core/errors.ts";
import { spoken } from "../core/time.ts";
import type { Host, Lock } from "../host/host.ts";
import { waitForLock } from "./wait-for-lock.ts";

/** Longer than discovery (15 s) and redemption (10 s) may take, so that only somebody who was stopped is not waited for. */
const TURN_MS = 30_000;

/**
 * The turn of one process of the user to use or change what a login left. Unlike a renewal's lock it is never overtaken: a refresh token
 * that is redeemed twice makes its provider revoke all of them.
 *
 * @throws BrokerError LOCK_TIMEOUT, STORE_UNUSABLE where no lock can be had
 */
export async function loginTurn(host: Host, key: string, signal: AbortSignal): Promise<Lock> {
  const file = `${lockDirectory(host)}/login-${key}`;
  const lock = await waitForLock(host, file, TURN_MS, signal).catch((cause: NodeJS.ErrnoException) => {
    throw noLock(cause.code ?? "unknown error");
  });
  if (lock !== undefined) return lock;
  const line = signal.aborted ? "in time" : `for ${spoken(TURN_MS)}`;
  throw new BrokerError("LOCK_TIMEOUT", `another sts-broker uses the refresh token and has not ended ${line}`, {
    hint: "try again; a stopped process (jobs, ps) keeps it until it goes on or ends",
  });
}

/** In the home whatever CACHE_DIRECTORY and XDG_CACHE_HOME say: units with caches of their own share one keychain. */
function lockDirectory(host: Host): string {
  const home = cacheDirectoryPath({ ...host, env: { LOCALAPPDATA: host.env.LOCALAPPDATA } });
  const common = home === undefined ? undefined : usablePrivateDirectory(host, home);
  const directory = common?.ok ? common : usableCacheDirectory(host);
  if (!directory.ok) throw noLock(directory.detail);
  try {
    host.files.makePrivateDirectory(`${directory.path}/locks`);
  } catch (cause) {
    throw noLock((cause as NodeJS.ErrnoException).code ?? "unknown error");
  }
  return `${directory.path}/locks`;
}

function noLock(why: string): BrokerError {
  return new BrokerError("STORE_UNUSABLE", `the refresh token is not used without a lock, and there is none: ${why}`, {
    hint: "a process that redeems it beside another one would lose the login; set XDG_CACHE_HOME to a place that can be written",
  });
}
