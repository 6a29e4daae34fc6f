import { readConfiguration } from "../config/files.ts";
import { problemError } from "../config/problem.ts";
import { START_HINT } from "../config/resolve.ts";
import { BrokerError, EXIT } from "../core/errors.ts";
import { configurationProblems, configurationSummary } from "../doctor/configuration-problems.ts";
import type { CommandModule } from "./command.ts";

export const run: CommandModule["run"] = async (host) => {
  const configuration = readConfiguration(host);
  if (configuration.files.length === 0)
    throw new BrokerError("CONFIG_MISSING", "there is no configuration", { hint: START_HINT });

  const [first, ...rest] = configurationProblems(host, configuration);
  if (first === undefined) {
    host.streams.writeOut(`ok: ${configurationSummary(configuration)}\n`);
    return EXIT.done;
  }
  for (const problem of rest) {
    const { message, hint } = await problemError(problem, host);
    host.streams.writeErr(`sts-broker: ${message}\n${hint === undefined ? "" : `  hint: ${hint}\n`}`);
  }
  throw await problemError(first, host);
};
