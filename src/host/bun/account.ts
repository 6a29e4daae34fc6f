import { CString, dlopen, read } from "bun:ffi";
import { userInfo } from "node:os";
import type { Account } from "../host.ts";

/** Offsets in glibc's struct passwd on 64 bits. @see getpwuid(3) */
const NAME = 0;
const HOME = 32;

/** Bun takes the name from $USER, which cron does not set and anybody can: the database is asked here, whatever nsswitch.conf makes of it. */
export function ownAccount(): Account {
  const uid = process.getuid?.();
  if (process.platform !== "linux" || uid === undefined) {
    const { username, homedir } = userInfo();
    return { username, homeDir: homedir };
  }
  const { symbols } = dlopen("libc.so.6", { getpwuid: { args: ["u32"], returns: "ptr" } });
  const entry = symbols.getpwuid(uid);
  if (entry === null) throw new Error(`uid ${uid} has no account`);
  const text = (offset: number): string => new CString(read.ptr(entry, offset)).toString();
  return { username: text(NAME), homeDir: text(HOME) };
}
