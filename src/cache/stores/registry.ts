import { fileStore } from "./file.ts";
import { kernelStore } from "./kernel.ts";
import { keychainStore } from "./keychain.ts";
import { runtimeStore } from "./runtime.ts";
import type { StoreKind } from "./store.ts";
import { systemdStore } from "./systemd.ts";

/** In the order of `store = "auto"`: writes go to the first that works, reads take the first fresh entry. */
export const STORES: readonly StoreKind[] = [keychainStore, kernelStore, runtimeStore, fileStore, systemdStore];
