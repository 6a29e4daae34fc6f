import { fileStore } from "./file.ts";
import { keychainStore } from "./keychain.ts";
import type { StoreKind } from "./store.ts";

/** In the order of `store = "auto"`: writes go to the first that works, reads take the first fresh entry. */
export const STORES: readonly StoreKind[] = [keychainStore, fileStore];
