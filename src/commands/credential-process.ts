import { obtainCredentials } from "../broker/obtain.ts";
import { EXIT } from "../core/errors.ts";
import { processFormat } from "../emit/process.ts";
import type { CommandModule } from "./command.ts";
import { profileOf } from "./profile-options.ts";

export const run: CommandModule["run"] = async (host, parsed) => {
  const resolved = await profileOf(host, parsed);
  const credentials = await obtainCredentials(host, resolved);
  host.streams.writeOut(processFormat.render(credentials, { profile: resolved.profile.name }));
  return EXIT.done;
};
