// What a process needs to live in a test's realm: its krb5.conf, and names that exist nowhere else.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { needed } from "./requirements.ts";

/**
 * The environment in which `names` are 127.0.0.1. Node's own look-ups see it; libkrb5 under the addon does not, and needs none.
 * @param folder where the hosts file may lie
 */
export function namesEnvironment(folder: string, names: readonly string[]): Record<string, string> {
  const hosts = join(folder, "hosts");
  writeFileSync(hosts, names.map((name) => `127.0.0.1 ${name}\n`).join(""));
  return { LD_PRELOAD: needed("libnss_wrapper.so"), NSS_WRAPPER_HOSTS: hosts };
}
