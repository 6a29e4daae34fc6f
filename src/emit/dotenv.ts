import { isPlain } from "../core/posix-quote.ts";
import type { Format } from "./format.ts";
import { inexpressible } from "./inexpressible.ts";
import { variableLines } from "./variables.ts";

/**
 * An env file that npm dotenv, python-dotenv, `node --env-file`, `docker run --env-file` and a sourcing shell read alike.
 *
 * There is no quoting they agree on: docker (28.2) keeps quotes as part of the value, npm dotenv knows no escaped quote,
 * python-dotenv expands `${NAME}`, and a `#` starts a comment for most. What they share is the bare value without blanks, quotes, `$`, `#`
 * and backslashes. All that AWS issues is such, so the rest is refused rather than read differently by each.
 */
export const dotenvFormat: Format = {
  name: "dotenv",
  summary: "NAME=value lines for .env readers and docker --env-file",
  render(credentials, context) {
    return variableLines(credentials, context, (name, value) => {
      if (!isPlain(value)) throw inexpressible("dotenv", name, "readers of .env files disagree on quoting");
      return `${name}=${value}`;
    });
  },
};
