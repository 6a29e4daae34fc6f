/**
 * Where refresh tokens are kept: one place, chosen by name, and never another one. They last for weeks where an entry lasts an hour, so
 * they do not follow `store = "auto"` down to a file.
 */
import { Secret } from "../core/secret.ts";
import type { Host, Patience } from "../host/host.ts";
import { LASTING } from "./stores/private-files.ts";
import { STORES } from "./stores/registry.ts";
import type { Store, StoreResult } from "./stores/store.ts";

/** Names that `refresh_token_store` may have. */
export const VAULT_STORES = ["keychain", "kernel", "runtime", "file", "none"] as const;

export const DEFAULT_VAULT = "keychain";

/** What a login left. */
export interface Login {
  readonly refreshToken: Secret;
  /** Of the assertion that the login ended in; whatever is renewed from it has to say the same. */
  readonly issuer: string;
  readonly subject: string;
  /** When the person logged in, and when the provider last gave a new refresh token, by our clock. */
  readonly loggedInAtMs: number;
  readonly rotatedAtMs: number;
}

export interface Vault {
  /** Name of its store; "none" keeps nothing. */
  readonly store: string;
  /** @param patience "patient": where missing it would ask a person to log in */
  read(patience?: Patience): Promise<StoreResult<Login | undefined>>;
  /** Durable when it resolves. */
  write(login: Login): Promise<StoreResult<void>>;
  /** @returns whether there was one */
  remove(): Promise<StoreResult<boolean>>;
}

const VERSION = 1;

/**
 * @param setting what `refresh_token_store` says; undefined: the keychain
 * @param key of `loginKey`
 */
export function openVault(host: Host, setting: string | undefined, key: string): Vault {
  const store = setting ?? DEFAULT_VAULT;
  const opened = STORES.find(({ name }) => name === store)?.open(host) ?? NOTHING;
  // Named so that a store's tidying leaves it alone: it is not stale after two days.
  const item = `${LASTING}${key}`;
  return {
    store,
    async read(patience) {
      const found = await opened.read(item, patience);
      if (!found.ok || found.value === undefined) return found as StoreResult<undefined>;
      return { ok: true, value: decode(found.value.reveal()) };
    },
    write: (login) => opened.write(item, new Secret(encode(login)), "patient"),
    remove: () => opened.remove(item),
  };
}

const NOTHING: Pick<Store, "read" | "write" | "remove"> = {
  read: async () => ({ ok: true, value: undefined }),
  write: async () => ({ ok: false, problem: { detail: 'refresh_token_store is "none"' } }),
  remove: async () => ({ ok: true, value: false }),
};

function encode({ refreshToken, ...rest }: Login): string {
  return JSON.stringify({ version: VERSION, kind: "login", ...rest, refreshToken: refreshToken.reveal() });
}

/** Undefined for anything this version did not write: a new login is needed then. */
function decode(text: string): Login | undefined {
  let raw: Record<string, unknown> | null;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof raw !== "object" || raw === null || raw.version !== VERSION || raw.kind !== "login") return undefined;
  const { refreshToken, issuer, subject, loggedInAtMs, rotatedAtMs } = raw;
  if (typeof refreshToken !== "string" || refreshToken === "") return undefined;
  if (typeof issuer !== "string" || typeof subject !== "string") return undefined;
  if (typeof loggedInAtMs !== "number" || typeof rotatedAtMs !== "number") return undefined;
  return { refreshToken: new Secret(refreshToken), issuer, subject, loggedInAtMs, rotatedAtMs };
}
