import { Secret } from "../../core/secret.ts";
import type { Host, KeychainProblem, KeychainResult, Patience } from "../../host/host.ts";
import { type KeychainUse, keychainSilence } from "./keychain-silence.ts";
import type { StoreKind, StoreResult } from "./store.ts";

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
    const silence = keychainSilence(host);
    /** Whoever waited says so itself, and waits again only with more patience. */
    let inVain: Failed | undefined;
    const failed = (use: KeychainUse, problem: KeychainProblem): Failed => {
      const result = failure(host, problem);
      if (problem.reason !== "not-answering") return result;
      silence.note(use, problem);
      inVain = { ok: false, problem: { ...result.problem, unanswered: true }, waited: problem.waited };
      return inVain;
    };
    /** Asks as patiently as the silence of others leaves us to. */
    async function asked<T>(
      use: KeychainUse,
      patience: Patience,
      ask: (patience: Patience) => Promise<KeychainResult<T>>,
    ): Promise<StoreResult<T>> {
      if (inVain !== undefined && (patience === "hurried" || inVain.waited === "patient")) return inVain;
      const left = silence.patienceLeft(use, patience);
      if (left === undefined) return SILENT;
      const answer = await ask(left);
      if (!answer.ok) return failed(use, answer.problem);
      inVain = undefined;
      if (left === "patient") silence.end(use);
      return answer;
    }
    return {
      read: (key, patience = "hurried") => asked("reading", patience, (left) => readEntry(host, key, left)),
      write: (key, entry, patience = "hurried") =>
        asked("writing", patience, (left) => writeEntry(host, key, entry, left)),
      remove: (key) => asked("writing", "hurried", () => removeEntry(host, key)),
      async check() {
        const state = await host.keychain.check();
        return state.ok ? state : failed("writing", state.problem);
      },
    };
  },
};

async function readEntry(host: Host, key: string, patience: Patience): Promise<KeychainResult<Secret | undefined>> {
  const head = await host.keychain.get(SERVICE, key, patience);
  const parts = head.ok && head.value !== undefined ? partCount(head.value) : undefined;
  return parts === undefined ? head : readParts(host, key, parts, patience);
}

async function writeEntry(host: Host, key: string, entry: Secret, patience: Patience): Promise<KeychainResult<void>> {
  const text = entry.reveal();
  const inParts = host.system.platform === "win32" && text.length > WINDOWS_PART_BYTES;
  if (inParts) return writeParts(host, key, text, patience);
  const written = await host.keychain.set(SERVICE, key, entry, patience);
  if (written.ok) await removeParts(host, key, 0);
  return written;
}

async function removeEntry(host: Host, key: string): Promise<KeychainResult<boolean>> {
  // Looking costs less than removing; in parts there may be something even without a head.
  const head = host.system.platform === "win32" ? undefined : await host.keychain.get(SERVICE, key);
  if (head?.ok === true && head.value === undefined) return { ok: true, value: false };
  const removed = await host.keychain.delete(SERVICE, key);
  if (!removed.ok) return removed;
  const parts = await removeParts(host, key, 0);
  return parts.ok ? removed : parts;
}

/** Parts carry the generation they belong to, and the head is written last: a reader sees one whole generation or a miss. */
async function writeParts(host: Host, key: string, text: string, patience: Patience): Promise<KeychainResult<void>> {
  const generation = host.crypto.sha256Hex(text).slice(0, 16);
  const parts = text.match(new RegExp(`[^]{1,${WINDOWS_PART_BYTES}}`, "g")) ?? [];
  for (const [index, part] of parts.entries()) {
    const written = await host.keychain.set(SERVICE, `${key}.${index}`, new Secret(`${generation}:${part}`), patience);
    if (!written.ok) return written;
  }
  const head = await host.keychain.set(SERVICE, key, new Secret(`parts:${parts.length}:${generation}`), patience);
  if (head.ok) await removeParts(host, key, parts.length);
  return head;
}

/** What a longer generation left, of which the head says nothing any more. */
async function removeParts(host: Host, key: string, from: number): Promise<KeychainResult<void>> {
  if (host.system.platform !== "win32") return { ok: true, value: undefined };
  for (let index = from; ; index++) {
    const removed = await host.keychain.delete(SERVICE, `${key}.${index}`);
    if (!removed.ok) return removed;
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
  patience: Patience,
): Promise<KeychainResult<Secret | undefined>> {
  let text = "";
  for (let index = 0; index < count; index++) {
    const part = await host.keychain.get(SERVICE, `${key}.${index}`, patience);
    if (!part.ok) return part;
    const value = part.value?.reveal();
    if (value === undefined || !value.startsWith(`${generation}:`)) return { ok: true, value: undefined };
    text += value.slice(generation.length + 1);
  }
  return { ok: true, value: new Secret(text) };
}

const HINTS: Partial<Record<KeychainProblem["reason"], string>> = {
  locked: 'unlock it, or choose store = "file"',
  absent: 'store = "file" needs no keychain',
};

const SILENT = {
  ok: false,
  problem: {
    detail: "the keychain did not answer a moment ago",
    hint: 'store = "file" needs no keychain',
    unanswered: true,
  },
} as const;

type Failed = StoreResult<never> & { readonly ok: false; readonly waited?: Patience | undefined };

function failure(host: Host, { reason, detail, hint }: KeychainProblem): Failed {
  host.log.debug("store", `keychain: ${reason}: ${detail}`);
  const absent = reason === "absent" || reason === "addon-missing";
  return { ok: false, problem: { detail, hint: hint ?? HINTS[reason], ...(absent ? { absent } : {}) } };
}
