import type { Check } from "../check.ts";
import { failed, ok } from "../finding.ts";

const OLDEST = [20, 19] as const;

/** What runs us: the npm package on Node, or the executable that brings its own runtime. */
export const runtime: Check = {
  id: "runtime",
  title: "program",
  async run({ host }) {
    const { name, version, standalone } = await host.probe.runtime();
    const what = name === "bun" ? `Bun ${version}` : `Node ${version}`;
    if (standalone) return [ok(`standalone executable (${what}) on ${host.system.platform}`)];
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const [leastMajor, leastMinor] = OLDEST;
    if (name === "node" && (major < leastMajor || (major === leastMajor && minor < leastMinor)))
      return [failed(`${what} is older than ${OLDEST.join(".")}`, "install Node 20.19 or later, 22 or 24")];
    return [ok(`npm package on ${what}, ${host.system.platform}`)];
  },
};
