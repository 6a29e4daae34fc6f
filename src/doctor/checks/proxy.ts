import { printable } from "../../core/printable.ts";
import type { Check } from "../check.ts";
import { type Finding, ofError, ok, skipped } from "../finding.ts";

/** Which way each server is reached. Credentials of a proxy are never shown. */
export const proxy: Check = {
  id: "proxy",
  title: "proxy",
  async run({ host, servers }) {
    const found = await Promise.all(
      servers.map(async ({ url, host: name, about }): Promise<Finding> => {
        try {
          const used = await host.probe.proxy(url);
          const way = used === undefined ? "directly" : `through ${printable(used, 200)}`;
          return ok(`${printable(name, 120)} is reached ${way}`, about);
        } catch (error) {
          return ofError(error, about);
        }
      }),
    );
    return found.length > 0 ? found : [skipped("no server is known")];
  },
};
