import { userInfo } from "node:os";
import type { Account } from "./host.ts";

/** Our own entry in the system's database of accounts. @throws where the uid has none, as in many containers */
export function ownAccount(): Account {
  const { username, homedir } = userInfo();
  return { username, homeDir: homedir };
}
