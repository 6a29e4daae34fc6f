import type { Format } from "./format.ts";
import { variableLines } from "./variables.ts";

/** For `… | source`. Inside fish's single quotes only a backslash and the quote are special, and nothing expands. */
export const fishFormat: Format = {
  name: "fish",
  summary: "set -gx lines for fish",
  render(credentials, context) {
    return variableLines(credentials, context, (name, value) => `set -gx ${name} '${value.replace(/[\\']/g, "\\$&")}'`);
  },
};
