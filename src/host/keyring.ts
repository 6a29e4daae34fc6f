import type { Keyring, KeyringProblem, KeyringResult } from "./host.ts";
import type { Syscall } from "./syscall.ts";

/**
 * The kernel's persistent keyring of our uid, by keyctl(2) and add_key(2). It needs no session, no daemon and no environment, so cron and
 * services share it with a desktop. The kernel forgets it at a reboot, and three days after it was last asked for.
 *
 * @see persistent-keyring(7), keyctl(2)
 */

const GET_PERSISTENT = 22;
const SEARCH = 10;
const READ = 11;
const LINK = 8;
const MOVE = 30;
const MOVE_EXCLUSIVELY = 1;
const OUR_UID = -1;
const PROCESS_KEYRING = -2;

const EPERM = 1;
const EACCES = 13;
const ENOSYS = 38;
const EOPNOTSUPP = 95;
const EDQUOT = 122;
const ENOKEY = 126;
const EKEYEXPIRED = 127;
const EKEYREVOKED = 128;

const MAX_KEY_BYTES = 1_024;

class KernelError extends Error {
  readonly errno: number;
  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

/** @param load the door to the kernel; undefined where the platform has none, an exception where the addon is missing */
export function realKeyring(load: () => Promise<Syscall | undefined>): Keyring {
  const within = async <T>(work: (call: Syscall, ring: number) => T): Promise<KeyringResult<T>> => {
    let call: Syscall | undefined;
    try {
      call = await load();
    } catch {
      return problem("addon-missing", "the optional package koffi is not installed, or has no binary for this machine");
    }
    if (call === undefined) return problem("not-available", "there is no kernel keyring on this platform");
    try {
      // Having it in our process keyring is what makes us its possessor.
      const ring = checked(call("keyctl", GET_PERSISTENT, OUR_UID, PROCESS_KEYRING));
      return { ok: true, value: work(call, ring) };
    } catch (error) {
      if (error instanceof KernelError) return problemOf(error.errno);
      throw error;
    }
  };
  return {
    get: (description) => within((call, ring) => find(call, ring, description)),
    add: (description, key) => within((call, ring) => add(call, ring, description, key)),
  };
}

function find(call: Syscall, ring: number, description: string): Uint8Array | undefined {
  const found = call("keyctl", SEARCH, ring, text("user"), text(description));
  if ([ENOKEY, EKEYEXPIRED, EKEYREVOKED].includes(-found)) return undefined;
  const buffer = Buffer.alloc(MAX_KEY_BYTES);
  const length = checked(call("keyctl", READ, checked(found), buffer, buffer.length));
  return buffer.subarray(0, Math.min(length, buffer.length));
}

/** add_key(2) would overwrite what another process added a moment ago, so the key is made in our own keyring and moved. */
function add(call: Syscall, ring: number, description: string, key: Uint8Array): Uint8Array {
  const made = checked(call("add_key", text("user"), text(description), key, key.length, PROCESS_KEYRING));
  const moved = call("keyctl", MOVE, made, PROCESS_KEYRING, ring, MOVE_EXCLUSIVELY);
  // Linux before 5.3 cannot move, and one that can does not replace a key that is dead.
  if (moved < 0 && find(call, ring, description) === undefined) checked(call("keyctl", LINK, made, ring));
  const there = find(call, ring, description);
  if (there === undefined) throw new KernelError(ENOKEY);
  return there;
}

function text(value: string): Uint8Array {
  return Buffer.from(`${value}\0`);
}

function checked(result: number): number {
  if (result < 0) throw new KernelError(-result);
  return result;
}

function problemOf(errno: number): { readonly ok: false; readonly problem: KeyringProblem } {
  if (errno === EPERM || errno === EACCES || errno === ENOSYS)
    return problem("not-available", "the kernel keyring is not available here (containers often forbid it)");
  if (errno === EOPNOTSUPP) return problem("not-available", "this kernel has no persistent keyrings");
  if (errno === EDQUOT) return problem("quota", "the user's quota of kernel keys is used up");
  return problem("failed", `the kernel keyring answered errno ${errno}`);
}

function problem(reason: KeyringProblem["reason"], detail: string): { ok: false; problem: KeyringProblem } {
  return { ok: false, problem: { reason, detail } };
}
