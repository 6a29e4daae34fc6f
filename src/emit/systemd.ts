import { isPlain } from "../core/posix-quote.ts";
import type { Format } from "./format.ts";
import { variableLines } from "./variables.ts";

/**
 * For `EnvironmentFile=`. In double quotes a backslash unescapes `"`, `\`, `` ` `` and `$`, and nothing expands.
 *
 * @see systemd.exec(5), EnvironmentFile=
 */
export const systemdFormat: Format = {
  name: "systemd",
  summary: "an EnvironmentFile= for systemd units",
  render(credentials, context) {
    return variableLines(credentials, context, (name, value) => `${name}=${quote(value)}`);
  },
};

function quote(value: string): string {
  return isPlain(value) ? value : `"${value.replace(/["\\`$]/g, "\\$&")}"`;
}
