import type { Host, KeyringProblem, KeyringResult } from "../../host/host.ts";
import { KEY_BYTES, type SealingKey, sealedFiles } from "./sealed-files.ts";
import type { StoreKind, StoreProblem } from "./store.ts";

/** As keyctl(1) shows it. */
const DESCRIPTION = "sts-broker:sealing-key";

/**
 * Sealed files whose key is in the kernel's memory alone: the persistent keyring of the user, which cron jobs and services share with
 * a desktop. After a reboot nobody can open them.
 */
export const kernelStore: StoreKind = {
  name: "kernel",
  summary: "sealed files in the cache directory, key in the Linux kernel's persistent keyring of the user",
  protects: "other users, stolen disks and backups, anybody after a reboot; not root, not programs of the same user",
  auto: true,
  open: (host) => sealedFiles(host, "kernel", "kernel", keyInKernel(host)),
};

function keyInKernel(host: Host): SealingKey {
  return {
    async find() {
      const found = await host.keyring.get(DESCRIPTION);
      if (!found.ok) return failed(found.problem);
      return { ok: true, value: found.value?.length === KEY_BYTES ? found.value : undefined };
    },
    async findOrMake() {
      let found: KeyringResult<Uint8Array | undefined> = await host.keyring.get(DESCRIPTION);
      if (found.ok && found.value === undefined)
        found = await host.keyring.add(DESCRIPTION, host.crypto.randomBytes(KEY_BYTES));
      if (!found.ok) return failed(found.problem);
      return found.value?.length === KEY_BYTES ? { ok: true, value: found.value } : { ok: false, problem: NOT_OURS };
    },
    async check() {
      const found = await host.keyring.get(DESCRIPTION);
      if (!found.ok) return failed(found.problem);
      if (found.value !== undefined && found.value.length !== KEY_BYTES) return { ok: false, problem: NOT_OURS };
      return { ok: true, value: undefined };
    },
  };
}

const NOT_OURS: StoreProblem = {
  detail: `the key ${DESCRIPTION} in the kernel keyring is not one of ours`,
  hint: `keyctl get_persistent @s && keyctl purge user ${DESCRIPTION}`,
};

const HINTS: Partial<Record<KeyringProblem["reason"], string>> = {
  "addon-missing": "npm install -g sts-broker --include=optional",
  "not-available": 'choose store = "runtime" or "file"',
  quota: "keyctl show, or raise /proc/sys/kernel/keys/maxkeys",
};

function failed({ reason, detail }: KeyringProblem): { ok: false; problem: StoreProblem } {
  return { ok: false, problem: { detail, hint: HINTS[reason] } };
}
