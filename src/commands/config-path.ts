import { configurationPaths } from "../config/files.ts";
import { EXIT } from "../core/errors.ts";
import type { CommandModule } from "./command.ts";

export const run: CommandModule["run"] = async (host) => {
  const lines = configurationPaths(host).map((path) =>
    host.files.stat(path) === undefined ? `${path} (does not exist)` : path,
  );
  host.streams.writeOut(lines.map((line) => `${line}\n`).join(""));
  return EXIT.done;
};
