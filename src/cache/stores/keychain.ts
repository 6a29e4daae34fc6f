import { Secret } from "../../core/secret.ts";
import type { Host, KeychainProblem } from "../../host/host.ts";
import { type KeychainUse, keychainIsSilent, noteKeychainSilence } from "./keychain-silence.ts";
import type { StoreKind, StoreProblem, StoreResult } from "./store.ts";

/** Name of the service under which keychain tools show our items. */
const SERVICE = "sts-broker";

/** Windows Credential Manager takes 2,560 bytes an item; a session token alone may be larger. */
const WINDOWS_PART_BYTES = 2_400;

/** The OS keychain: sealed at rest, readable by the user's programs while it is unlocked. */
export const keychainStore: StoreKind = {
  name: "keychain",
  summary: "the OS keychain (Secret Service, macOS Keychain, Windows Credential Manager), sealed at rest",
  protects:
    "other users, root while it is locked, stolen disks and backups; not programs of the same user while it is unlocked",
  auto: true,
  open(host) {
    // Decided once: whoever waited just now says so itself.
    let silent: Readonly<Record<KeychainUse, boolean>> | undefined;
    const isSilent = (use: KeychainUse): boolean => {
      silent ??= { reading: keychainIsSilent(host, "reading"), writing: keychainIsSilent(host, "writing") };
      return silent[use];
    };
    return {
      async read(key) {
        if (isSilent("reading")) return SILENT;
        const head = await host.keychain.get(SERVICE, key);
        if (!head.ok) return failed(host, "reading", head.problem);
        const parts = head.value === undefined ? undefined : partCount(head.value);
        if (parts === undefined) return { ok: true, value: head.value };
        return readParts(host, key, parts);
      },
      async write(key, entry) {
        if (isSilent("writing")) return SILENT;
        const text = entry.reveal();
        const inParts = host.system.platform === "win32" && text.length > WINDOWS_PART_BYTES;
        if (inParts) return writeParts(host, key, text);
        const written = await host.keychain.set(SERVICE, key, entry);
        if (!written.ok) return failed(host, "writing", written.problem);
        await removeParts(host, key, 0);
        return written;
      },
      async remove(key) {
        if (isSilent("writing")) return SILENT;
        // Looking costs less than removing; in parts there may be something even without a head.
        const head = host.system.platform === "win32" ? undefined : await host.keychain.get(SERVICE, key);
        if (head?.ok === true && head.value === undefined) return { ok: true, value: false };
        const removed = await host.keychain.delete(SERVICE, key);
        if (!removed.ok) return failed(host, "writing", removed.problem);
        const parts = await removeParts(host, key, 0);
        return parts.ok ? removed : parts;
      },
      async check() {
        const state = await host.keychain.check();
        return state.ok ? state : failed(host, "writing", state.problem);
      },
    };
  },
};

/** Parts carry the generation they belong to, and the head is written last: a reader sees one whole generation or a miss. */
async function writeParts(host: Host, key: string, text: string): Promise<StoreResult<void>> {
  const generation = host.crypto.sha256Hex(text).slice(0, 16);
  const parts = text.match(new RegExp(`[^]{1,${WINDOWS_PART_BYTES}}`, "g")) ?? [];
  for (const [index, part] of parts.entries()) {
    const written = await host.keychain.set(SERVICE, `${key}.${index}`, new Secret(`${generation}:${part}`));
    if (!written.ok) return failed(host, "writing", written.problem);
  }
  const head = await host.keychain.set(SERVICE, key, new Secret(`parts:${parts.length}:${generation}`));
  if (!head.ok) return failed(host, "writing", head.problem);
  await removeParts(host, key, parts.length);
  return head;
}

/** What a longer generation left, of which the head says nothing any more. */
async function removeParts(host: Host, key: string, from: number): Promise<StoreResult<void>> {
  if (host.system.platform !== "win32") return { ok: true, value: undefined };
  for (let index = from; ; index++) {
    const removed = await host.keychain.delete(SERVICE, `${key}.${index}`);
    if (!removed.ok) return failed(host, "writing", removed.problem);
    if (!removed.value) return { ok: true, value: undefined };
  }
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
    if (!part.ok) return failed(host, "reading", part.problem);
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

const SILENT = {
  ok: false,
  problem: { detail: "the keychain did not answer a moment ago", hint: 'store = "file" needs no keychain' },
} as const;

function failed(
  host: Host,
  use: KeychainUse,
  { reason, detail }: KeychainProblem,
): { ok: false; problem: StoreProblem } {
  host.log.debug("store", `keychain: ${reason}: ${detail}`);
  if (reason === "not-answering") noteKeychainSilence(host, use);
  const absent = reason === "absent" || reason === "addon-missing";
  return { ok: false, problem: { detail, hint: HINTS[reason], ...(absent ? { absent } : {}) } };
}
