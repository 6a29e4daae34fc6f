import type { AddonName } from "./host.ts";
import { loadSyscall } from "./syscall.ts";

/** Loads the addon as the program would. */
export const ADDONS: Readonly<Record<AddonName, () => Promise<unknown>>> = {
  keytar: () => import("keytar"),
  koffi: loadSyscall,
  "fs-native-extensions": () => import("fs-native-extensions"),
  kerberos: () => import("kerberos"),
};
