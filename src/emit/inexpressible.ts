import { BrokerError } from "../core/errors.ts";

/** A sound value that the chosen format has no spelling for: the remedy is another format. */
export function inexpressible(format: string, variable: string, why: string): BrokerError {
  return new BrokerError("USAGE", `format ${format} cannot carry ${variable}: ${why}`, {
    hint: "use --format json, which carries every value",
  });
}
