import { posixQuote } from "../core/posix-quote.ts";
import type { Format } from "./format.ts";
import { variableLines } from "./variables.ts";

/** For `eval "$(…)"`. As `aws configure export-credentials --format env` prints it, but quoted where a value needs it. */
export const envFormat: Format = {
  name: "env",
  summary: "export lines for sh, bash, dash, ksh and zsh",
  render(credentials, context) {
    return variableLines(credentials, context, (name, value) => `export ${name}=${posixQuote(value)}`);
  },
};
