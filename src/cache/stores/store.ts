import type { Secret } from "../../core/secret.ts";
import type { Host, Patience } from "../../host/host.ts";

/** Why a store cannot be used now, one line for a person. */
export interface StoreProblem {
  readonly detail: string;
  readonly hint?: string | undefined;
  /** There is no such place for us here and now, so nothing of ours can be seen to be kept there. */
  readonly absent?: boolean | undefined;
  /** It gave no answer in the time it was given, and may yet be well. */
  readonly unanswered?: boolean | undefined;
}

export type StoreResult<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: StoreProblem };

/**
 * A place that keeps entries between calls. Every method is bounded in time, asks nobody anything, and answers with a problem
 * instead of throwing: a cache that fails is a warning. Patience, by default hurried, is for those whom others may keep waiting.
 */
export interface Store {
  /** Undefined when there is no such entry, or none that this machine can open. */
  read(key: string, patience?: Patience): Promise<StoreResult<Secret | undefined>>;
  /** Replaces the entry whole. */
  write(key: string, entry: Secret, patience?: Patience): Promise<StoreResult<void>>;
  /** @returns whether there was one, be it one that this machine cannot open */
  remove(key: string): Promise<StoreResult<boolean>>;
  /** Removes whatever is kept, of whatever profile. @returns the keys; undefined where the store cannot tell what it keeps */
  clear?(): Promise<StoreResult<readonly string[]>>;
  /** Whether a write would work now, found out without writing an entry. */
  check(): Promise<StoreResult<void>>;
}

export interface StoreKind {
  readonly name: string;
  /** One line for a person: where it keeps things. */
  readonly summary: string;
  /** One line for a person: what that protects from, and what not. */
  readonly protects: string;
  /** Whether `store = "auto"` may choose it; otherwise it is chosen by its name alone. */
  readonly auto: boolean;
  open(host: Host): Store;
}
