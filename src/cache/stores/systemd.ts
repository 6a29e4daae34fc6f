import type { Host } from "../../host/host.ts";
import { type SealingKey, sealedFiles } from "./sealed-files.ts";
import type { StoreKind, StoreResult } from "./store.ts";

const CREDENTIAL = "sts-broker-key";
const MIN_BYTES = 32;
const MAX_BYTES = 64 * 1024;

/**
 * Sealed files whose key the unit is given as a systemd credential. systemd keeps it encrypted by the TPM or by the machine's own
 * secret, and shows it to that unit alone. Chosen by name only: nobody but the unit's author knows that there is one.
 *
 * @see systemd.exec(5), LoadCredentialEncrypted=
 */
export const systemdStore: StoreKind = {
  name: "systemd",
  summary: `sealed files in the cache directory, key from the systemd credential ${CREDENTIAL}; chosen only by name`,
  protects: "other users and the user's other programs, stolen disks and backups; not root, not the unit itself",
  auto: false,
  open: (host) => sealedFiles(host, "systemd", "systemd", keyFromCredential(host)),
};

function keyFromCredential(host: Host): SealingKey {
  return {
    find: async () => derived(host),
    findOrMake: async () => derived(host),
    check: async () => {
      const found = derived(host);
      return found.ok ? { ok: true, value: undefined } : found;
    },
  };
}

/** Hashed together with what it is for, so that a credential that serves another purpose too gives nothing away. */
function derived(host: Host): StoreResult<Uint8Array> {
  const directory = host.env.CREDENTIALS_DIRECTORY;
  if (directory === undefined || !directory.startsWith("/"))
    return missing("CREDENTIALS_DIRECTORY is not set: this is no systemd unit with credentials");
  let secret: Uint8Array | undefined;
  try {
    secret = host.files.read(`${directory}/${CREDENTIAL}`, MAX_BYTES);
  } catch (error) {
    return missing(`the credential ${CREDENTIAL} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  if (secret === undefined) return missing(`the unit has no credential ${CREDENTIAL}`);
  if (secret.length < MIN_BYTES)
    return missing(`the credential ${CREDENTIAL} has ${secret.length} bytes, and ${MIN_BYTES} random ones are needed`);
  const labelled = Buffer.concat([Buffer.from("sts-broker sealing key 1\0"), secret]);
  return { ok: true, value: Buffer.from(host.crypto.sha256Hex(labelled), "hex") };
}

const HINT =
  `head -c 32 /dev/urandom | systemd-creds encrypt --name=${CREDENTIAL} - /etc/sts-broker/key.cred, ` +
  `and LoadCredentialEncrypted=${CREDENTIAL}:/etc/sts-broker/key.cred in the unit's [Service]`;

function missing(detail: string): { readonly ok: false; readonly problem: { detail: string; hint: string } } {
  return { ok: false, problem: { detail, hint: HINT } };
}
