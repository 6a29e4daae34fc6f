/** What is embedded; locks and the kernel's keyring need no addon here. */
export const ADDONS = {
  keytar: () => import("keytar"),
  kerberos: () => import("kerberos"),
};
