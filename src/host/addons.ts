import type { AddonName } from "./host.ts";
import { loadSyscall } from "./syscall.ts";

/** Loads the addon as the program would; one that is not here is not needed. */
export const ADDONS: Readonly<Partial<Record<AddonName, () => Promise<unknown>>>> = {
  keytar: () => import("keytar"),
  koffi: loadSyscall,
  "fs-native-extensions": () => import("fs-native-extensions"),
  kerberos: () => import("kerberos"),
};
