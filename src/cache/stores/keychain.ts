import { Secret } from "../../core/secret.ts";
import type { Host, KeychainProblem } from "../../host/host.ts";
import type { StoreKind, StoreProblem, StoreResult } from "./store.ts";

/** Name of the service under which keychain tools show our items. */
const SERVICE = "sts-broker";

/** Windows Credential Manager takes 2,560 bytes an item; a session token alone may be larger. */
const WINDOWS_PART_BYTES = 2_400;

/** The OS keychain: sealed at rest, readable by the user's programs while it is unlocked. */
export const keychainStore: StoreKind = {
  name: "keychain",
  summary: "the OS keychain (Secret Service, macOS Keychain, Windows Credential Manager), sealed at rest",
  open: (host) => ({
    async read(key) {
      const head = await host.keychain.get(SERVICE, key);
      if (!head.ok) return failed(host, head.problem);
      const parts = head.value === undefined ? undefined : partCount(head.value);
      if (parts === undefined) return { ok: true, value: head.value };
      return readParts(host, key, parts);
    },
    async write(key, entry) {
      const text = entry.reveal();
      if (host.system.platform !== "win32" || text.length <= WINDOWS_PART_BYTES) {
        const written = await host.keychain.set(SERVICE, key, entry);
        return written.ok ? written : failed(host, written.problem);
      }
      return writeParts(host, key, text);
    },
    async remove(key) {
      const head = host.system.platform === "win32" ? await host.keychain.get(SERVICE, key) : undefined;
      const parts = head?.ok && head.value !== undefined ? partCount(head.value) : undefined;
      for (let index = 0; index < (parts?.count ?? 0); index++) await host.keychain.delete(SERVICE, `${key}.${index}`);
      const removed = await host.keychain.delete(SERVICE, key);
      return removed.ok ? { ok: true, value: undefined } : failed(host, removed.problem);
    },
  }),
};

/** Parts carry the generation they belong to, and the head is written last: a reader sees one whole generation or a miss. */
async function writeParts(host: Host, key: string, text: string): Promise<StoreResult<void>> {
  const generation = host.crypto.sha256Hex(text).slice(0, 16);
  const parts = text.match(new RegExp(`[^]{1,${WINDOWS_PART_BYTES}}`, "g")) ?? [];
  for (const [index, part] of parts.entries()) {
    const written = await host.keychain.set(SERVICE, `${key}.${index}`, new Secret(`${generation}:${part}`));
    if (!written.ok) return failed(host, written.problem);
  }
  const head = await host.keychain.set(SERVICE, key, new Secret(`parts:${parts.length}:${generation}`));
  return head.ok ? head : failed(host, head.problem);
}

interface Parts {
  readonly count: number;
  readonly generation: string;
}

function partCount(head: Secret): Parts | undefined {
  const match = /^parts:(\d{1,3}):([0-9a-f]{16})$/.exec(head.reveal());
  return match === null ? undefined : { count: Number(match[1]), generation: match[2] ?? "" };
}

async function readParts(
  host: Host,
  key: string,
  { count, generation }: Parts,
): Promise<StoreResult<Secret | undefined>> {
  let text = "";
  for (let index = 0; index < count; index++) {
    const part = await host.keychain.get(SERVICE, `${key}.${index}`);
    if (!part.ok) return failed(host, part.problem);
    const value = part.value?.reveal();
    if (value === undefined || !value.startsWith(`${generation}:`)) return { ok: true, value: undefined };
    text += value.slice(generation.length + 1);
  }
  return { ok: true, value: new Secret(text) };
}

const HINTS: Partial<Record<KeychainProblem["reason"], string>> = {
  locked: 'unlock it, or choose store = "file"',
  absent: 'store = "file" needs no keychain',
  "addon-missing": "npm install -g sts-broker --include=optional",
};

function failed(host: Host, { reason, detail }: KeychainProblem): { ok: false; problem: StoreProblem } {
  host.log.debug("store", `keychain: ${reason}: ${detail}`);
  return { ok: false, problem: { detail, hint: HINTS[reason] } };
}
