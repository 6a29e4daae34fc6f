import { posixQuote } from "../core/posix-quote.ts";
import type { Format } from "./format.ts";
import { variableLines } from "./variables.ts";

/** As `env`, for a script that exports by itself (`set -a`). */
export const envNoExportFormat: Format = {
  name: "env-no-export",
  summary: "assignments for sh, bash, dash, ksh and zsh, without export",
  render(credentials, context) {
    return variableLines(credentials, context, (name, value) => `${name}=${posixQuote(value)}`);
  },
};
