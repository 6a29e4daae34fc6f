import { held } from "../held.ts";
import type { Measurement } from "../measurement.ts";
import { inTurn } from "../runner.ts";
import { ADDON } from "../sources/kerberos-realm.ts";

export const addon: Measurement = {
  name: "addon",
  summary: "loading the kerberos addon in Node, against node -e 0",
  programs: [ADDON],
  async run({ runner, bare, rounds }) {
    const load = `require(${JSON.stringify(ADDON)})`;
    const command = { ...bare, argv: [process.execPath, "-e", load] };
    const [base = [], loaded = []] = await inTurn(runner, [bare, command], Math.max(5, Math.ceil(rounds / 3)));
    return [{ name: "addon", what: "kerberos", ...held(loaded, base) }];
  },
};
