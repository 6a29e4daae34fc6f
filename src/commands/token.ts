import { describeClaims, parseJwt } from "../assertion/jwt.ts";
import { obtainToken } from "../broker/obtain.ts";
import { EXIT } from "../core/errors.ts";
import type { CommandModule } from "./command.ts";
import { profileOf } from "./profile-options.ts";

export const run: CommandModule["run"] = async (host, parsed) => {
  const { token } = await obtainToken(host, await profileOf(host, parsed));
  const text = parsed.options.claims === true ? describeClaims(parseJwt(token, "the token").claims) : token.reveal();
  host.streams.writeOut(`${text}\n`);
  return EXIT.done;
};
