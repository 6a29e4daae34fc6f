import type { AddonName } from "../../host/host.ts";
import type { Check, DoctorContext } from "../check.ts";
import { type Finding, failed, ok, warning } from "../finding.ts";
import { kerberosOf } from "../kerberos-of.ts";

interface Addon {
  readonly name: AddonName;
  readonly without: string;
  readonly get: string;
  /** What else it needs of the system. */
  readonly needs: string;
}

const GLIBC = "it ships binaries for glibc; on musl there is none";

const ADDONS: readonly Addon[] = [
  {
    name: "keytar",
    without: 'store = "keychain" and secrets from { keychain } do not work',
    get: "npm install -g sts-broker --include=optional",
    needs: "apt-get install libsecret-1-0 libstdc++6, or dnf install libsecret libstdc++",
  },
  {
    name: "koffi",
    without: 'store = "kernel" does not work',
    get: "npm install -g sts-broker --include=optional",
    needs: GLIBC,
  },
  {
    name: "fs-native-extensions",
    without: "locks are abstract sockets (Linux alone), which other network namespaces do not see",
    get: "npm install -g sts-broker --include=optional",
    needs: GLIBC,
  },
  {
    name: "kerberos",
    without: "identities with Kerberos (Negotiate) do not work",
    get: "npm install -g kerberos@7 --allow-scripts=kerberos",
    needs:
      "apt-get install libgssapi-krb5-2 libstdc++6, or dnf install krb5-libs libstdc++; the executable's own needs glibc 2.34",
  },
];

/** The optional packages with native code: which there are, and what is missing without the others. */
export const addons: Check = {
  id: "addons",
  title: "native addons",
  async run(context) {
    const states = await Promise.all(ADDONS.map(({ name }) => context.host.probe.addon(name)));
    const there = ADDONS.filter((_, index) => states[index] === undefined).map(({ name }) => name);
    const missing = ADDONS.flatMap((addon, index) => {
      const why = states[index];
      return why === undefined || why === "not needed" ? [] : [missingLine(addon, why, context)];
    });
    return [...(there.length === 0 ? [] : [ok(`${there.join(", ")} can be loaded`)]), ...missing];
  },
};

function missingLine(
  { name, without, get, needs }: Addon,
  why: "not installed" | "cannot be loaded",
  { host, profiles, identities }: DoctorContext,
): Finding {
  const line = `${name} ${why === "not installed" ? "is not installed" : "is installed and cannot be loaded"}: ${without}`;
  const hint = why === "not installed" ? get : needs;
  const stores = new Set(profiles.map(({ profile }) => profile.store));
  const [user] = identities.filter((one) => kerberosOf(one, host) !== undefined);
  if (name === "kerberos") {
    if (user === undefined) return ok(`${line}; no identity here needs it`);
    return failed(line, hint, { identity: user.name });
  }
  const wanted = (name === "keytar" && stores.has("keychain")) || (name === "koffi" && stores.has("kernel"));
  return wanted ? failed(line, hint) : warning(line, hint);
}
