import { obtainCredentials } from "../broker/obtain.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { printable } from "../core/printable.ts";
import { FORMATS, formatNamed } from "../emit/registry.ts";
import type { CommandModule } from "./command.ts";
import { emitContext } from "./emit-context.ts";
import { profileOf } from "./profile-options.ts";

export const run: CommandModule["run"] = async (host, parsed) => {
  const name = String(parsed.options.format ?? "env");
  const format = formatNamed(name);
  if (format === undefined) {
    throw new BrokerError("USAGE", `there is no format "${printable(name, 60)}"`, {
      hint: `--format ${FORMATS.map((one) => one.name).join(", ")}`,
    });
  }
  const resolved = await profileOf(host, parsed);
  const credentials = await obtainCredentials(host, resolved);
  host.streams.writeOut(format.render(credentials, emitContext(resolved.profile)));
  return EXIT.done;
};
