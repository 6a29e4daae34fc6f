import { readConfiguration } from "../config/files.ts";
import { EXIT } from "../core/errors.ts";
import { hasControlCharacter } from "../core/printable.ts";
import type { CommandModule } from "./command.ts";

export const run: CommandModule["run"] = async (host) => {
  const names = [...readConfiguration(host).profiles.keys()].filter((name) => !hasControlCharacter(name));
  host.streams.writeOut(names.map((name) => `${name}\n`).join(""));
  return EXIT.done;
};
