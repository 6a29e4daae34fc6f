import { join } from "node:path";

/** For {@link describeSystem}: compiled by `node test/setup.mjs`. */
export const KERBEROS_ADDON = join(
  import.meta.dirname,
  "..",
  "..",
  "..",
  "node_modules",
  "kerberos",
  "build",
  "Release",
  "kerberos.node",
);
